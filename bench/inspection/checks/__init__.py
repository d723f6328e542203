"""Checks, one file a topic, one pure function a check."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable
from functools import cache

from bench.inspection.checks.base import Check
from bench.inspection.findings import Finding, gravest_first
from bench.inspection.seen import Seen


@cache
def discover() -> tuple[Check, ...]:
    """The checks of all files in this folder."""
    modules = (
        importlib.import_module(f"{__name__}.{module.name}") for module in pkgutil.iter_modules(__path__)
    )
    return tuple(check for module in modules for check in vars(module).values() if isinstance(check, Check))


def judge(seen: Seen, checks: Iterable[Check] | None = None) -> tuple[Finding, ...]:
    """What the checks find (by default all there are), the gravest first. One that raises is reported as a
    finding and silences no other."""
    return gravest_first(
        finding for check in (discover() if checks is None else checks) for finding in check(seen)
    )
