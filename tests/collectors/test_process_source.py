"""Real process trees: nothing that a child used may get lost."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import psutil
import pytest
from collector_rig import wait_for

from bench.collectors.base import Collector, Context, Row
from bench.collectors.process_tree import ProcessTree, children
from bench.collectors.sources.process import ProcessCollector
from bench.targets.base import PartFacts, TargetFacts

Table = Callable[[Collector, list[Row]], dict[tuple[str, str], float]]

#: The kernel counts CPU time of a process in hundredths of a second.
TICK = 0.011

PARENT = """
import subprocess, sys
SPIN = '''
import sys, time
while time.process_time() < float(sys.argv[1]): pass
print("spun", flush=True)
sys.stdin.read()
'''
held = []
for line in sys.stdin:
    word, *rest = line.split()
    if word == "start":
        command = [sys.executable, "-c", SPIN, *rest]
        held.append(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE))
        held[-1].stdout.readline()
    elif word == "end":
        held.pop().communicate()
    elif word == "orphan":
        held.pop()
        held.append(None)
    print(word, flush=True)
"""


class Tree:
    """A parent whose children burn CPU time and end on command."""

    def __init__(self) -> None:
        command = [sys.executable, "-c", PARENT]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )
        self.pid = self.process.pid

    def __call__(self, order: str) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(order + "\n")
        assert self.process.stdout.readline().strip() == order.split()[0]


@pytest.fixture
def tree() -> Iterator[Tree]:
    made = Tree()
    yield made
    for one in psutil.Process(made.pid).children(recursive=True) if made.process.poll() is None else []:
        one.kill()
    made.process.kill()
    made.process.wait()


def test_children_are_found(tree: Tree) -> None:
    assert children(tree.pid) == []
    tree("start 0")
    assert children(tree.pid) == [one.pid for one in psutil.Process(tree.pid).children()]
    assert children(2**22 + 1) == []


def test_cpu_time_of_ended_children_stays(tree: Tree) -> None:
    watched = ProcessTree(tree.pid)
    tree("start 0.4")
    alive = watched.read()
    tree("end")
    ended = watched.read()

    assert len(alive.members) == 2
    assert alive.cpu_seconds >= 0.4 - TICK
    assert list(ended.members) == [tree.pid]
    assert ended.cpu_seconds >= alive.cpu_seconds
    assert watched.read().cpu_seconds < alive.cpu_seconds + 0.4, "counted twice"


def test_a_child_between_two_samples_counts(tree: Tree) -> None:
    watched = ProcessTree(tree.pid)
    before = watched.read()
    tree("start 0.3")
    tree("end")

    assert watched.read().cpu_seconds - before.cpu_seconds == pytest.approx(0.35, abs=0.1)


def test_the_counter_outlives_the_whole_tree(tree: Tree) -> None:
    watched = ProcessTree(tree.pid)
    tree("start 0.2")
    last = watched.read()
    for pid in last.members:
        psutil.Process(pid).kill()
    tree.process.wait()
    wait_for(lambda: not watched.read().members)

    gone = watched.read()
    assert gone.cpu_seconds >= last.cpu_seconds
    assert gone.context_switches >= last.context_switches


def test_orphans_stay_in_the_sum(tree: Tree) -> None:
    watched = ProcessTree(tree.pid)
    tree("start 0.2")
    (orphan,) = children(tree.pid)
    before = watched.read()
    tree.process.kill()
    tree.process.wait()

    try:
        after = watched.read()
        assert after.cpu_seconds >= before.cpu_seconds
    finally:
        if psutil.pid_exists(orphan):
            psutil.Process(orphan).kill()


def test_rows_by_part_and_by_worker(tree: Tree, table: Table) -> None:
    notes: list[tuple[str, dict[str, Any]]] = []
    facts = TargetFacts("embedded", "http://127.0.0.1:1", parts=(PartFacts("kato", pid=tree.pid),))
    context = Context(
        facts, {"load-0": psutil.Process().pid}, lambda kind, **more: notes.append((kind, more))
    )
    collector = ProcessCollector.create(context)
    assert collector is not None
    tree("start 0.1")
    (worker,) = children(tree.pid)
    values = table(collector, collector.sample())

    assert values["processes", "kato"] == 2
    assert values["processes", "load-0"] >= 2
    assert values["cpu_seconds_total", f"kato/{worker}"] >= 0.1 - TICK
    assert values["rss_bytes", "kato"] == pytest.approx(
        values["rss_bytes", f"kato/{worker}"] + values["rss_bytes", f"kato/{tree.pid}"]
    )
    assert not [instance for _, instance in values if instance.startswith("load-0/")]

    tree.process.kill()
    tree.process.wait()
    collector.sample()
    collector.sample()
    assert notes == [("process_gone", {"source": "process", "part": "kato", "pid": tree.pid})]


def test_sampling_is_cheap(tree: Tree) -> None:
    facts = TargetFacts("embedded", "http://127.0.0.1:1", parts=(PartFacts("kato", pid=tree.pid),))
    collector = ProcessCollector(Context(facts))
    tree("start 0")
    begin = time.process_time()
    for _ in range(100):
        collector.sample()

    assert (time.process_time() - begin) / 100 < 0.01
