"""What a run's record says for the growth of cost."""

from __future__ import annotations

from pathlib import Path

import pytest
from runs import make_run, rows

from bench.capacity.measured_size import size_outcome
from bench.record.manifest import Soundness

SOUND = Soundness(level="sound")


def counted(metric: str, values: list[float]) -> list[list[object]]:
    return [[float(t), "redis", "", metric, value] for t, value in enumerate(values)]


@pytest.mark.parametrize(
    ("values", "rise"),
    [([0.0, 0.0, 0.0], 0.0), ([7.0, 7.0, 12.0], 5.0), ([7.0, 2.0, 3.0], 3.0), ([4.0], 0.0)],
)
def test_what_redis_lost_counts_over_the_whole_record(
    tmp_path: Path, values: list[float], rise: float
) -> None:
    """The preload's among it; what was lost before the run is none of it, and a restart counts from zero."""
    for metric in ("evicted_keys_total", "oom_errors_total"):
        record = make_run(tmp_path / metric, [rows("observe", 20)], counted(metric, values), soundness=SOUND)
        outcome = size_outcome(record, 100, 20, ())
        assert (outcome.evicted + outcome.refused, outcome.redis_was_full) == (rise, rise > 0)
