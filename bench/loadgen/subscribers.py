"""Those who listen to KATO's session events while others load it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from typing import Any

import gevent
from gevent.event import Event

from bench.loadgen.client import Exchange
from bench.loadgen.deliveries import Deliveries, Delivery, Key
from bench.loadgen.operations import listen
from bench.loadgen.session import Session
from bench.loadgen.sockets import EventSocket
from bench.loadgen.traffic import Traffic

#: Index of the first subscriber's session; they have none at the target.
FIRST = -1000
#: Seconds until an event counts as missed; it takes milliseconds.
_PATIENCE = 5.0
#: Seconds between two looks for what is missed, and before a socket that broke is opened again.
_LOOK, _AGAIN = 0.5, 1.0


class Subscribers:
    """So many open sockets. Every event of a session that the load makes or deletes (`cause`) is recorded as
    operation `events`, once for each subscriber that hears it or must: from when its cause was sent until it
    arrived."""

    def __init__(self, traffic: Traffic, count: int) -> None:
        """Opens the sockets. Raises OSError where the first ones cannot be opened."""
        assert traffic.sockets is not None
        self._traffic = traffic
        self._sockets = traffic.sockets
        self._deliveries = Deliveries(_PATIENCE)
        self._over = Event()
        self._opened = 0
        self._failures: list[OSError] = []
        self._ready = [Event() for _ in range(count)]
        self._greenlets = [gevent.spawn(self._listen, ready) for ready in self._ready]
        for ready in self._ready:
            ready.wait()
        if self._failures:
            self._end()
            raise self._failures[0]
        self._greenlets.append(gevent.spawn(self._look))

    def cause(self, kind: str, session_id: str, exchange: Exchange) -> None:
        """The request that was answered by `exchange` makes KATO send an event of this kind."""
        assert exchange.sent is not None
        self._record(self._deliveries.cause((kind, session_id), exchange.sent, exchange.connection))

    def close(self) -> dict[str, int]:
        """Wait for what is on its way, close the sockets, and say how many events were caused, and how many
        of them reached a subscriber at all: with several workers, none may listen to one of them."""
        deadline = time.monotonic() + _PATIENCE
        while self._deliveries.awaited and time.monotonic() < deadline:
            gevent.sleep(0.02)
        self._record(self._deliveries.overdue(float("inf")))
        self._end()
        return {"caused": self._deliveries.caused, "heard": self._deliveries.heard, "sockets": self._opened}

    def _end(self) -> None:
        self._over.set()
        gevent.killall(self._greenlets)

    def _listen(self, ready: Event) -> None:
        while not self._over.is_set():
            number = self._opened
            self._opened += 1
            try:
                with self._sockets.subscribe() as socket:
                    socket.wait_for_ever()
                    ready.set()
                    self._hear(socket, number)
            except OSError as error:
                if not ready.is_set():
                    self._failures.append(error)
                    ready.set()
                    return
            self._record(self._deliveries.leave(number))
            self._over.wait(_AGAIN)

    def _hear(self, socket: EventSocket, number: int) -> None:
        while True:
            text = socket.receive()
            key = _key(text)
            if key is not None:
                delivery = self._deliveries.arrive(key, number, time.monotonic())
                self._record([delivery] if delivery is not None else [])

    def _look(self) -> None:
        while not self._over.wait(_LOOK):
            self._record(self._deliveries.overdue(time.monotonic()))

    def _record(self, deliveries: Iterable[Delivery]) -> None:
        for delivery in deliveries:
            exchange = Exchange(sent=delivery.sent, done=delivery.arrived, status=101, error=delivery.error)
            listener = Session(FIRST - delivery.subscriber, -1, "")
            self._traffic.delivered(listener, _REQUEST, exchange)


_REQUEST = listen()


def _key(text: str) -> Key | None:
    """The kind and the session of an event's text; None for what is no session's."""
    try:
        event: Any = json.loads(text)
        return str(event["event_type"]), str(event["data"]["session_id"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
