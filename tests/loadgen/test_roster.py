"""Which sessions a run has left at the target."""

from __future__ import annotations

from bench.loadgen.roster import Roster
from bench.loadgen.session import Session


def test_what_is_open_is_remembered_as_it_was() -> None:
    roster = Roster()
    session = Session(4, 1, "n1", "first")
    roster.opened(session)
    session.session_id = "second"
    roster.opened(session)
    assert [(one.session_id, one.node_name) for one in roster.remaining()] == [
        ("first", "n1"),
        ("second", "n1"),
    ]
    roster.closed("first")
    roster.closed("never there")
    assert [one.session_id for one in roster.remaining()] == ["second"]


def test_what_has_expired_is_not_asked_for() -> None:
    now = [100.0]
    roster = Roster(lambda: now[0])
    for name in ("left", "kept"):
        roster.opened(Session(0, 0, "n0", name))
    roster.leave(Session(0, 0, "n0", "left"), 60)
    roster.leave(Session(0, 0, "n0", "unknown"), 60)
    assert len(roster.remaining()) == 2
    now[0] = 160.0
    assert [one.session_id for one in roster.remaining()] == ["kept"]
