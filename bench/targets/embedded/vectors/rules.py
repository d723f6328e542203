"""What a field of a request may hold, and the check of it, with Qdrant's words where it is not so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .errors import malformed, out_of_range

Json = dict[str, Any]


@dataclass(frozen=True)
class Rule:
    """What one field may hold; `None` as a bound means unbounded, and null is always allowed.

    `choices` are the only legal words, where there are any."""

    kind: type
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()


COUNT = Rule(int, 0)
FLAG = Rule(bool)
TEXT = Rule(str)


def checked(given: Any, rules: Mapping[str, Rule], where: str) -> Json:
    """The known, non-null fields of a JSON object. Unknown ones are dropped, as Qdrant does.

    Raises ApiError where a field is of another type or outside its range."""
    if given is None:
        return {}
    if not isinstance(given, dict):
        raise malformed(f"{where}: expected an object")
    return {
        name: _fitting(given[name], rule, f"{where}.{name}")
        for name, rule in rules.items()
        if given.get(name) is not None
    }


def _fitting(value: Any, rule: Rule, field: str) -> Any:
    fits = isinstance(value, (int, float) if rule.kind is float else rule.kind)
    if not fits or isinstance(value, bool) is not (rule.kind is bool):
        raise malformed(f"{field}: invalid value {value!r}, expected {rule.kind.__name__}")
    if rule.choices and value not in rule.choices:
        raise malformed(f"{field}: unknown variant `{value}`, expected one of {', '.join(rule.choices)}")
    if rule.low is not None and rule.high is not None:
        if not rule.low <= value <= rule.high:
            raise out_of_range(field, value, f"from {rule.low} to {rule.high}")
    elif rule.low is not None and value < rule.low:
        raise out_of_range(field, value, f"{rule.low} or larger")
    return value
