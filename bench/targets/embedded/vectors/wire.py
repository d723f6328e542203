"""Values and answers: Qdrant's JSON on one side, the engine's objects on the other."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any
from uuid import UUID

from .errors import ApiError, malformed, not_found, out_of_range, reason_of, wrong_input
from .rules import Json

#: A point's identity as the engine tells it, and in all the forms in which it takes one.
PointId = int | UUID
GivenId = int | UUID | str

# How the engine begins what is the request's fault.
_REFUSALS = (
    "Vector dimension error",
    "Not existing vector name error",
    "No range index",
    "No appropriate index for faceting",
    "Validation failed",
    "Wrong usage",
    "Wrong input",
    "Bad request",
)
_MISSING = "No point with id"


def engine_error(error: Exception) -> ApiError:
    """What the engine refuses, told as Qdrant tells it."""
    reason = reason_of(error)
    if isinstance(error, TypeError | ValueError | OverflowError):
        return malformed(reason)
    if reason.startswith(_MISSING):
        return not_found(reason)
    if reason.startswith(_REFUSALS):
        return wrong_input(reason.removeprefix("Wrong input: "))
    return ApiError(500, f"Service internal error: {reason}")


def make(kind: Callable[..., Any], *arguments: Any, **fields: Any) -> Any:
    """One of the engine's objects. Raises ApiError where a field is of the wrong type."""
    try:
        return kind(*arguments, **fields)
    except (TypeError, ValueError, OverflowError) as error:
        raise engine_error(error) from error


# In


def point_id(given: object) -> GivenId:
    """A point's identity as the engine takes it: an unsigned integer, or a UUID as text."""
    if isinstance(given, int) and not isinstance(given, bool) and 0 <= given < 1 << 64:
        return given
    if isinstance(given, str):
        try:
            UUID(given)
        except ValueError:
            pass
        else:
            return given
    raise malformed(
        f"value {given} is not a valid point ID, valid values are either an unsigned integer or a UUID"
    )


def point_ids(given: object) -> list[GivenId]:
    if not isinstance(given, list):
        raise malformed("expected a list of point IDs")
    return [point_id(identity) for identity in given]


def parse_count(body: Json, name: str, default: int, low: int) -> int:
    """A number of points, at least `low`."""
    value = body.get(name)
    if value is None:
        return default
    if not isinstance(value, int) or isinstance(value, bool):
        raise malformed(f"{name}: invalid value {value!r}, expected an unsigned integer")
    if value < low:
        raise out_of_range(name, value, f"{low} or larger")
    return value


def parse_words(body: Json, field: str) -> list[str]:
    """A list of texts that must be there."""
    words = body.get(field)
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise malformed(f"{field}: expected a list of strings")
    return words


# Out


def scored_points(points: Iterable[Any]) -> list[Json]:
    return [_with_contents({"id": p.id, "version": p.version, "score": p.score}, p) for p in points]


def records(points: Iterable[Any]) -> list[Json]:
    return [_with_contents({"id": p.id}, p) for p in points]


def _with_contents(out: Json, point: Any) -> Json:
    payload, vector, order = point.payload, point.vector, point.order_value
    if payload is not None:
        out["payload"] = payload
    if vector is not None:
        out["vector"] = vector
    if order is not None:
        out["order_value"] = order
    return out
