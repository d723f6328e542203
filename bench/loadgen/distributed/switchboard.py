"""The master's end of the lines to its workers, on Locust's `MasterRunner`.

Import it where Locust was imported before."""

from __future__ import annotations

import socket
import sys
import time
from dataclasses import dataclass
from typing import Any

from gevent.queue import Queue
from locust.env import Environment
from locust.exception import RPCError
from locust.runners import STATE_MISSING, MasterRunner

from bench.loadgen.distributed import messages

_EVERYWHERE = frozenset({"0.0.0.0", "[::]"})


class CannotListenError(Exception):
    """Nothing can listen at the address."""


@dataclass(frozen=True)
class News:
    """A message as it came: `at` on this machine's monotonic clock."""

    kind: str
    client: str
    data: Any
    at: float


class Switchboard:
    """Listens for workers, puts what they say into a queue, and tells them things."""

    def __init__(self, bind: str, news: Queue[News]) -> None:
        """`bind`: HOST:PORT. Raises CannotListenError where nothing can listen there."""
        host, _, port = bind.rpartition(":")
        environment = Environment()
        try:
            # Locust itself exits where the port is taken.
            self._runner: MasterRunner = environment.create_master_runner(host, int(port))
        except (SystemExit, RPCError) as error:
            raise CannotListenError from error
        self._news = news
        for kind in messages.FROM_WORKERS:
            self._runner.register_message(kind, self._take_down)
        # Where it listens everywhere, others know this machine by its name.
        name = socket.gethostname() if host in _EVERYWHERE else host
        self.address = f"{name}:{self._runner.server.port}"

    def close(self) -> None:
        self._runner.quit()

    def tell(self, client: str, kind: str, message: messages.Message | None = None) -> None:
        """Send a message; a client that is gone does not hear it."""
        data = None if message is None else messages.packed(message)
        try:
            self._runner.send_message(kind, data, client)
        except RPCError as error:
            print(f"{kind} to {client}: {error}", file=sys.stderr, flush=True)

    def is_silent(self, client: str, *, busy: bool) -> bool:
        """Whether a worker has not been heard of for some seconds. One that is `busy` may be silent for
        longer: it counts as gone once Locust forgets it, after a minute."""
        node = self._runner.clients.get(client)
        return node is None or (node.state == STATE_MISSING and not busy)

    def _take_down(self, msg: Any, **_: Any) -> None:
        self._news.put(News(msg.type, str(msg.node_id), msg.data, time.monotonic()))
