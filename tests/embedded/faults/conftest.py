"""Deployments that many tests share: several faults at once in each, where they do not disturb each other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from .bed import Bed, running
from .probes import PROBES

#: Faults that are planted together.
GROUPS: dict[str, tuple[str, ...]] = {
    "one worker": (
        "session-pool", "unbounded-streams", "endless-predictions", "node-eviction", "process-pool", "quote",
        "ram-index", "lying-metrics", "leak", "stall",
    ),
    "two workers": ("lost-updates", "deadlock"),
    "slow": ("cpu", "slow-redis", "slow-qdrant", "slow-clickhouse"),
    "late": ("store-hang", "latency"),
    "killed": ("kill-kato-worker", "kill-qdrant", "kill-clickhouse"),
    "without Redis": ("kill-redis",),
}  # fmt: skip


@pytest.fixture(scope="session")
def bed_of(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str, bool], Bed]]:
    """The deployment that has a fault, with others of its group, or the healthy one to compare it with."""
    beds: dict[tuple[str, int], Bed] = {}
    with ExitStack() as stack:

        def find(name: str, planted: bool) -> Bed:
            group = next(group for group, names in GROUPS.items() if name in names) if planted else "healthy"
            names = GROUPS.get(group, (name,))
            workers = max(PROBES[one].workers for one in names)
            if (group, workers) not in beds:
                texts = [f"{one}={PROBES[one].value(one, quick=True)}" for one in names] if planted else []
                folder = tmp_path_factory.mktemp("bed")
                beds[group, workers] = stack.enter_context(running(folder, texts, workers))
            return beds[group, workers]

        yield find
