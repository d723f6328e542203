"""How far apart two monotonic clocks are, from round trips between them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RoundTrip:
    """A question and its answer: when it was `sent` and the answer `received`, by this clock, and what the
    other clock said in between."""

    sent: float
    answered: float
    received: float


@dataclass(frozen=True, slots=True)
class Offset:
    """The other clock less this one, in seconds; it is true within `uncertainty`."""

    seconds: float
    uncertainty: float


def offset(trips: Iterable[RoundTrip]) -> Offset:
    """From the fastest round trip: whatever its two ways took, the answer was given between its ends, so that
    half of its duration bounds the error. Raises ValueError if there is none."""
    best = min(trips, key=lambda trip: trip.received - trip.sent)
    middle = (best.sent + best.received) / 2
    return Offset(best.answered - middle, (best.received - best.sent) / 2)
