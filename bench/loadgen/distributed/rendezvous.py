"""Where the load processes of a run wait for one another: pure, so that it serves processes of one machine
(`bench.team`) and workers on many (`master.py`) alike.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import IntEnum


class Step(IntEnum):
    """What a load process has come to. It may leave steps out, and never goes back."""

    HERE = 1
    TAUGHT = 2
    FURNISHED = 3
    READY = 4
    OVER = 5
    CLEARED = 6
    DONE = 7


@dataclass(frozen=True, slots=True)
class Go:
    """Leave to go on from a step. One process of all `leads`: it does what is done once. `start`, at READY
    only: when the load begins (monotonic clock of whoever is told), None where it has been called off.
    `taught`: the nodes that any process has taught."""

    step: Step
    leads: bool
    start: float | None = None
    taught: tuple[int, ...] = ()


#: Whom to tell what.
Orders = list[tuple[int, Go]]


class Rendezvous:
    """`members` processes, numbered from 0. Nobody goes on from a step before all that are left have come to
    it; the lowest of them leads. The load begins only if every one of them is ready for it."""

    def __init__(self, members: int, choose_start: Callable[[], float]) -> None:
        """`choose_start` is asked once, when all are ready."""
        self._at = dict.fromkeys(range(members), 0)
        self._told: dict[int, int] = {}
        self._taught: set[int] = set()
        self._choose_start = choose_start
        self.start: float | None = None
        self.called_off = False

    def arrive(self, member: int, step: Step, taught: Iterable[int] = ()) -> Orders:
        """The member has come to `step`, and waits there; it has `taught` these nodes.

        Raises ValueError if it goes back, KeyError if there is no such member left."""
        if step <= self._at[member]:
            raise ValueError(f"load process {member} came to {step.name} after {Step(self._at[member]).name}")
        self._at[member] = step
        self._taught.update(taught)
        self.called_off |= self.start is None and step > Step.READY
        return self._orders()

    def leave(self, member: int) -> Orders:
        """The member is gone, in good order or not: nobody waits for it any more."""
        if self._at.pop(member, None) is not None:
            self.called_off |= self.start is None
        return self._orders()

    def behind(self, step: Step) -> list[int]:
        """The members that are left and have not come to `step`."""
        return [member for member, at in self._at.items() if at < step]

    def _orders(self) -> Orders:
        if not self._at:
            return []
        reached, leader = min(self._at.values()), min(self._at)
        orders = [
            (member, self._go(Step(at), leads=member == leader))
            for member, at in self._at.items()
            if 0 < at <= reached and self._told.get(member) != at
        ]
        self._told |= {member: go.step for member, go in orders}
        return orders

    def _go(self, step: Step, *, leads: bool) -> Go:
        if step != Step.READY or self.called_off:
            return Go(step, leads, taught=tuple(sorted(self._taught)))
        if self.start is None:
            self.start = self._choose_start()
        return Go(step, leads, self.start)
