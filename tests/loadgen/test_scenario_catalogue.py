from __future__ import annotations

import sys
from importlib.metadata import EntryPoint
from pathlib import Path

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


WHOLE = """
SCENARIO: dict[str, object] = {
    "title": "mine",
    "operations": ["create", "observe"],
    "options": {"nodes": {"default": 1}, "sessions": {"default": 4}},
    "defaults": {"rate": 10.0},
}
"""


def only(monkeypatch: pytest.MonkeyPatch, path: Path) -> None:
    """Have this file as the only scenario besides `chat`."""
    chat = catalogue.find("chat").path
    monkeypatch.setattr(catalogue, "_files", lambda: {"chat": chat, "mine": path})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("def script(:\n", "line 1: this is not Python: "),
        (WHOLE.replace('"mine"', "TITLE"), "line 2: SCENARIO must be a literal"),
        ("SCENARIO = ['mine']", "line 1: SCENARIO must be a dictionary"),
        (WHOLE.replace('"title"', '"name"'), "SCENARIO needs 'title', a str"),
        (WHOLE.replace('"observe"', '"obsreve"'), "names an operation 'obsreve'; there are create, observe,"),
        (WHOLE.replace('"sessions"', '"users"'), "needs an option 'sessions' with a whole number"),
        (
            WHOLE.replace('{"default": 4}', '{"default": 4}, "kind": {"default": "x"}'),
            "the default of 'kind'",
        ),
        (WHOLE.replace("10.0", "0"), "needs a rate among its defaults, above 0"),
        ("# \udce9", "mine.py cannot be read: "),
    ],
)
def test_a_broken_scenario_is_told_by_file_and_line_and_spoils_no_other(
    text: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "mine.py"
    path.write_text(text, encoding="utf-8", errors="surrogateescape")
    only(monkeypatch, path)
    with pytest.raises(UsageError) as refused:
        catalogue.find("mine")
    assert words in str(refused.value)
    assert str(path) in str(refused.value)
    assert catalogue.scenarios().keys() == {"chat"}
    assert catalogue.find("chat").name == "chat"


def test_a_whole_scenario_may_be_annotated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "mine.py"
    path.write_text(WHOLE, encoding="utf-8")
    only(monkeypatch, path)
    assert catalogue.find("mine").about["title"] == "mine"


def test_an_entry_point_that_leads_nowhere_spoils_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    lost = EntryPoint("theirs", "no_such_package.theirs", "kato_bench.scenarios")
    monkeypatch.setattr(catalogue, "entry_points", lambda group: [lost])
    assert catalogue.find("chat").name == "chat"
    with pytest.raises(
        UsageError, match=r"The scenario theirs \(no_such_package\.theirs\) is broken: No mod"
    ):
        catalogue.find("theirs")
