"""From flags to who carries the load: processes of this machine, or workers that connect to a master."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench import words
from bench.addresses import MASTER_PORT, host_and_port
from bench.errors import UsageError
from bench.plan import MOST_PROCESSES, WORKER_WAIT, LoadersPlan
from bench.record.fingerprint import usable_cores

if TYPE_CHECKING:
    from bench.flags import RunFlags

#: More load processes than this would share a core and be late.
_PROCESSES_A_CORE = 2
#: Where a master listens unless it is told otherwise: nobody else can reach it there.
_LOOPBACK = "127.0.0.1"
#: Seconds.
_LONGEST_WAIT = 86_400.0


def loaders_from(flags: RunFlags, sessions: int) -> LoadersPlan:
    """`sessions`: how many are divided among them. Raises UsageError for what makes no sense."""
    if flags.expect_workers is not None:
        return _workers(flags, flags.expect_workers, sessions)
    for flag, value in (("--master-bind", flags.master_bind), ("--worker-wait", flags.worker_wait)):
        if value is not None:
            raise UsageError(f"{flag} goes with --expect-workers N: only workers elsewhere need a master.")
    number = 1 if flags.processes is None else flags.processes
    _require_number("--processes", number, sessions)
    cores = usable_cores()
    most = min(MOST_PROCESSES, _PROCESSES_A_CORE * cores)
    if number > most:
        raise UsageError(
            f"--processes {number}: this machine has {words.cores(cores)}, and more than {_PROCESSES_A_CORE} "
            f"load processes a core only wait for one another; give 1 to {most}."
        )
    return LoadersPlan(number=number)


def _workers(flags: RunFlags, number: int, sessions: int) -> LoadersPlan:
    if flags.processes is not None:
        raise UsageError(
            "--processes and --expect-workers exclude each other: the load comes from this machine or from "
            "workers; start several workers on a machine with many cores."
        )
    _require_number("--expect-workers", number, sessions)
    host, port = host_and_port("--master-bind", flags.master_bind or _LOOPBACK, MASTER_PORT)
    wait = WORKER_WAIT if flags.worker_wait is None else flags.worker_wait
    if not 1 <= wait <= _LONGEST_WAIT:
        raise UsageError(f"--worker-wait {wait:g}: give seconds from 1 to {_LONGEST_WAIT:,.0f}.")
    return LoadersPlan(number=number, bind=f"{host}:{port}", wait=wait)


def _require_number(flag: str, number: int, sessions: int) -> None:
    if not 1 <= number <= MOST_PROCESSES:
        raise UsageError(f"{flag} {number}: give 1 to {MOST_PROCESSES}.")
    if number > sessions:
        raise UsageError(
            f"{flag} {number}: sessions are divided among them, and the load has {sessions}; give at most "
            f"{sessions}, or more sessions (--data sessions=N, or --users N)."
        )
