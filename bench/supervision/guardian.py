"""The guardian: parent of every child process of a command, in a process of its own.

It reads requests from a socket whose other end the command holds. When the command goes away, in whatever
manner, the socket reaches its end and the guardian ends all that it started. Run as
`python -m bench.supervision.guardian FD`; it imports the standard library only, so it is up in milliseconds.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import shutil
import signal
import socket
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass

from bench.supervision import processes
from bench.supervision.protocol import MAX_FDS, Decoder, Message, encode

_KILL_PATIENCE = 2.0
_POLL = 0.02


@dataclass
class _Ward:
    """One child that was asked for. `deadline`: when its group is killed, once it was told to end."""

    key: int
    pid: int
    deadline: float | None = None


class Guardian:
    """Serves one command until it is told to end or the command is gone."""

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel
        self._decoder = Decoder()
        self._received_fds: list[int] = []
        self._wards: dict[int, _Ward] = {}
        self._temporary: list[str] = []
        self._ending = False
        self._grace = 2.0

    def run(self) -> None:
        """Serve, then end every descendant, and tidy up for a command that no longer can."""
        processes.become_subreaper()
        with _signals_as_readable() as wakeup, selectors.DefaultSelector() as selector:
            selector.register(self._channel, selectors.EVENT_READ)
            selector.register(wakeup, selectors.EVENT_READ)
            while not self._ending:
                ready = {key.fileobj for key, _ in selector.select(self._patience())}
                if wakeup in ready and signal.SIGTERM in wakeup.recv(4096):
                    break
                if self._channel in ready and not self._serve():
                    break
                self._look_after()
        self._end_all()
        if not self._ending:
            for folder in self._temporary:
                shutil.rmtree(folder, ignore_errors=True)

    def _patience(self) -> float | None:
        deadlines = [ward.deadline for ward in self._wards.values() if ward.deadline is not None]
        return max(0.0, min(deadlines) - time.monotonic()) if deadlines else None

    def _serve(self) -> bool:
        """Answer what has arrived; False when the command is gone."""
        try:
            data, fds, _, _ = socket.recv_fds(self._channel, 65536, MAX_FDS)
        except ConnectionError:
            return False
        for fd in fds:
            os.set_inheritable(fd, False)
        self._received_fds += fds
        for message in self._decoder.feed(data):
            self._answer(message)
        return bool(data)

    def _answer(self, message: Message) -> None:
        match message["op"]:
            case "start":
                self._start(message)
            case "stop":
                self._stop(message["key"], message["grace"])
            case "temporary":
                self._temporary += message["folders"]
            case "end":
                self._grace = message["grace"]
                self._ending = True

    def _start(self, message: Message) -> None:
        fds, self._received_fds = (
            self._received_fds[: message["fds"]],
            self._received_fds[message["fds"] :],
        )
        argv = list(message["argv"])
        for position, fd in enumerate(fds):
            argv = [word.replace(f"{{fd{position}}}", str(fd)) for word in argv]
        try:
            pid = processes.spawn(argv, env=message["env"], cwd=message["cwd"], log=message["log"], fds=fds)
        except OSError as error:
            self._tell({"started": message["key"], "errno": error.errno, "error": error.strerror})
            return
        finally:
            for fd in fds:
                os.close(fd)
        self._wards[pid] = _Ward(message["key"], pid)
        self._tell({"started": message["key"], "pid": pid})

    def _stop(self, key: int, grace: float) -> None:
        for ward in self._wards.values():
            if ward.key == key and ward.deadline is None:
                ward.deadline = time.monotonic() + grace
                _ask_to_end(ward.pid)

    def _look_after(self) -> None:
        for pid, code in processes.reap():
            ward = self._wards.pop(pid, None)
            if ward is not None:
                # A child is over when its leader is: what it left in its group holds its ports.
                processes.signal_group(pid, signal.SIGKILL)
                self._tell({"ended": ward.key, "code": code})
        now = time.monotonic()
        for ward in self._wards.values():
            if ward.deadline is not None and ward.deadline <= now:
                processes.signal_group(ward.pid, signal.SIGKILL)
                ward.deadline = now + _KILL_PATIENCE

    def _end_all(self) -> None:
        """TERM to every group; after the grace, KILL to the groups and to every descendant elsewhere."""
        groups = set(self._wards)
        for group in groups:
            _ask_to_end(group)
        deadline = time.monotonic() + self._grace
        while self._remaining(groups) and time.monotonic() < deadline:
            time.sleep(_POLL)
        deadline = time.monotonic() + _KILL_PATIENCE
        while time.monotonic() < deadline:
            strays = processes.descendants(os.getpid())
            if not self._remaining(groups) and not strays:
                break
            for group in groups:
                processes.signal_group(group, signal.SIGKILL)
            for pid in strays:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(_POLL)

    def _remaining(self, groups: set[int]) -> set[int]:
        """`groups` without those that have nobody left; a number may be given to strangers afterwards."""
        self._look_after()
        groups -= {group for group in groups if not processes.signal_group(group, 0)}
        return groups

    def _tell(self, message: Message) -> None:
        with contextlib.suppress(OSError):  # the command is gone; the main loop will see it
            self._channel.sendall(encode(message))


def _ask_to_end(group: int) -> None:
    """TERM, and CONT so that a stopped process can act on it."""
    processes.signal_group(group, signal.SIGTERM)
    processes.signal_group(group, signal.SIGCONT)


@contextlib.contextmanager
def _signals_as_readable() -> Iterator[socket.socket]:
    read, write = socket.socketpair()
    read.setblocking(False)
    write.setblocking(False)
    for number in (signal.SIGCHLD, signal.SIGTERM):
        signal.signal(number, lambda *_: None)
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    signal.set_wakeup_fd(write.fileno(), warn_on_full_buffer=False)
    try:
        yield read
    finally:
        signal.set_wakeup_fd(-1)
        read.close()
        write.close()


if __name__ == "__main__":
    with socket.socket(fileno=int(sys.argv[1])) as _channel:
        # It was inherited on purpose; the children must not inherit it in turn.
        _channel.set_inheritable(False)
        Guardian(_channel).run()
