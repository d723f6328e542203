"""Requests that change points: from Qdrant's JSON to one operation of the engine."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

import qdrant_edge as engine

from .errors import malformed, wrong_dimension, wrong_input
from .filters import parse_filter
from .rules import Json
from .vector_params import UNNAMED
from .wire import GivenId, make, parse_words, point_id, point_ids

_change = engine.UpdateOperation


class Effect(Enum):
    """What an operation does to its points, as far as the index is concerned."""

    STORED = auto()  #: all of them are there now, outside the index
    MOVED = auto()  #: those that were there are outside the index now
    EDITED = auto()  #: as MOVED, but only where one of the edited fields has a payload index
    GONE = auto()
    NONE = auto()


@dataclass(frozen=True, slots=True)
class Write:
    """One operation on the points in `ids`, or on those that pass the filter `matching`.

    `fields` are the roots of the payload fields that it edits; None stands for all of them."""

    operation: Any
    effect: Effect
    ids: Sequence[Any] = ()
    matching: Any = None
    fields: frozenset[str] | None = frozenset()


Parser = Callable[[Json, Mapping[str, int]], Write]

# Points


def upsert(body: Json, sizes: Mapping[str, int]) -> Write:
    """Points in their list or their batch form; `sizes` are the collection's vectors.

    Every vector's size is checked here: the engine would store the points before the first wrong one."""
    if "batch" in body:
        rows = _batch_rows(body["batch"])
    elif isinstance(body.get("points"), list):
        rows = body["points"]
    else:
        raise malformed("data did not match any variant of untagged enum PointInsertOperations")
    points = [_point(row, sizes) for row in rows]
    operation = make(
        _change.upsert_points,
        points,
        condition=parse_filter(body.get("update_filter")),
        update_mode=_update_mode(body.get("update_mode")),
    )
    return Write(operation, Effect.STORED, [point.id for point in points])


_UPDATE_MODES = {
    "upsert": engine.UpdateMode.Upsert,
    "insert_only": engine.UpdateMode.InsertOnly,
    "update_only": engine.UpdateMode.UpdateOnly,
}


def _update_mode(given: object) -> Any:
    if given is None:
        return None
    if not isinstance(given, str) or given not in _UPDATE_MODES:
        raise malformed(f"update_mode: unknown variant `{given}`, expected one of {', '.join(_UPDATE_MODES)}")
    return _UPDATE_MODES[given]


def _batch_rows(batch: Json) -> list[Json]:
    try:
        ids, vectors, payloads = batch["ids"], batch["vectors"], batch.get("payloads")
        rows = _transposed(vectors) if isinstance(vectors, dict) else vectors
        if len(rows) != len(ids) or (payloads is not None and len(payloads) != len(ids)):
            raise wrong_input("number of ids, vectors and payloads of a batch must match")
        return [
            {"id": identity, "vector": vector, "payload": payload}
            for identity, vector, payload in zip(ids, rows, payloads or [None] * len(ids), strict=True)
        ]
    except (TypeError, KeyError, AttributeError) as error:
        raise malformed("batch: expected `ids`, `vectors` and, optionally, `payloads`") from error


def _transposed(columns: Json) -> list[Json]:
    """From one list of vectors a name to the named vectors of each point."""
    if len({len(column) for column in columns.values()}) > 1:
        raise wrong_input("number of ids, vectors and payloads of a batch must match")
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _point(row: Json, sizes: Mapping[str, int]) -> Any:
    try:
        return engine.Point(point_id(row["id"]), _vectors(row["vector"], sizes), row.get("payload"))
    except KeyError as error:
        raise malformed(f"points: missing field `{error.args[0]}`") from error
    except (TypeError, AttributeError) as error:
        raise malformed(
            "points: expected an id, a vector of numbers and, optionally, a payload object"
        ) from error


def _vectors(given: Any, sizes: Mapping[str, int]) -> Any:
    """One vector without a name, or vectors by name; each must fit its vector in the collection."""
    for name, vector in given.items() if isinstance(given, dict) else ((UNNAMED, given),):
        if name not in sizes:
            raise wrong_input(f"Not existing vector name error: {name}")
        if len(vector) != sizes[name]:
            raise wrong_dimension(sizes[name], len(vector))
    if isinstance(given, dict) and set(given) == {UNNAMED}:
        return given[UNNAMED]
    return given


def delete_points(body: Json, _: Mapping[str, int]) -> Write:
    ids, matching = _selected(body)
    operation = _change.delete_points(ids) if matching is None else _change.delete_points_by_filter(matching)
    return Write(operation, Effect.GONE, ids, matching)


def _selected(body: Json) -> tuple[list[GivenId], Any]:
    """The ids that a request addresses, or its filter."""
    if body.get("points") is not None:
        return point_ids(body["points"]), None
    if body.get("filter") is not None:
        return [], parse_filter(body["filter"])
    raise malformed("data did not match any variant of untagged enum PointsSelector")


# Vectors of points that are there


def update_vectors(body: Json, sizes: Mapping[str, int]) -> Write:
    rows = body.get("points")
    if not isinstance(rows, list):
        raise malformed("missing field `points`")
    try:
        vectors = [engine.PointVectors(point_id(row["id"]), _vectors(row["vector"], sizes)) for row in rows]
    except KeyError as error:
        raise malformed(f"points: missing field `{error.args[0]}`") from error
    except (TypeError, AttributeError) as error:
        raise malformed("points: expected an id and a vector of numbers") from error
    operation = make(_change.update_vectors, vectors, condition=parse_filter(body.get("update_filter")))
    return Write(operation, Effect.MOVED, [vector.id for vector in vectors])


def delete_vectors(body: Json, sizes: Mapping[str, int]) -> Write:
    names = parse_words(body, "vector")
    for name in names:
        if name not in sizes:
            raise wrong_input(f"Not existing vector name error: {name}")
    ids, matching = _selected(body)
    if matching is None:
        return Write(_change.delete_vectors(ids, names), Effect.MOVED, ids)
    return Write(_change.delete_vectors_by_filter(matching, names), Effect.MOVED, matching=matching)


# Payload


def set_payload(body: Json, _: Mapping[str, int]) -> Write:
    return _write_payload(body, _change.set_payload, _change.set_payload_by_filter)


def overwrite_payload(body: Json, _: Mapping[str, int]) -> Write:
    write = _write_payload(body, _change.overwrite_payload, _change.overwrite_payload_by_filter)
    return Write(write.operation, Effect.EDITED, write.ids, write.matching, fields=None)


def _write_payload(body: Json, by_id: Callable[..., Any], by_filter: Callable[..., Any]) -> Write:
    payload, key = body.get("payload"), body.get("key")
    if not isinstance(payload, dict):
        raise malformed("missing field `payload`")
    ids, matching = _selected(body)
    operation = (
        make(by_id, ids, payload, key) if matching is None else make(by_filter, matching, payload, key)
    )
    fields = _roots([key] if isinstance(key, str) else payload)
    return Write(operation, Effect.EDITED, ids, matching, fields)


def delete_payload(body: Json, _: Mapping[str, int]) -> Write:
    keys = parse_words(body, "keys")
    ids, matching = _selected(body)
    operation = (
        make(_change.delete_payload, ids, keys)
        if matching is None
        else make(_change.delete_payload_by_filter, matching, keys)
    )
    return Write(operation, Effect.EDITED, ids, matching, _roots(keys))


def clear_payload(body: Json, _: Mapping[str, int]) -> Write:
    ids, matching = _selected(body)
    operation = _change.clear_payload(ids) if matching is None else _change.clear_payload_by_filter(matching)
    return Write(operation, Effect.EDITED, ids, matching, fields=None)


def _roots(paths: Any) -> frozenset[str]:
    return frozenset(root_of(path) for path in paths)


def root_of(path: str) -> str:
    """The top-level field that a path into the payload begins with."""
    return path.partition(".")[0].partition("[")[0]


# Several at once

_BATCHED: dict[str, Parser] = {
    "upsert": upsert,
    "delete": delete_points,
    "set_payload": set_payload,
    "overwrite_payload": overwrite_payload,
    "delete_payload": delete_payload,
    "clear_payload": clear_payload,
    "update_vectors": update_vectors,
    "delete_vectors": delete_vectors,
}


def batch(body: Json, sizes: Mapping[str, int]) -> list[Write]:
    """The operations of a batch request, in their order. Raises ApiError if one is wrong."""
    operations = body.get("operations")
    if not isinstance(operations, list):
        raise malformed("missing field `operations`")
    return [_batched(operation, sizes) for operation in operations]


def _batched(operation: object, sizes: Mapping[str, int]) -> Write:
    if isinstance(operation, dict) and len(operation) == 1:
        ((kind, body),) = operation.items()
        if kind in _BATCHED and isinstance(body, dict):
            return _BATCHED[kind](body, sizes)
    raise malformed("data did not match any variant of untagged enum UpdateOperation")
