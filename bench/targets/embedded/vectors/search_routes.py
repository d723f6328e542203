"""The endpoints that read points: from a request to the `result` of its answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import queries, wire
from .collection import Collection
from .errors import malformed, not_found
from .request import Request
from .rules import Json


def search_points(request: Request) -> list[Json]:
    collection = request.collection
    return wire.scored_points(collection.query(queries.parse_search(collection, request.json())))


def query_points(request: Request) -> Json:
    collection = request.collection
    query = queries.parse_query(collection, request.json(), request.store.get)
    return {"points": wire.scored_points(collection.query(query))}


def _batch(request: Request, parse: Callable[[Collection, Json], Any]) -> list[list[Json]]:
    collection, searches = request.collection, request.json().get("searches")
    if not isinstance(searches, list) or not all(isinstance(search, dict) for search in searches):
        raise malformed("missing field `searches`")
    found = collection.query_batch([parse(collection, search) for search in searches])
    return [wire.scored_points(points) for points in found]


def search_batch(request: Request) -> list[list[Json]]:
    return _batch(request, queries.parse_search)


def query_batch(request: Request) -> list[Json]:
    found = _batch(request, lambda points, body: queries.parse_query(points, body, request.store.get))
    return [{"points": points} for points in found]


def retrieve_points(request: Request) -> list[Json]:
    collection, body = request.collection, request.json()
    if "ids" not in body:
        raise malformed("missing field `ids`")
    with_payload = queries.parse_with_payload(body.get("with_payload"), default=True)
    ids = wire.point_ids(body["ids"])
    return wire.records(collection.retrieve(ids, with_payload, body.get("with_vector") or False))


def retrieve_point(request: Request) -> Json:
    given = request.path["id"]
    identity = wire.point_id(int(given) if given.isdecimal() else given)
    found = request.collection.retrieve([identity], True, True)
    if not found:
        raise not_found(f"Point with id {given} does not exists!")
    return wire.records(found)[0]


def count_points(request: Request) -> Json:
    return {"count": request.collection.count(queries.parse_counting(request.json()))}


def scroll_points(request: Request) -> Json:
    points, following = request.collection.scroll(queries.parse_scroll(request.json()))
    return {"points": wire.records(points), "next_page_offset": following}


def facet_points(request: Request) -> Json:
    hits = request.collection.facet(queries.parse_facet(request.json()))
    return {"hits": [{"value": hit.value, "count": hit.count} for hit in hits]}
