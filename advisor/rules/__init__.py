"""Rules, one file a system, one pure function a rule."""

from __future__ import annotations

import importlib
import pkgutil
from importlib.metadata import entry_points

from advisor.rules.base import Rule

ENTRY_POINT_GROUP = "kato_bench.rules"


def discover() -> tuple[Rule, ...]:
    """Every rule: those of the files in this folder, then those that other packages declare as entry points
    of the group `kato_bench.rules` (each names one rule). Raises ValueError if two share an id."""
    found: dict[str, Rule] = {}
    modules = (
        importlib.import_module(f"{__name__}.{module.name}") for module in pkgutil.iter_modules(__path__)
    )
    ours = [thing for module in modules for thing in vars(module).values() if isinstance(thing, Rule)]
    theirs = [entry.load() for entry in entry_points(group=ENTRY_POINT_GROUP)]
    for rule in [*ours, *theirs]:
        if found.setdefault(rule.id, rule) is not rule:
            raise ValueError(f"two rules are called {rule.id}")
    return tuple(found.values())
