"""The pieces of the API that faults replace, each by itself."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any, cast

import psutil
import pytest

from bench.targets.embedded.kato.faults import Planted, planting
from bench.targets.embedded.kato.faults.metrics import LyingMetrics
from bench.targets.embedded.kato.faults.nodes import EvictingNodes
from bench.targets.embedded.kato.faults.patterns import paste
from bench.targets.embedded.kato.faults.requests import Ballast
from bench.targets.embedded.kato.locks import KeyedLocks
from bench.targets.embedded.kato.metrics import WorkerMetrics
from bench.targets.embedded.kato.patterns import PatternStore
from bench.targets.embedded.kato.predictor import Predictor
from bench.targets.embedded.kato.processor import Processor
from bench.targets.embedded.kato.sessions import SessionStore
from bench.targets.embedded.kato.shared_locks import SharedLocks


def test_nothing_planted_replaces_nothing(tmp_path: Path) -> None:
    healthy = Planted()
    assert planting.pattern_store(healthy, True) is PatternStore
    assert planting.predictor(healthy) is Predictor
    assert planting.processor(healthy) is Processor
    assert planting.session_store(healthy) is SessionStore
    assert type(planting.worker_metrics(healthy)) is WorkerMetrics
    assert isinstance(planting.session_locks(healthy, str(tmp_path / "locks")), SharedLocks)


@pytest.mark.parametrize("planted", [Planted(lost_updates=True), Planted(deadlock=True)])
def test_where_workers_must_not_wait_for_each_other_they_do_not(planted: Planted, tmp_path: Path) -> None:
    assert type(planting.session_locks(planted, str(tmp_path / "locks"))) is KeyedLocks


@pytest.mark.parametrize(("use_indexing", "size"), [(True, 7200), (False, 1800)])
def test_without_its_index_a_worker_keeps_a_quarter(use_indexing: bool, size: int) -> None:
    make = planting.pattern_store(Planted(ram_index=7200), use_indexing)
    assert cast(Any, make).args == (None, None, size)


def test_pasting_escapes_nothing() -> None:
    statement = "SELECT {n:UInt32}, {s:String} IN {a:Array(String)}"
    values = {"n": 3, "s": "it's", "a": ["x", "y'"]}
    assert paste(statement, values) == "SELECT 3, 'it's' IN ['x', 'y'']"


def test_a_share_of_requests_is_counted() -> None:
    metrics = LyingMetrics(0.25)
    for _ in range(100):
        metrics.request_ends("GET", "/", 500, 0.1)
    assert metrics.summary(0)["performance"]["total_requests"] == 25
    assert metrics.health() == ("healthy", [])


def test_the_node_used_longest_ago_is_evicted() -> None:
    forgotten: list[str] = []

    async def forget(kb: str) -> None:
        forgotten.append(kb)

    async def serve(*nodes: str) -> None:
        evicting = EvictingNodes(2, forget)
        for node in nodes:
            evicting.touch(node, node)
        await asyncio.sleep(0)

    asyncio.run(serve("a", "b", "a", "c", "d"))
    assert forgotten == ["b", "a"]


_WORKER = """
import asyncio, sys
from pathlib import Path
from bench.targets.embedded.kato.shared_locks import SharedLocks
locks, counter = SharedLocks(Path(sys.argv[1]) / "locks"), Path(sys.argv[1]) / "counter"
async def add():
    async with locks("session"):
        seen = int(counter.read_text())
        await asyncio.sleep(0.001)
        counter.write_text(str(seen + 1))
async def main():
    await asyncio.gather(*(add() for _ in range(50)))
asyncio.run(main())
"""

_HOLDER = """
import asyncio, sys
from pathlib import Path
from bench.targets.embedded.kato.shared_locks import SharedLocks
locks = SharedLocks(Path(sys.argv[1]) / "locks")
async def main():
    async with locks("session"):
        print("held", flush=True)
        await asyncio.sleep(60)
asyncio.run(main())
"""


def test_workers_take_turns_on_a_key(tmp_path: Path) -> None:
    (tmp_path / "counter").write_text("0")
    workers = [subprocess.Popen([sys.executable, "-c", _WORKER, str(tmp_path)]) for _ in range(2)]
    assert [worker.wait(30) for worker in workers] == [0, 0]
    assert (tmp_path / "counter").read_text() == "100"


def test_a_killed_worker_leaves_no_lock_and_other_keys_are_free_all_along(tmp_path: Path) -> None:
    locks = SharedLocks(tmp_path / "locks")

    async def take(key: str, patience: float) -> bool:
        async def taken() -> None:
            async with locks(key):
                pass

        try:
            await asyncio.wait_for(taken(), patience)
        except TimeoutError:
            return False
        return True

    command = [sys.executable, "-c", _HOLDER, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        assert not asyncio.run(take("session", 0.1))
        assert asyncio.run(take("another", 5))
        holder.kill()
        holder.wait()
        assert asyncio.run(take("session", 5))


def test_ballast_is_resident_from_its_first_byte() -> None:
    rss = psutil.Process().memory_info().rss
    ballast = Ballast(7200)
    for _ in range(3000):
        ballast.grow()
    assert psutil.Process().memory_info().rss - rss >= 0.95 * 3000 * 7200
