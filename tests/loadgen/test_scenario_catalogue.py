from __future__ import annotations

import sys

import pytest

from bench.errors import UsageError
from bench.loadgen import catalogue
from bench.loadgen.world import MAX_NODES
from bench.record.vocabulary import OPERATIONS


def test_scenarios_are_read_without_importing_locust() -> None:
    found = catalogue.scenarios()
    assert {"chat", "train"} <= found.keys()
    assert "corpus" not in found
    assert "locust" not in sys.modules
    for scenario in found.values():
        assert scenario.about["title"]
        assert set(scenario.about["operations"]) <= set(OPERATIONS)
        assert scenario.about["options"]["nodes"]["max"] <= MAX_NODES
        assert scenario.about["defaults"]["rate"] > 0
        for option in scenario.about["options"].values():
            assert option["min"] <= option["default"] <= option["max"]
            assert option["help"]


ABOUT = {
    "options": {
        "nodes": {"default": 4, "min": 1, "max": 90},
        "share": {"default": 0.5, "min": 0.0, "max": 1.0},
        "learn": {"default": True},
    }
}


def test_options_are_typed_and_defaults_filled_in() -> None:
    assert catalogue.option_values(ABOUT, {"nodes": "7", "learn": "no"}) == {
        "nodes": 7,
        "share": 0.5,
        "learn": False,
    }


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"nods": "7"}, "Did you mean nodes?"),
        ({"nodes": "7.5"}, "whole number"),
        ({"nodes": "0"}, "from 1 to 90"),
        ({"share": "nan"}, "from 0.0 to 1.0"),
        ({"learn": "maybe"}, "true or false"),
    ],
)
def test_wrong_options_are_refused(given: dict[str, str], words: str) -> None:
    with pytest.raises(UsageError, match=words.replace("?", r"\?")):
        catalogue.option_values(ABOUT, given)
