"""Qdrant's JSON filters as the engine's filter objects."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import qdrant_edge as engine

from .errors import malformed, reason_of

Json = dict[str, Any]


def parse_filter(given: object) -> Any:
    """A filter object, or None for none. Raises ApiError for what is no filter."""
    if given is None:
        return None
    if not isinstance(given, dict):
        raise malformed("filter: expected an object")
    unknown = set(given) - {"must", "should", "must_not", "min_should"}
    if unknown:
        raise malformed(f"filter: unknown field `{min(unknown)}`")
    try:
        minimum = given.get("min_should")
        return engine.Filter(
            must=_conditions(given.get("must")),
            should=_conditions(given.get("should")),
            must_not=_conditions(given.get("must_not")),
            min_should=engine.MinShould(_conditions(minimum["conditions"]), minimum["min_count"])
            if minimum
            else None,
        )
    except RecursionError as error:
        raise malformed("filter: nested too deeply") from error
    except (TypeError, ValueError, OverflowError, KeyError, AttributeError) as error:
        raise malformed(f"filter: {reason_of(error)}") from error


def _conditions(given: Any) -> Any:
    if given is None:
        return None
    return [_condition(condition) for condition in (given if isinstance(given, list) else [given])]


def _condition(given: Json) -> Any:
    for name, build in _CONDITIONS.items():
        if name in given:
            return build(given)
    if "nested" in given:
        return engine.NestedCondition(given["nested"]["key"], parse_filter(given["nested"]["filter"]))
    return parse_filter(given)


def _field(given: Json) -> Any:
    values_count = given.get("values_count")
    return engine.FieldCondition(
        given["key"],
        match=_match(given.get("match")),
        range=_range(given.get("range")),
        geo_bounding_box=_optional(given.get("geo_bounding_box"), _bounding_box),
        geo_radius=_optional(given.get("geo_radius"), _radius),
        geo_polygon=_optional(given.get("geo_polygon"), _polygon),
        values_count=engine.ValuesCount(**values_count) if values_count else None,
        is_empty=given.get("is_empty"),
        is_null=given.get("is_null"),
    )


def _optional(given: Json | None, build: Callable[[Json], Any]) -> Any:
    return None if given is None else build(given)


def _match(given: Json | None) -> Any:
    if given is None:
        return None
    for name, build in _MATCHES.items():
        if name in given:
            return build(given[name])
    raise malformed("filter: data did not match any variant of untagged enum Match")


def _match_value(value: object) -> Any:
    if isinstance(value, bool):
        # The bindings try int first, and Python's bool is one; numpy's is not.
        import numpy

        value = numpy.bool_(value)
    return engine.MatchValue(value)  # type: ignore[arg-type]


def _range(given: Json | None) -> Any:
    if given is None:
        return None
    bounds = {name: given[name] for name in ("lt", "gt", "lte", "gte") if given.get(name) is not None}
    if any(isinstance(bound, str) for bound in bounds.values()):
        return engine.RangeDateTime(**bounds)
    return engine.RangeFloat(**bounds)


def _point(given: Json) -> Any:
    return engine.GeoPoint(lon=given["lon"], lat=given["lat"])


def _bounding_box(given: Json) -> Any:
    return engine.GeoBoundingBox(_point(given["top_left"]), _point(given["bottom_right"]))


def _radius(given: Json) -> Any:
    return engine.GeoRadius(_point(given["center"]), given["radius"])


def _polygon(given: Json) -> Any:
    def ring(points: Json) -> list[Any]:
        return [_point(point) for point in points["points"]]

    interiors = given.get("interiors")
    return engine.GeoPolygon(
        ring(given["exterior"]), [ring(hole) for hole in interiors] if interiors else None
    )


_CONDITIONS: dict[str, Callable[[Json], Any]] = {
    "key": _field,
    "has_id": lambda given: engine.HasIdCondition(set(given["has_id"])),
    "has_vector": lambda given: engine.HasVectorCondition(given["has_vector"]),
    # `is_empty` and `is_null` are conditions of their own only where no `key` stands beside them.
    "is_empty": lambda given: engine.IsEmptyCondition(given["is_empty"]["key"]),
    "is_null": lambda given: engine.IsNullCondition(given["is_null"]["key"]),
}

_MATCHES: dict[str, Callable[[Any], Any]] = {
    "value": _match_value,
    "text": engine.MatchText,
    "text_any": engine.MatchTextAny,
    "phrase": engine.MatchPhrase,
    "prefix": engine.MatchPrefix,
    "substring": engine.MatchSubstring,
    "any": engine.MatchAny,
    "except": engine.MatchExcept,
}
