"""What a process and all its descendants use, counted so that nothing is lost when children come and go."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

#: Seconds between looks for new descendants. CPU time of a child that lives and dies in between is not
#: lost: the system adds it to the parent that waits for it.
REFRESH_SECONDS = 5.0


@dataclass(frozen=True)
class Usage:
    """One process. `cpu_seconds`: user and system, own; `waited_seconds`: of ended children that it waited
    for. `context_switches` and `run_delay_seconds` (ready to run, but no CPU was free) are those of its
    first thread, which in an event-loop server does the work. None: not known on this system."""

    cpu_seconds: float
    waited_seconds: float
    rss_bytes: int
    threads: int
    open_fds: int | None
    context_switches: int
    run_delay_seconds: float | None


@dataclass(frozen=True)
class TreeUsage:
    """A whole tree; counters never fall. `members`: usage of each process that is alive, by pid."""

    members: dict[int, Usage]
    cpu_seconds: float
    context_switches: int
    run_delay_seconds: float | None


class ProcessTree:
    """A process and its descendants."""

    def __init__(self, root: int) -> None:
        self.root = root
        self._processes: dict[int, psutil.Process] = {}
        self._last: dict[int, Usage] = {}
        self._ended_switches = 0
        self._ended_delay = 0.0
        self._cpu = 0.0
        self._cpu_lost = 0.0
        self._looked = -REFRESH_SECONDS

    def read(self) -> TreeUsage:
        """The tree now; an empty one once all its processes are gone."""
        if time.monotonic() - self._looked >= REFRESH_SECONDS:
            self._look()
        members: dict[int, Usage] = {}
        vanished = []
        for pid, process in self._processes.items():
            usage = _usage(process)
            if usage is None:
                vanished.append(pid)
            else:
                members[pid] = usage
        self._last.update(members)
        for pid in vanished:
            self._retire(pid)
        if vanished:
            self._looked = -REFRESH_SECONDS
        delays = [one.run_delay_seconds for one in members.values() if one.run_delay_seconds is not None]
        return TreeUsage(
            members,
            self._total_cpu(members, settled=not vanished),
            self._ended_switches + sum(one.context_switches for one in members.values()),
            self._ended_delay + sum(delays) if delays or self._ended_delay else None,
        )

    def _total_cpu(self, members: dict[int, Usage], settled: bool) -> float:
        """CPU seconds of the living and of the dead.

        A child's time moves to its parent when the parent waits for it, so the plain sum goes on. Where it
        fell although nothing ended just now (nobody waited, or the parent itself is gone), the difference
        is what was lost, and is added for good. While a child ends, its time is in neither place."""
        total = self._cpu_lost + sum(one.cpu_seconds + one.waited_seconds for one in members.values())
        if settled and total < self._cpu:
            self._cpu_lost += self._cpu - total
        self._cpu = max(self._cpu, total)
        return self._cpu

    def _retire(self, pid: int) -> None:
        del self._processes[pid]
        if (last := self._last.pop(pid, None)) is not None:
            self._ended_switches += last.context_switches
            self._ended_delay += last.run_delay_seconds or 0.0

    def _look(self) -> None:
        """Find new descendants, parents before their children (`_total_cpu` relies on that order)."""
        self._looked = time.monotonic()
        found: dict[int, psutil.Process] = {}
        for pid in _descend(self.root):
            try:
                found[pid] = self._processes.get(pid) or psutil.Process(pid)
            except psutil.Error:
                continue
        # Orphans stay members until they end: they are still the part's work.
        self._processes = {**found, **{pid: one for pid, one in self._processes.items() if pid not in found}}


def _descend(root: int) -> Iterator[int]:
    level = [root]
    seen = {root}
    while level:
        yield from level
        level = [child for pid in level for child in children(pid) if child not in seen]
        seen.update(level)


def memory_bytes(roots: Iterable[int]) -> int:
    """What the trees of these processes take together: a page that several share counts in parts (PSS);
    resident memory where the system does not tell the other."""
    total = 0
    for pid in {member for root in roots for member in _descend(root)}:
        try:
            process = psutil.Process(pid)
            memory = process.memory_full_info() if psutil.LINUX else process.memory_info()
        except psutil.Error:
            continue
        total += getattr(memory, "pss", memory.rss)
    return total


def children(pid: int) -> list[int]:
    """The children of a process; empty if it is gone.

    Linux lists them per thread, at a cost that does not depend on how many processes the machine has."""
    tasks = Path(f"/proc/{pid}/task")
    try:
        return [int(child) for task in tasks.iterdir() for child in (task / "children").read_text().split()]
    except OSError:
        pass
    try:
        return [child.pid for child in psutil.Process(pid).children()]
    except psutil.Error:
        return []


def _usage(process: psutil.Process) -> Usage | None:
    """None if the process is gone, or only its exit status is left of it."""
    try:
        with process.oneshot():
            if process.status() == psutil.STATUS_ZOMBIE:
                return None
            cpu = process.cpu_times()
            switches = process.num_ctx_switches()
            return Usage(
                cpu_seconds=cpu.user + cpu.system,
                waited_seconds=getattr(cpu, "children_user", 0.0) + getattr(cpu, "children_system", 0.0),
                rss_bytes=process.memory_info().rss,
                threads=process.num_threads(),
                open_fds=_open_fds(process),
                context_switches=switches.voluntary + switches.involuntary,
                run_delay_seconds=_run_delay(process.pid),
            )
    except psutil.NoSuchProcess:
        return None


def _open_fds(process: psutil.Process) -> int | None:
    try:
        count: int = process.num_fds()
    except psutil.AccessDenied:
        return None
    return count


def _run_delay(pid: int) -> float | None:
    """Second field of /proc/<pid>/schedstat, nanoseconds (kernel documentation: sched-stats)."""
    try:
        return int(Path(f"/proc/{pid}/schedstat").read_text().split()[1]) / 1e9
    except (OSError, IndexError, ValueError):
        return None
