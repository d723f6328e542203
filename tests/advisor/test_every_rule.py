"""No rule without fixtures: each is put through the contract somewhere in this folder."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from advisor.rules import discover
from advisor.rules.base import Rule


def _checked() -> set[str]:
    """Names of the functions that are handed to `keeps_contract` first."""
    calls = (
        node
        for path in Path(__file__).parent.glob("test_*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    )
    return {
        first.attr if isinstance(first, ast.Attribute) else getattr(first, "id", "")
        for call in calls
        if call.func.id == "keeps_contract" and call.args  # type: ignore[attr-defined]
        for first in call.args[:1]
    }


@pytest.mark.parametrize("rule", discover(), ids=lambda rule: rule.id)
def test_has_fixtures(rule: Rule) -> None:
    assert rule.judge.__name__ in _checked()


def test_there_are_rules_of_every_family() -> None:
    families = {rule.id.partition(".")[0] for rule in discover()}
    assert families >= {"workers", "hnsw", "redis", "kato"}
    assert len(discover()) >= 15
