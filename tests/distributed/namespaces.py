"""A run with three workers, each in a network namespace of its own with its own loopback, address and, where
the kernel can, monotonic clock: as near to three machines as one comes. Needs root.

    python -m tests.distributed.namespaces [--kill]     prints what came of it; --kill ends one worker mid-run

A bridge joins the namespaces. The target listens on the loopback of this machine; what `ssh -L` would do on
three machines, forwarders do here. All of it is taken down again, whatever happens.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

if __package__:
    from tests.distributed.known_target import (
        COMMAND,
        Finished,
        Processes,
        finished,
        master_of,
        measuring,
        until,
    )
else:
    from known_target import COMMAND, Finished, Processes, finished, master_of, measuring, until

FORWARD = Path(__file__).with_name("forward.py")
#: Addresses that are set aside for benchmarks of networks (RFC 2544).
NETWORK = "198.18.231"
HOST = f"{NETWORK}.1"
#: Seconds by which the monotonic clocks of the namespaces go before this machine's.
SHIFTS = (0, 5_000, 1_000_000)


class UnavailableError(Exception):
    """This machine does not let us make namespaces; the text says why."""


@dataclass(frozen=True)
class Namespace:
    """`net` is how a command begins that runs in its network, `enter` one that has its clock, too; both are
    empty where it is this machine itself."""

    name: str
    net: tuple[str, ...]
    enter: tuple[str, ...]


def _ip(*words: str) -> None:
    done = subprocess.run(["ip", *words], capture_output=True, text=True)
    if done.returncode:
        raise UnavailableError(f"ip {' '.join(words)}: {done.stderr.strip()}")


@contextlib.contextmanager
def namespaces(number: int) -> Iterator[list[Namespace]]:
    """So many namespaces that reach one another, and this machine at HOST. Raises UnavailableError."""
    if os.geteuid() != 0 or shutil.which("ip") is None:
        raise UnavailableError("namespaces take root and iproute2")
    tag = f"kb{os.getpid() % 100_000}"
    bridge, names = f"{tag}b", [f"{tag}n{index}" for index in range(number)]
    try:
        _ip("link", "add", bridge, "type", "bridge")
        _ip("addr", "add", f"{HOST}/24", "dev", bridge)
        _ip("link", "set", bridge, "up")
        for index, name in enumerate(names):
            outside, inside = f"{tag}o{index}", f"{tag}i{index}"
            _ip("netns", "add", name)
            _ip("link", "add", outside, "type", "veth", "peer", "name", inside, "netns", name)
            _ip("link", "set", outside, "master", bridge)
            _ip("link", "set", outside, "up")
            _ip("-n", name, "addr", "add", f"{NETWORK}.{10 + index}/24", "dev", inside)
            _ip("-n", name, "link", "set", inside, "up")
            _ip("-n", name, "link", "set", "lo", "up")
        yield [_namespace(name, index) for index, name in enumerate(names)]
    finally:
        for name in names:
            # With a namespace go its ends of the pairs, and with these the other ends.
            subprocess.run(["ip", "netns", "del", name], capture_output=True)
        subprocess.run(["ip", "link", "del", bridge], capture_output=True)


@contextlib.contextmanager
def places(number: int) -> Iterator[list[Namespace]]:
    """So many namespaces or, where they cannot be made, this machine in their place."""
    with contextlib.ExitStack() as stack:
        try:
            found = stack.enter_context(namespaces(number))
        except UnavailableError:
            found = [Namespace("here", (), ())] * number
        yield found


def _namespace(name: str, index: int) -> Namespace:
    net = ("nsenter", f"--net=/run/netns/{name}")
    return Namespace(name, net, (*net, *_shifted(index)))


def _shifted(index: int) -> tuple[str, ...]:
    """A monotonic clock of its own, where there are time namespaces."""
    shift = ("unshare", "--time", "--fork", "--kill-child", "--monotonic", str(SHIFTS[index % len(SHIFTS)]))
    can = subprocess.run([*shift, "true"], capture_output=True).returncode == 0
    return shift if can else ()


def run(processes: Processes, places: list[Namespace], *, kill: bool) -> Finished:
    """One run with a worker in each of the namespaces; `kill`: the second dies under load."""
    url = processes.server("fixed:0.005")
    port = url.rpartition(":")[2]
    apart = bool(places[0].net)
    host = HOST if apart else "127.0.0.1"
    if apart:
        _forward(processes, (), f"{HOST}:{port}", f"127.0.0.1:{port}")
    for place in places if apart else ():
        _forward(processes, place.net, f"127.0.0.1:{port}", f"{HOST}:{port}")
    flags = ("--rate", "90", "--duration", "9" if kill else "4", "--seed", "7")
    running = processes.run(url, *flags, "--expect-workers", str(len(places)), "--master-bind", f"{host}:0")
    master = master_of(running)
    for place in places:
        processes.start(*place.enter, *COMMAND, "worker", "--master", master)
    if kill:
        record = until(measuring(processes.folder), "a measurement")
        clocks = {one["worker"]: one["pid"] for one in record.events() if one["kind"] == "worker_clock"}
        os.kill(clocks[1], signal.SIGKILL)
    return finished(running)


def _forward(processes: Processes, enter: tuple[str, ...], listen: str, to: str) -> None:
    process = processes.start(*enter, sys.executable, str(FORWARD), listen, to)
    assert process.stdout is not None
    assert process.stdout.readline(), process.communicate()


def main() -> None:
    parser = argparse.ArgumentParser(description="three workers in three network namespaces")
    parser.add_argument("--kill", action="store_true", help="end the second worker under load")
    options = parser.parse_args()
    # So that the namespaces go, too, where somebody ends this.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(1))
    with tempfile.TemporaryDirectory() as place:
        processes = Processes(Path(place))
        try:
            with namespaces(len(SHIFTS)) as places, contextlib.ExitStack() as stack:
                stack.callback(processes.end)
                began = time.monotonic()
                _print(run(processes, places, kill=options.kill), time.monotonic() - began)
        except UnavailableError as error:
            sys.exit(f"no namespaces here: {error}")


def _print(done: Finished, seconds: float) -> None:
    for event in done.record.events():
        if event["kind"] in ("worker_clock", "process_lost"):
            print({name: value for name, value in event.items() if name != "t"})
    load = done.load
    print(f"{len(load)} requests in {seconds:.1f} s, by worker: {load['process'].value_counts().to_dict()}")
    print(
        f"status {done.record.manifest.status}, {done.summary['soundness']['level']}, exit code {done.code}"
    )
    for sentence in done.reasons.values():
        print(f"  {sentence}")


if __name__ == "__main__":
    main()
