"""How several load processes carry one load without changing it.

Each computes the whole schedule, which the seed fixes, and keeps what falls to its own sessions: together
they send what one process would have sent, each request at the same time, in the same session.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

from bench.loadgen.arrivals import Arrival

Item = TypeVar("Item")


@dataclass(frozen=True)
class Share:
    """What falls to load process number `index` of `of`."""

    index: int = 0
    of: int = 1

    def sessions(self, number: int) -> range:
        """The indexes of its sessions, of a load of `number` sessions."""
        return range(self.index, number, self.of)

    def arrivals(self, schedule: Iterable[Arrival]) -> Iterator[Arrival]:
        """The arrivals of its sessions, in due order; `session` becomes the place among them."""
        if self.of == 1:
            return iter(schedule)
        return (
            arrival._replace(session=arrival.session // self.of)
            for arrival in schedule
            if arrival.session % self.of == self.index
        )

    def lessons(self, lessons: Iterable[Item]) -> Iterator[Item]:
        """Its part of what is to be taught."""
        return islice(lessons, self.index, None, self.of)

    def part(self, whole: int) -> int:
        """Its part of a number that is to be divided evenly; all parts add up to it."""
        return whole // self.of + (self.index < whole % self.of)
