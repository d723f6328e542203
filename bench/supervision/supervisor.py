"""Children that end with this command, whatever ends it.

The command starts one guardian process; the guardian starts the children, reaps them, and ends them all when
the command closes the supervisor or is gone (exit, Ctrl-C, `kill -9`)."""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from bench.errors import PartFailedError
from bench.supervision.protocol import MAX_FDS, Decoder, Message, encode

GRACE = 2.0
_KILL_PATIENCE = 4.0


@dataclass(frozen=True)
class Child:
    """One supervised process: leader of its own session and process group."""

    name: str
    pid: int
    log: Path
    _key: int
    _supervisor: Supervisor

    def poll(self) -> int | None:
        """The exit code once it has ended (negative: the signal that ended it), else None.

        Raises PartFailedError when the guardian is gone and the exit code unknown."""
        return self._supervisor._exit_code(self._key, 0.0)

    def wait(self, timeout: float | None = None) -> int | None:
        """The exit code; None if it still runs after `timeout` seconds. Raises as `poll` does."""
        return self._supervisor._exit_code(self._key, timeout)

    def stop(self, grace: float = GRACE) -> int | None:
        """End it and its process group: TERM, after `grace` seconds KILL. Its exit code, None if even KILL
        did not end it."""
        self._supervisor._stop(self._key, grace)
        return self.wait(grace + _KILL_PATIENCE)


class Supervisor:
    """Starts children and ends them; a context manager. Raises PartFailedError where the guardian is gone."""

    def __init__(self) -> None:
        self._channel, theirs = socket.socketpair()
        with theirs:
            self._guardian = subprocess.Popen(
                [sys.executable, "-P", "-m", "bench.supervision.guardian", str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                start_new_session=True,
            )
        self._keys = itertools.count(1)
        self._sending = threading.Lock()
        self._news = threading.Condition()
        self._started: dict[int, Message] = {}
        self._codes: dict[int, int] = {}
        self._running: dict[int, int] = {}
        self._lost = False
        self._closed = False
        self._reader = threading.Thread(target=self._read, name="guardian", daemon=True)
        self._reader.start()

    def __enter__(self) -> Supervisor:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def guardian_pid(self) -> int:
        return self._guardian.pid

    def start(
        self,
        name: str,
        argv: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        cwd: str | Path | None = None,
        log: Path,
        fds: Sequence[int] = (),
    ) -> Child:
        """Start a program whose output is appended to `log`.

        The child inherits `fds`; `{fd0}`, `{fd1}`, … in `argv` become their numbers there. The caller keeps
        (and closes) its own. `env` None means this process' environment. Raises PartFailedError if the
        program cannot be started."""
        if len(fds) > MAX_FDS:
            raise ValueError(f"at most {MAX_FDS} descriptors can travel to a child, not {len(fds)}")
        log = log.absolute()
        key = next(self._keys)
        self._send(
            {
                "op": "start",
                "key": key,
                "argv": list(argv),
                "env": dict(os.environ if env is None else env),
                "cwd": str(Path.cwd() if cwd is None else cwd),
                "log": str(log),
                "fds": len(fds),
            },
            fds,
        )
        with self._news:
            self._news.wait_for(lambda: key in self._started or self._lost)
            answer = self._started.pop(key, None)
        if answer is None:
            raise self._gone()
        if "pid" not in answer:
            raise PartFailedError(f"{name} cannot be started: {argv[0]}: {answer['error']}")
        return Child(name, answer["pid"], log, key, self)

    def remove_if_killed(self, folders: Sequence[Path]) -> None:
        """Have these folders removed, with all that is in them, should this command end without `close`."""
        self._send({"op": "temporary", "folders": [str(folder.absolute()) for folder in folders]})

    def close(self, grace: float = GRACE) -> None:
        """End every child, those that ignore TERM after `grace` seconds; safe to call twice."""
        if not self._closed:
            self._closed = True
            with contextlib.suppress(PartFailedError):
                self._send({"op": "end", "grace": grace})
            with contextlib.suppress(OSError):
                # Ends the guardian even where an interrupted request left half a frame on the way.
                self._channel.shutdown(socket.SHUT_WR)
        try:
            self._guardian.wait(grace + _KILL_PATIENCE)
        except subprocess.TimeoutExpired:
            self._guardian.kill()
            self._guardian.wait()
        self._reader.join()
        self._channel.close()

    def _send(self, message: Message, fds: Sequence[int] = ()) -> None:
        data = encode(message)
        try:
            with self._sending:
                if fds:
                    sent = socket.send_fds(self._channel, [data], fds)
                    data = data[sent:]
                self._channel.sendall(data)
        except OSError as error:
            raise self._gone() from error

    def _stop(self, key: int, grace: float) -> None:
        with self._news:
            if key in self._codes:
                return
        self._send({"op": "stop", "key": key, "grace": grace})

    def _exit_code(self, key: int, timeout: float | None) -> int | None:
        with self._news:
            self._news.wait_for(lambda: key in self._codes or self._lost, timeout)
            if key not in self._codes and self._lost:
                raise self._gone()
            return self._codes.get(key)

    def _gone(self) -> PartFailedError:
        if self._closed:
            return PartFailedError("the supervisor of this deployment is closed")
        return PartFailedError(
            f"the guardian process {self._guardian.pid} of this command died, and with it all that it started"
        )

    def _read(self) -> None:
        decoder = Decoder()
        while True:
            try:
                data = self._channel.recv(65536)
            except OSError:
                data = b""
            if not data:
                break
            with self._news:
                for message in decoder.feed(data):
                    self._note(message)
                self._news.notify_all()
        with self._news:
            self._lost = True
            self._news.notify_all()
        self._end_orphans()

    def _note(self, message: Message) -> None:
        if "started" in message:
            self._started[message["started"]] = message
            if "pid" in message:
                self._running[message["started"]] = message["pid"]
        else:
            self._codes[message["ended"]] = message["code"]
            self._running.pop(message["ended"], None)

    def _end_orphans(self) -> None:
        """After a guardian that was killed: its children died with it, what they had started did not."""
        for group in self._running.values():
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(group, signal.SIGKILL)


def tail(log: Path, lines: int = 5) -> str:
    """The last lines of a log that are not blank, for an error message; empty if there is none."""
    try:
        with log.open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - 16384))
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return ""
    found = [line.rstrip() for line in text.splitlines() if line.strip()]
    return "\n".join(line[:300] for line in found[-lines:])
