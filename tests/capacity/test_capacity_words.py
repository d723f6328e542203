"""What the capacity commands say of a result, for each way in which one can end."""

import io
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bench.capacity.results import SearchResult
from bench.plan import Arrivals, Plan
from bench.report.capacity import capacity_line, print_search


def result(**changes: object) -> SearchResult:
    facts: dict[str, object] = {
        "id": "2026-12-31T00-00-00Z-search-aaaa",
        "created": datetime(2026, 12, 31, tzinfo=UTC),
        "kato_bench": "0",
        "plan": Plan(arrivals=Arrivals(rate=10)),
        "ended": "complete",
        "seconds": 60.0,
        "objectives": ["p95(predict)<80ms"],
        "low": 100.0,
        "high": 105.0,
        "expected": 140.0,
        "recommended": 80.0,
        "trial_seconds": 10.0,
        "trials": [],
    }
    return SearchResult.model_validate(facts | changes)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "held at 100/s and failed at 105/s"),
        ({"high": None}, "never failed"),
        ({"high": None, "ended": "interrupted"}, "was not settled"),
        ({"low": None}, "missed at 105/s already"),
        ({"low": None, "high": None, "ended": "budget"}, "no load was settled"),
        ({"low": None, "high": None, "ended": "refused", "reason": "below the tail"}, "below the tail"),
    ],
)
def test_the_capacity_in_one_sentence(changes: dict[str, object], words: str) -> None:
    line = capacity_line(result(**changes))
    assert words in line
    assert ("never failed" in line) == ("never failed" in words)


def test_an_early_end_is_said_with_its_reason() -> None:
    out = io.StringIO()
    print_search(result(high=None, ended="interrupted", reason="it was stopped"), Path("r.json"), out)
    assert "It ended early: it was stopped." in out.getvalue()
    assert "r.json" in out.getvalue()
