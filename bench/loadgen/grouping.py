"""Requests that are due together: a pure function from a schedule to a schedule."""

from __future__ import annotations

import random
from collections.abc import Iterator

from bench.loadgen.arrivals import Arrival


def groups(size: int, sessions: int) -> int:
    """How many groups there are; session s belongs to group s modulo this, as its member number s divided by
    this. So the sessions of a group share their node, if the groups are a multiple of the nodes."""
    return max(1, sessions // size)


def in_groups(schedule: Iterator[Arrival], size: int, sessions: int, seed: int) -> Iterator[Arrival]:
    """Of the arrivals one in `size` stays, drawn at random, and with its session its whole group is due at
    that moment.

    So the rate remains what it was, and Poisson arrivals of requests become Poisson arrivals of groups. The
    same arguments give the same arrivals."""
    count = groups(size, sessions)
    rng = random.Random(f"groups/{seed}")
    for arrival in schedule:
        if rng.random() * size < 1:
            for session in range(arrival.session % count, sessions, count):
                yield arrival._replace(session=session)
