"""Rules, one file a system, one pure function a rule."""

from __future__ import annotations

import importlib
import pkgutil
from importlib.metadata import EntryPoint, entry_points

from advisor.evidence import Evidence
from advisor.findings import Finding
from advisor.rules.base import Rule, failure

ENTRY_POINT_GROUP = "kato_bench.rules"


def discover() -> tuple[Rule, ...]:
    """Every rule: those of the files in this folder, then those that other packages declare as entry points
    of the group `kato_bench.rules` (each names one rule).

    One from outside that cannot be loaded, is no rule, or takes an id that exists becomes a rule that says
    so: a run that was measured is never left without its summary because of it."""
    modules = (
        importlib.import_module(f"{__name__}.{module.name}") for module in pkgutil.iter_modules(__path__)
    )
    found = {rule.id: rule for module in modules for rule in vars(module).values() if isinstance(rule, Rule)}
    for entry in entry_points(group=ENTRY_POINT_GROUP):
        rule = _load(entry, set(found))
        found[rule.id] = rule
    return tuple(found.values())


def _load(entry: EntryPoint, taken: set[str]) -> Rule:
    try:
        loaded = entry.load()
    except Exception as error:
        return _broken(entry, f"it cannot be loaded ({type(error).__name__}: {error})")
    if not isinstance(loaded, Rule):
        return _broken(entry, f"it names a {type(loaded).__name__} and no rule")
    if loaded.id in taken:
        return _broken(entry, f"there already is a rule {loaded.id}")
    return loaded


def _broken(entry: EntryPoint, reason: str) -> Rule:
    name = f"entry-point.{entry.name}"

    def say(_: Evidence) -> Finding:
        return failure(name, f"The rule {entry.value} of another package was left out: {reason}.")

    return Rule(name, "", lambda _: True, entry.value, say)
