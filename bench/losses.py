"""What a run misses where load processes died: how much of the schedule was theirs and was never sent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

import numpy as np
import pyarrow.compute as pc

from bench.loadgen.distributed.share import Share
from bench.loadgen.schedule import schedule_of
from bench.plan import Plan
from bench.record.finalise import iterate_requests
from bench.record.manifest import LostProcess, Phase
from bench.record.reader import RunRecord


def missing(plan: Plan, ends: Iterable[dict[str, Any]]) -> list[int]:
    """The load processes that ended without a word; `ends` is what the others said."""
    told = {end["process"] for end in ends if "process" in end}
    return [number for number in range(plan.loaders.number) if number not in told]


def lost_processes(
    plan: Plan, record: RunRecord, numbers: Iterable[int], measure: Phase | None
) -> list[LostProcess]:
    """What the load processes `numbers` left unsent in the measure phase, as far as it went."""
    numbers = list(numbers)
    if not numbers or measure is None or measure.end is None:
        return []
    sent: Counter[int] = Counter()
    last: dict[int, float] = {}
    for batch in iterate_requests(record.folder, ("due", "done", "phase", "process")):
        process = batch.column("process").to_numpy()
        due, done = (batch.column(name).to_numpy(zero_copy_only=False) for name in ("due", "done"))
        measured = pc.equal(batch.column("phase"), "measure").to_numpy(False)
        seen = np.fmax(due, done)
        for number in np.unique(process).tolist():
            mine = process == number
            sent[number] += int((mine & measured).sum())
            last[number] = max(last.get(number, 0.0), float(seen[mine].max()))
    due_of = _due(plan, measure.end - measure.start, sent, numbers)
    return [
        LostProcess(
            process=number,
            at=last.get(number, 0.0),
            due=due_of[number],
            unsent=max(0, due_of[number] - sent[number]),
        )
        for number in numbers
    ]


def _due(plan: Plan, seconds: float, sent: Counter[int], lost: list[int]) -> dict[int, int]:
    """How many requests fell to each lost process in so many seconds of the measure phase."""
    processes, sessions = plan.loaders.number, plan.sessions
    if plan.closed:
        users = {number: len(Share(number, processes).sessions(sessions)) for number in range(processes)}
        left = [number for number in users if number not in lost]
        each = sum(sent[number] for number in left) / max(1, sum(users[number] for number in left))
        return {number: max(sent[number], round(each * users[number])) for number in lost}
    begin = plan.phases.warmup
    fell = Counter(
        arrival.session % processes for arrival in schedule_of(plan) if begin <= arrival.due < begin + seconds
    )
    return {number: fell[number] for number in lost}
