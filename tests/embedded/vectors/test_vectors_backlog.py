"""What the index lacks: counted through builds that succeed, fail and are given up."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from bench.targets.embedded.vectors.backlog import Backlog

ids = st.sets(st.integers(0, 20), max_size=8)


class Builds(RuleBasedStateMachine):
    """Beside the backlog, the sets of points outside the index and outside the index being built."""

    def __init__(self) -> None:
        super().__init__()
        self.backlog = Backlog()
        self.outside: set[int] = set()
        self.since: set[int] | None = None

    @rule(points=ids)
    def store(self, points: set[int]) -> None:
        self.backlog.add(points)
        self.outside |= points
        if self.since is not None:
            self.since |= points

    @rule(points=ids)
    def delete(self, points: set[int]) -> None:
        self.backlog.remove(points)
        self.outside -= points
        if self.since is not None:
            self.since -= points

    @precondition(lambda self: self.since is None)
    @rule()
    def begin(self) -> None:
        self.backlog.take()
        self.since = set()

    @precondition(lambda self: self.since is not None)
    @rule()
    def finish(self) -> None:
        assert self.since is not None
        self.backlog.indexed()
        self.outside, self.since = self.since, None
        assert len(self.backlog) == len(self.outside)

    @precondition(lambda self: self.since is not None)
    @rule(declined=st.booleans())
    def give_up(self, declined: bool) -> None:
        self.backlog.give_back(declined=declined)
        self.since = None
        assert not declined or self.backlog.is_declined(100)
        assert len(self.backlog) == len(self.outside)

    @invariant()
    def counts_what_is_outside(self) -> None:
        """A point stored again during a build may be counted twice until the build ends."""
        assert len(self.outside) <= len(self.backlog) <= len(self.outside) + len(self.since or ())


TestBuilds = Builds.TestCase


def test_after_a_restart_only_the_number_is_known() -> None:
    backlog = Backlog(5)
    backlog.add([1, 2])
    assert len(backlog) == 7
    backlog.take()
    backlog.indexed()
    assert len(backlog) == 0


def test_what_was_declined_is_asked_again_after_a_tenth_has_changed() -> None:
    backlog = Backlog()
    backlog.give_back(declined=True)
    backlog.add(range(5))
    backlog.remove(range(4))
    assert backlog.is_declined(100)
    backlog.add([7])
    assert not backlog.is_declined(100)


def test_other_settings_are_reason_enough_to_ask_again() -> None:
    backlog = Backlog()
    backlog.give_back(declined=True)
    backlog.reconsider()
    assert not backlog.is_declined(100)
