"""Requests and answers: Qdrant's JSON on one side, the engine's objects on the other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

import qdrant_edge as engine

from .errors import ApiError, malformed, out_of_range, reason_of, wrong_dimension, wrong_input
from .filters import parse_filter

Json = dict[str, Any]
PointId = int | UUID

_DEFAULT_LIMIT = 10

# How the engine begins what is the request's fault.
_REFUSALS = (
    "Vector dimension error",
    "Not existing vector name error",
    "Wrong usage",
    "Wrong input",
    "Bad request",
)


def engine_error(error: Exception) -> ApiError:
    """What the engine refuses, told as Qdrant tells it."""
    reason = reason_of(error)
    if isinstance(error, TypeError | ValueError | OverflowError):
        return malformed(reason)
    if reason.startswith(_REFUSALS):
        return wrong_input(reason.removeprefix("Wrong input: "))
    return ApiError(500, f"Service internal error: {reason}")


def _make(kind: Callable[..., Any], *arguments: Any, **fields: Any) -> Any:
    """One of the engine's objects. Raises ApiError where a field is of the wrong type."""
    try:
        return kind(*arguments, **fields)
    except (TypeError, ValueError, OverflowError) as error:
        raise engine_error(error) from error


def point_id(given: object) -> int | str:
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


def point_ids(given: object) -> list[int | str]:
    if not isinstance(given, list):
        raise malformed("expected a list of point IDs")
    return [point_id(identity) for identity in given]


def _count(body: Json, name: str, default: int, low: int) -> int:
    value = body.get(name)
    if value is None:
        return default
    if not isinstance(value, int) or isinstance(value, bool):
        raise malformed(f"{name}: invalid value {value!r}, expected an unsigned integer")
    if value < low:
        raise out_of_range(name, value, f"{low} or larger")
    return value


# Points in


def parse_points(body: Json, dimension: int) -> list[Any]:
    """The points of an upsert request, in its list or its batch form.

    Every vector's size is checked here: the engine would store the points before the first wrong one."""
    if "batch" in body:
        rows = _batch_rows(body["batch"])
    elif isinstance(body.get("points"), list):
        rows = body["points"]
    else:
        raise malformed("data did not match any variant of untagged enum PointInsertOperations")
    return [_parse_point(row, dimension) for row in rows]


def _batch_rows(batch: Json) -> list[Json]:
    try:
        ids, vectors, payloads = batch["ids"], batch["vectors"], batch.get("payloads")
        if isinstance(vectors, dict):
            vectors = vectors[""]
        if len(vectors) != len(ids) or (payloads is not None and len(payloads) != len(ids)):
            raise wrong_input("number of ids, vectors and payloads of a batch must match")
        return [
            {"id": identity, "vector": vector, "payload": payload}
            for identity, vector, payload in zip(ids, vectors, payloads or [None] * len(ids), strict=True)
        ]
    except (TypeError, KeyError, AttributeError) as error:
        raise malformed("batch: expected `ids`, `vectors` and, optionally, `payloads`") from error


def _parse_point(row: Json, dimension: int) -> Any:
    try:
        vector = row["vector"]
        if isinstance(vector, dict):
            vector = _unnamed(vector)
        if len(vector) != dimension:
            raise wrong_dimension(dimension, len(vector))
        return engine.Point(point_id(row["id"]), vector, row.get("payload"))
    except KeyError as error:
        raise malformed(f"points: missing field `{error.args[0]}`") from error
    except (TypeError, AttributeError) as error:
        raise malformed(
            "points: expected an id, a vector of numbers and, optionally, a payload object"
        ) from error


def _unnamed(vector: Json) -> Any:
    if set(vector) != {""}:
        raise wrong_input(f"Not existing vector name error: {next(iter(set(vector) - {''}), '')}")
    return vector[""]


# Queries in


def parse_search_params(given: Any) -> Any:
    if given is None:
        return None
    if not isinstance(given, dict):
        raise malformed("params: expected an object")
    quantization, acorn = given.get("quantization"), given.get("acorn")
    return _make(
        engine.SearchParams,
        hnsw_ef=given.get("hnsw_ef"),
        exact=given.get("exact") or False,
        indexed_only=given.get("indexed_only") or False,
        quantization=_given_fields(
            engine.QuantizationSearchParams, quantization, ("ignore", "rescore", "oversampling")
        ),
        acorn=_given_fields(engine.AcornSearchParams, acorn, ("enable", "max_selectivity")),
    )


def _given_fields(kind: Callable[..., Any], given: Any, names: tuple[str, ...]) -> Any:
    if given is None:
        return None
    if not isinstance(given, dict):
        raise malformed("params: expected an object")
    return _make(kind, **{name: given[name] for name in names if given.get(name) is not None})


def parse_with_payload(given: object, default: bool = False) -> Any:
    if given is None:
        return default
    if isinstance(given, dict):
        if "include" in given:
            return _make(engine.PayloadSelector.Include, given["include"])
        if "exclude" in given:
            return _make(engine.PayloadSelector.Exclude, given["exclude"])
        raise malformed("with_payload: expected `include` or `exclude`")
    return given


def parse_query(body: Json, nearest: Any, query_filter: Any) -> Any:
    """A nearest-neighbour request. `nearest` is the query vector, or None to list points by id.

    Without `hnsw_ef` the engine searches with the index's own `ef_construct`, as the server does."""
    return _make(
        engine.QueryRequest,
        limit=_count(body, "limit", _DEFAULT_LIMIT, 1),
        offset=_count(body, "offset", 0, 0),
        query=None if nearest is None else _make(engine.Query.Nearest, nearest),
        filter=query_filter,
        params=parse_search_params(body.get("params")),
        with_payload=parse_with_payload(body.get("with_payload")),
        with_vector=body.get("with_vector") or False,
        score_threshold=body.get("score_threshold"),
    )


def excluding(body: Json, identity: int | str) -> Any:
    """The request's filter, without the point that the query was taken from."""
    itself = engine.HasIdCondition({identity})
    given = parse_filter(body.get("filter"))
    return engine.Filter(must=[given] if given is not None else None, must_not=[itself])


def parse_scroll(body: Json) -> Any:
    offset = body.get("offset")
    if body.get("order_by") is not None:
        raise wrong_input("order_by is not supported here")
    return _make(
        engine.ScrollRequest,
        offset=None if offset is None else point_id(offset),
        limit=_count(body, "limit", _DEFAULT_LIMIT, 1),
        filter=parse_filter(body.get("filter")),
        with_payload=parse_with_payload(body.get("with_payload"), default=True),
        with_vector=body.get("with_vector") or False,
    )


def parse_count(body: Json) -> Any:
    exact = body.get("exact")
    return _make(
        engine.CountRequest,
        exact=True if exact is None else exact,
        filter=parse_filter(body.get("filter")),
    )


# Answers out


def scored_points(points: list[Any]) -> list[Json]:
    return [_with_contents({"id": p.id, "version": p.version, "score": p.score}, p) for p in points]


def records(points: list[Any]) -> list[Json]:
    return [_with_contents({"id": p.id}, p) for p in points]


def _with_contents(out: Json, point: Any) -> Json:
    payload, vector = point.payload, point.vector
    if payload is not None:
        out["payload"] = payload
    if vector is not None:
        out["vector"] = vector
    return out
