"""Runs that fill every part of a page: with trouble, with hostile names, and for an hour."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from manifests import TARGET
from runs import make_run, rows, usage

from bench.plan import Arrivals, Phases, Plan, TargetPlan
from bench.record.advice import Finding, Patch, Prediction, Recommendation
from bench.record.manifest import Corpus, ObjectiveVerdict, Phase, Reason, Soundness
from bench.record.reader import RunRecord
from bench.record.vocabulary import ERRORS, PHASES

#: What a name must not be able to do to a page.
HOSTILE = "</script><script>document.title='owned'</script><img src=x onerror=alert(1)>\u2028'\"&"

#: A part's name has no slash: behind one stands the number of a process.
HOSTILE_PART = HOSTILE.replace("/", "")

PLAN = Plan(
    arrivals=Arrivals(rate=45.0),
    phases=Phases(warmup=3, measure=30),
    target=TargetPlan(knobs={"redis.maxmemory-policy": "allkeys-lru", "uvicorn.workers": "1"}),
    data={"nodes": 4, "sessions": 20},
    session={"recall_threshold": 0.5},
    objectives=["p95(predict) < 50ms", "errors < 0.1%", "recall@10 >= 0.98"],
    tags={"note": HOSTILE},
)

FINDINGS = [
    Finding(
        id="redis.evicts-metadata",
        severity="critical",
        title="Redis may throw away what KATO learned",
        message="Redis' policy is allkeys-lru at maxmemory 64 MiB: it evicts pattern metadata of which there "
        f"is no other copy. {HOSTILE}",
        evidence={"evicted_keys": 120},
        source="KATO 3.10.1, docker-compose.yml",
        runs=["one"],
        recommendations=[
            Recommendation(
                knob="redis.maxmemory-policy",
                old="allkeys-lru",
                new="noeviction",
                applies="live",
                predicted=[
                    Prediction(
                        metric="evicted_keys",
                        unit="1",
                        kind="at_most",
                        now=120,
                        high=0,
                        model="with noeviction nothing is evicted, by definition",
                    )
                ],
                risk="Writes fail with an error once maxmemory is reached.",
                verify="kato-bench run again: evicted_keys stays 0",
                patches=[
                    Patch(kind="set", title="next run", text="--set redis.maxmemory-policy=noeviction"),
                    Patch(kind="redis", title="at once", text="CONFIG SET maxmemory-policy noeviction\n"),
                ],
            )
        ],
    ),
    Finding(
        id="kato.workers",
        severity="advice",
        title="One worker for two cores",
        message="KATO's worker used 0.93 of the 1 core that it can use; another core is idle.",
        runs=["one"],
        recommendations=[
            Recommendation(
                knob="uvicorn.workers",
                old=1,
                new=2,
                applies="restart",
                predicted=[
                    Prediction(
                        metric="p95(predict)", unit="s", kind="interval", now=0.06, low=0.03, high=0.045,
                        model="two queues instead of one",
                    )
                ],
                risk="Each worker has its own cache.",
                verify="p95(predict) in the next run",
            )
        ],
    ),
    Finding(id="bottleneck.binding", severity="info", title="Binding", message="KATO's worker binds."),
    Finding(
        id="kato.log-level",
        severity="info",
        title="Much is logged",
        message="LOG_LEVEL is INFO.",
        recommendations=[
            Recommendation(
                knob="kato.LOG_LEVEL", old="INFO", new="WARNING", applies="restart", risk="Less is seen.",
                verify="the log",
            )
        ],
    ),
]  # fmt: skip


def troubled_run(folder: Path) -> RunRecord:
    """Errors, evictions, a restart, recall, findings, objectives of every verdict; HOSTILE wherever a user
    or a system can put a text."""
    lost = rows("predict", 1, error="timeout", answered=False, seed=3)
    lost["due"] += 0.3
    busy = [[float(t), "host", f"cpu{n}", "cpu_busy_share", 0.6] for t in range(36) for n in range(2)]
    whole = [[float(t), "host", "", "cpu_busy_share", 0.6] for t in range(36)]
    redis = [
        [float(t), "redis", "", metric, value]
        for t in range(36)
        for metric, value in (("used_memory_bytes", 2**20 * (20 + t)), ("maxmemory_bytes", 2.0**26))
    ]
    recall = [
        {
            "t": 36.0, "kind": "recall", "collection": f"vectors_{HOSTILE}", "points": 50_000,
            "indexed": 50_000, "dimension": 64, "k": 10, "ef": ef, "quantisation_ignored": False,
            "hits": [hits] * 150 + [10] * 150, "seconds": [0.001] * 300,
        }
        for ef, hits in ((None, 6), (16, 4), (64, 6), (256, 9))
    ]  # fmt: skip
    events: list[dict[str, Any]] = [
        *({"t": 35.0, "kind": "phase", **phase} for phase in (
            {"name": "preload", "start": 0.0, "end": 2.0}, {"name": "warmup", "start": 2.0, "end": 5.0},
            {"name": "measure", "start": 5.0, "end": 35.0})),
        {"t": 14.2, "kind": "restarted", "source": "redis", "uptime_seconds": 1},
        {"t": 20.5, "kind": "collector_failed", "source": "qdrant", "error": HOSTILE},
        *recall,
        {"t": 37.0, "kind": "recall_missing", "collection": "other", "reason": "other has too few points"},
    ]  # fmt: skip
    return make_run(
        folder,
        [rows("observe", 20, service=0.004), rows("predict", 20, service=0.03, wait=0.01),
         rows("clear", 4, seed=5), lost],
        [*usage("kato", 0.9), *usage("redis", 0.1, 2**24), *usage(HOSTILE_PART, 0.1), *usage("load-0", 0.1),
         *usage("recorder", 0.02), *usage("collectors", 0.02), *busy, *whole, *redis],
        FINDINGS,
        events,
        plan=PLAN,
        tags=PLAN.tags,
        target=TARGET,
        corpus=Corpus(name=HOSTILE, sha256="ab" * 32, tokens=45_000, vocabulary=5_000),
        live_knobs={
            "redis.maxmemory": 2**26, "redis.maxmemory-policy": "allkeys-lru", "qdrant.hnsw.ef_construct": 32,
        },
        soundness=Soundness(
            level="qualified",
            reasons=[Reason(code="overloaded", sentence="the target was overloaded")],
            unknown=[Reason(code="steal", sentence="steal: unknown")],
        ),
        objectives=[
            ObjectiveVerdict(objective=PLAN.objectives[0], verdict="fail", sentence="p95(predict) is 62 ms"),
            ObjectiveVerdict(objective=PLAN.objectives[1], verdict="inconclusive", sentence=HOSTILE),
            ObjectiveVerdict(objective=PLAN.objectives[2], verdict="pass"),
        ],
    )  # fmt: skip


def hour_run(folder: Path) -> RunRecord:
    """An hour at 60 requests per second, with the metrics of a whole deployment."""
    seconds = 3600
    requests = []
    for seed, (operation, rate, service) in enumerate((("observe", 30, 0.004), ("predict", 30, 0.03))):
        columns = rows(operation, 1, service=service)
        count = seconds * rate
        random = np.random.default_rng(seed)
        due = 10 + np.sort(random.uniform(0, seconds, count))
        made = {name: np.resize(values, count) for name, values in columns.items()}
        made["due"], made["picked"], made["sent"] = due, due + 0.0001, due + 0.0003
        made["done"] = made["sent"] + service * random.lognormal(0, 0.4, count)
        made["phase"] = np.full(count, PHASES.index("measure")).astype(made["phase"].dtype)
        made["error"] = np.full(count, ERRORS.index("")).astype(made["error"].dtype)
        requests.append(made)
    samples = [
        [float(t), "process", part, metric, value]
        for t in range(seconds)
        for part in ("kato", "redis", "qdrant", "clickhouse", "load-0")
        for metric, value in (("cpu_seconds_total", 0.2 * t), ("rss_bytes", 2.0**27 + t))
    ]
    events = [
        {"t": float(t), "kind": "restarted", "source": "redis", "uptime_seconds": 1}
        for t in range(0, seconds, 20)
    ]
    return make_run(
        folder,
        requests,
        samples,
        events=events,
        phases=[Phase(name="preload", start=0, end=9), Phase(name="measure", start=10, end=10 + seconds)],
        plan=PLAN,
    )
