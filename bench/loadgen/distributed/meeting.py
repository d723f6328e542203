"""A load process' side of the rendezvous."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Protocol

from gevent import socket

from bench.loadgen.distributed.rendezvous import Go, Step


class CalledOffError(Exception):
    """Not every load process is ready, and none will be: there is no load."""


class Meeting(Protocol):
    """Where a load process waits for the others of its run."""

    def meet(self, step: Step, taught: Collection[int] = ()) -> Go:
        """Say that this process has come to `step` and has taught these nodes, and wait for leave to go on.

        Where nobody gives it any more, because whoever gathers the processes is gone, the answer calls the
        load off."""


class SocketMeeting:
    """Meets through a socket to the command, with a line of JSON each way."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._answers = sock.makefile("r", encoding="ascii")

    def meet(self, step: Step, taught: Collection[int] = ()) -> Go:
        at = {"at": step, "taught": sorted(taught)}
        try:
            self._socket.sendall(json.dumps(at).encode() + b"\n")
            answer = json.loads(self._answers.readline() or "{}")
        except OSError:
            answer = {}
        leads, start = bool(answer.get("leads")), answer.get("start")
        return Go(step, leads, start, tuple(answer.get("taught", taught)))
