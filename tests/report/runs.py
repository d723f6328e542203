"""Whole run folders with known content."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from manifests import example
from recorder_process import payload

from bench.record import advice
from bench.record import manifest as manifests
from bench.record.advice import Advice, Finding
from bench.record.disk import Disk, Portion
from bench.record.finalise import write_tables
from bench.record.frames import ROW_COLUMNS
from bench.record.manifest import ObjectiveVerdict, Phase, Reason, Soundness
from bench.record.reader import RunRecord
from bench.record.tables import metrics_batch, rows_from_frame
from bench.record.vocabulary import ERRORS, OPERATIONS, PHASES

PHASE_TIMES = [
    Phase(name="preload", start=0.0, end=2.0),
    Phase(name="warmup", start=2.0, end=5.0),
    Phase(name="measure", start=5.0, end=35.0),
]


def rows(
    operation: str,
    per_second: int,
    *,
    service: float = 0.010,
    wait: float = 0.0002,
    lag: float = 0.0001,
    error: str = "",
    answered: bool = True,
    sent: bool = True,
    seed: int = 1,
) -> dict[str, np.ndarray]:
    """Requests at a constant rate from second 2 to 35, with service times of lognormal shape."""
    random = np.random.default_rng(seed)
    due = 2 + np.arange(33 * per_second) / per_second
    count = len(due)
    picked_at = due + lag
    sent_at = picked_at + wait
    done_at = sent_at + service * random.lognormal(0, 0.3, count)
    columns: dict[str, Any] = {
        "due": due,
        "picked": picked_at if sent else np.full(count, math.nan),
        "sent": sent_at if sent else np.full(count, math.nan),
        "done": done_at if answered else np.full(count, math.nan),
        "operation": np.full(count, OPERATIONS.index(operation)),
        "phase": np.where(due < 5, PHASES.index("warmup"), PHASES.index("measure")),
        "error": np.full(count, ERRORS.index(error)),
    }
    return {name: columns.get(name, np.zeros(count)).astype(code) for name, code in ROW_COLUMNS}


def usage(name: str, cores: float, rss: float = 2**27) -> list[list[Any]]:
    """Samples of a process that uses `cores` throughout, once a second."""
    return [
        [float(t), "process", name, metric, value]
        for t in range(36)
        for metric, value in (("cpu_seconds_total", cores * t), ("rss_bytes", rss + t))
    ]


JUDGED = {
    "soundness": Soundness(
        level="qualified", reasons=[Reason(code="not_steady", sentence="the response time drifts by 12 %")]
    ),
    "objectives": [
        ObjectiveVerdict(objective="p95(predict) < 50ms", verdict="pass", sentence="p95(predict) is 17 ms")
    ],
    "findings": [
        Finding(id="binding", severity="info", title="Binding", message="kato binds: 0.93 core of 1")
    ],
}


def make_run(
    folder: Path,
    requests: Sequence[dict[str, np.ndarray]] = (),
    samples: Sequence[list[Any]] = (),
    findings: Sequence[Finding] = (),
    events: Sequence[dict[str, Any]] = (),
    **manifest: Any,
) -> RunRecord:
    """A finished run, or what `manifest` makes of it."""
    folder.mkdir(parents=True, exist_ok=True)
    disk = Disk(folder)
    disk.append(Portion(rows=[rows_from_frame(payload(columns)) for columns in requests]))
    disk.append(Portion(metrics=[metrics_batch(samples)] if samples else []))
    disk.append(Portion(events=[json.dumps(event).encode() + b"\n" for event in events]))
    disk.close()
    write_tables(folder)
    values = {"status": "finished", "phases": PHASE_TIMES, "run": folder.name, **manifest}
    written = example(files=manifests.hash_files(folder), **values)
    written = written.model_copy(update={"totals": RunRecord(folder).count(None, None)})
    manifests.write(folder, written)
    if findings:
        advice.write(folder, Advice(kato_bench="0", runs=[folder.name], findings=list(findings)))
    return RunRecord(folder)
