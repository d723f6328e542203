"""Which subscriber must hear of which session, and when it has.

KATO tells a socket only of the sessions that the worker behind it makes or deletes, and nobody is told
which worker answers a connection. But a socket that has once heard of something sent over a connection
shares that connection's worker, and must hear of everything that is sent over it from then on. Pure:
no clock, no sockets.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

#: The kind of an event, and the id of its session.
Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Delivery:
    """An event on its way to a subscriber: when its cause was sent, and when it arrived (seconds), None if it
    did not and `error` says why."""

    subscriber: int
    sent: float
    arrived: float | None
    error: Literal["", "timeout", "reset"] = ""


class Deliveries:
    """`patience`: seconds after which an event is given up. `caused` counts what was told here, `heard` how
    much of it reached at least one subscriber."""

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self._hears: dict[int, set[int]] = {}
        self._causes: dict[Key, tuple[float, int]] = {}
        self._awaited: dict[tuple[Key, int], float] = {}
        self._early: dict[Key, list[tuple[int, float]]] = {}
        self._unheard: set[Key] = set()
        self.caused = self.heard = 0

    def cause(self, key: Key, sent: float, connection: int) -> list[Delivery]:
        """Something was sent over a connection that subscribers are to hear of; those that already have."""
        self.caused += 1
        self._causes[key] = (sent, connection)
        self._unheard.add(key)
        for subscriber in self._hears.get(connection, ()):
            self._awaited[key, subscriber] = sent
        return [self._arrived(key, subscriber, at) for subscriber, at in self._early.pop(key, ())]

    def arrive(self, key: Key, subscriber: int, at: float) -> Delivery | None:
        """A subscriber has heard of something. None if nobody has told yet what caused it, as with
        the sessions of others."""
        if key not in self._causes:
            self._early.setdefault(key, []).append((subscriber, at))
            return None
        return self._arrived(key, subscriber, at)

    def overdue(self, now: float) -> Iterator[Delivery]:
        """What has not come in time; forgets what is too old to be of use."""
        limit = now - self._patience
        late = [one for one, sent in self._awaited.items() if sent <= limit]
        for one in late:
            yield Delivery(one[1], self._awaited.pop(one), None, "timeout")
        for key in [key for key, (sent, _) in self._causes.items() if sent <= limit]:
            del self._causes[key]
            self._unheard.discard(key)
        for key in [key for key, early in self._early.items() if early[0][1] <= limit]:
            del self._early[key]

    def leave(self, subscriber: int) -> list[Delivery]:
        """A subscriber's socket is gone, and with it what was on its way there."""
        for hearing in self._hears.values():
            hearing.discard(subscriber)
        lost = [one for one in self._awaited if one[1] == subscriber]
        return [Delivery(subscriber, self._awaited.pop(one), None, "reset") for one in lost]

    @property
    def awaited(self) -> int:
        return len(self._awaited)

    def _arrived(self, key: Key, subscriber: int, at: float) -> Delivery:
        sent, connection = self._causes[key]
        self._hears.setdefault(connection, set()).add(subscriber)
        self._awaited.pop((key, subscriber), None)
        if key in self._unheard:
            self._unheard.remove(key)
            self.heard += 1
        return Delivery(subscriber, sent, at)
