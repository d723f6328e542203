"""A whole run of kato-bench: target check, load process, recorder, collectors; run as a program by
`benchmarks.tools`.

    python -m benchmarks.engine_run WORKLOAD URL SESSIONS WARM_UP SECONDS BODY_LENGTH [RATE]

WORKLOAD: a file of `benchmarks/workloads`, without `.py`. Without RATE each session sends its next request as
soon as it has its answer; with it, so many requests a second are due at constant intervals. Prints a JSON
object: of the measure phase, requests, cpu_seconds of load process and recorder together, failures, response
time percentiles in seconds, and the most memory that load process and recorder had resident.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from bench.judging import judge
from bench.plan import Arrivals, Phases, Plan, TargetPlan
from bench.record.estimates import Estimates
from bench.record.manifest import Corpus
from bench.record.reader import RunRecord
from bench.runner import Runner
from bench.stats import series
from bench.supervision.supervisor import Supervisor
from bench.targets.url import UrlTarget

_WORKLOADS = Path(__file__).with_name("workloads")
#: The processes that put a request on its way and keep what became of it.
_COUNTED = ("load-0", "recorder")
_NO_CORPUS = Corpus(name="none", sha256="", tokens=0, vocabulary=0)


def measure(plan: Plan, workload: str, base: Path) -> RunRecord:
    url = plan.target.url
    assert url is not None
    with Supervisor() as supervisor:
        return Runner(
            plan,
            _WORKLOADS / f"{workload}.py",
            _NO_CORPUS,
            supervisor,
            lambda folder: UrlTarget(url),
            judge,
            base=base,
        ).run()


def found_in(record: RunRecord, length: int) -> dict[str, Any]:
    estimates = Estimates(record)
    phase = estimates.span
    assert phase is not None
    assert phase.end is not None
    metrics = record.metrics()
    cpu = [metrics["process", name, "cpu_seconds_total"] for name in _COUNTED]
    # From one sample to another within the phase: what lies between a sample and its end is not known.
    times = cpu[0][0]
    start, end = times[(times >= phase.start) & (times <= phase.end)][[0, -1]]
    used = sum(float(np.diff(np.interp([start, end], *one))[0]) for one in cpu)
    rows = record.requests(["done", "phase", "error", "bytes"]).to_pandas()
    measured = rows[rows["phase"] == "measure"]
    wrong = (measured["error"] != "") | ((measured["bytes"] != length) if length else False)
    answered = (rows["error"] == "") & (rows["done"] >= start) & (rows["done"] < end)
    return {
        "requests": int(answered.sum()),
        "cpu_seconds": used,
        "seconds": float(end - start),
        "failures": int(wrong.sum()),
        "percentiles": {f"{q:g}": estimates.percentile(q).value for q in (0.5, 0.95, 0.99)},
        "peak_bytes": {
            name: series.highest(metrics.get(("process", name, "rss_bytes")), 0.0, phase.end)
            for name in _COUNTED
        },
        "soundness": record.manifest.soundness.level if record.manifest.soundness else None,
    }


def main(
    workload: str, url: str, sessions: int, warmup: float, seconds: float, length: int, rate: float | None
) -> None:
    arrivals = (
        Arrivals(kind="closed", users=sessions) if rate is None else Arrivals(kind="constant", rate=rate)
    )
    plan = Plan(
        # The catalogue knows no workload of ours; the schedule asks it only for what this one lacks, too.
        scenario="chat",
        arrivals=arrivals,
        phases=Phases(warmup=warmup, measure=seconds, drain=2),
        target=TargetPlan(kind="url", url=url),
        data={"nodes": 1, "sessions": sessions},
        connections=sessions,
        keep_data=True,
    )
    with tempfile.TemporaryDirectory() as base:
        print(json.dumps(found_in(measure(plan, workload, Path(base)), length)))


if __name__ == "__main__":
    main(
        sys.argv[1],
        sys.argv[2],
        int(sys.argv[3]),
        float(sys.argv[4]),
        float(sys.argv[5]),
        int(sys.argv[6]),
        float(sys.argv[7]) if len(sys.argv) > 7 else None,
    )
