"""What each endpoint does: from a request to the `result` of its answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import orjson
import qdrant_edge as engine

from . import wire
from .collection import Collection
from .errors import malformed, not_found, wrong_input
from .filters import parse_filter
from .settings import Settings
from .store import Store

Json = dict[str, Any]


@dataclass(slots=True)
class Request:
    """One request to the store. `path` holds the values of the path's placeholders."""

    store: Store
    path: dict[str, str]
    body: bytes

    @property
    def name(self) -> str:
        return self.path["collection_name"]

    @property
    def collection(self) -> Collection:
        return self.store.get(self.path["collection_name"])

    def json(self) -> Json:
        try:
            body = orjson.loads(self.body)
        except orjson.JSONDecodeError as error:
            raise malformed(str(error)) from error
        if not isinstance(body, dict):
            raise malformed("expected an object")
        return body


# Collections


def list_collections(request: Request) -> Json:
    return {"collections": [{"name": collection.name} for collection in request.store.collections]}


def collection_info(request: Request) -> Json:
    return request.collection.info()


def collection_exists(request: Request) -> Json:
    return {"exists": request.name in request.store}


def create_collection(request: Request) -> bool:
    request.store.create(request.name, Settings.from_request(request.json()))
    return True


async def update_collection(request: Request) -> bool:
    await request.collection.reconfigure(request.json())
    return True


async def delete_collection(request: Request) -> bool:
    return await request.store.drop(request.name)


# Points


def _completed(operation: int) -> Json:
    # With `wait=false`, too: the engine has applied the operation by now.
    return {"operation_id": operation, "status": "completed"}


async def upsert_points(request: Request) -> Json:
    collection = request.collection
    points = wire.parse_points(request.json(), collection.settings.dimension)
    return _completed(await collection.upsert(points))


async def delete_points(request: Request) -> Json:
    collection, body = request.collection, request.json()
    if "points" in body:
        return _completed(await collection.delete(wire.point_ids(body["points"])))
    if body.get("filter") is not None:
        return _completed(await collection.delete_matching(parse_filter(body["filter"])))
    raise malformed("data did not match any variant of untagged enum PointsSelector")


def retrieve_points(request: Request) -> list[Json]:
    collection, body = request.collection, request.json()
    if "ids" not in body:
        raise malformed("missing field `ids`")
    with_payload = wire.parse_with_payload(body.get("with_payload"), default=True)
    ids = wire.point_ids(body["ids"])
    return wire.records(collection.retrieve(ids, with_payload, body.get("with_vector") or False))


def count_points(request: Request) -> Json:
    return {"count": request.collection.count(wire.parse_count(request.json()))}


def scroll_points(request: Request) -> Json:
    points, following = request.collection.scroll(wire.parse_scroll(request.json()))
    return {"points": wire.records(points), "next_page_offset": following}


# Searches


def _parse_search(collection: Collection, body: Json) -> Any:
    """The older form, which names its query `vector`."""
    vector = body.get("vector")
    if isinstance(vector, dict):
        if vector.get("name"):
            raise wrong_input(f"Not existing vector name error: {vector['name']}")
        vector = vector.get("vector")
    if not isinstance(vector, list):
        raise malformed("vector: expected a list of numbers")
    return wire.parse_query(body, vector, parse_filter(body.get("filter")))


def _parse_query(collection: Collection, body: Json) -> Any:
    if body.get("using"):
        raise wrong_input(f"Not existing vector name error: {body['using']}")
    if body.get("prefetch"):
        raise wrong_input("prefetch is not supported here")
    query = body.get("query")
    if isinstance(query, dict):
        if set(query) != {"nearest"}:
            raise wrong_input("only nearest-neighbour queries are supported here")
        query = query["nearest"]
    if query is None or isinstance(query, list):
        return wire.parse_query(body, query, parse_filter(body.get("filter")))
    identity = wire.point_id(query)
    known = collection.retrieve([identity], False, True)
    if not known:
        raise not_found(f"No point with id {identity} found")
    return wire.parse_query(body, known[0].vector, wire.excluding(body, identity))


def search_points(request: Request) -> list[Json]:
    collection = request.collection
    return wire.scored_points(collection.query(_parse_search(collection, request.json())))


def query_points(request: Request) -> Json:
    collection = request.collection
    return {"points": wire.scored_points(collection.query(_parse_query(collection, request.json())))}


def _batch(request: Request, parse: Callable[[Collection, Json], Any]) -> list[list[Json]]:
    collection, searches = request.collection, request.json().get("searches")
    if not isinstance(searches, list) or not all(isinstance(search, dict) for search in searches):
        raise malformed("missing field `searches`")
    found = collection.query_batch([parse(collection, search) for search in searches])
    return [wire.scored_points(points) for points in found]


def search_batch(request: Request) -> list[list[Json]]:
    return _batch(request, _parse_search)


def query_batch(request: Request) -> list[Json]:
    return [{"points": points} for points in _batch(request, _parse_query)]


# Payload indexes

_SCHEMAS = {
    str(schema).rpartition(".")[2].lower(): schema
    for schema in (
        engine.PayloadSchemaType.Keyword,
        engine.PayloadSchemaType.Integer,
        engine.PayloadSchemaType.Float,
        engine.PayloadSchemaType.Geo,
        engine.PayloadSchemaType.Text,
        engine.PayloadSchemaType.Bool,
        engine.PayloadSchemaType.Datetime,
        engine.PayloadSchemaType.Uuid,
    )
}


async def create_payload_index(request: Request) -> Json:
    collection, body = request.collection, request.json()
    schema = body.get("field_schema")
    kind = schema.get("type") if isinstance(schema, dict) else schema
    if not isinstance(body.get("field_name"), str) or kind not in _SCHEMAS:
        raise malformed(f"expected `field_name` and a `field_schema` out of {', '.join(_SCHEMAS)}")
    return _completed(await collection.create_index(body["field_name"], _SCHEMAS[kind]))


async def delete_payload_index(request: Request) -> Json:
    return _completed(await request.collection.delete_index(request.path["field_name"]))


Handler = Callable[[Request], Any | Awaitable[Any]]

_COLLECTION = "/collections/{collection_name}"

# The busiest first: routes are tried in this order.
ENDPOINTS: tuple[tuple[str, str, Handler], ...] = (
    ("POST", f"{_COLLECTION}/points/query", query_points),
    ("POST", f"{_COLLECTION}/points/search", search_points),
    ("PUT", f"{_COLLECTION}/points", upsert_points),
    ("POST", f"{_COLLECTION}/points/query/batch", query_batch),
    ("POST", f"{_COLLECTION}/points/search/batch", search_batch),
    ("POST", f"{_COLLECTION}/points", retrieve_points),
    ("POST", f"{_COLLECTION}/points/count", count_points),
    ("POST", f"{_COLLECTION}/points/scroll", scroll_points),
    ("POST", f"{_COLLECTION}/points/delete", delete_points),
    ("PUT", f"{_COLLECTION}/index", create_payload_index),
    ("DELETE", f"{_COLLECTION}/index/{{field_name}}", delete_payload_index),
    ("GET", f"{_COLLECTION}/exists", collection_exists),
    ("GET", _COLLECTION, collection_info),
    ("PUT", _COLLECTION, create_collection),
    ("PATCH", _COLLECTION, update_collection),
    ("DELETE", _COLLECTION, delete_collection),
    ("GET", "/collections", list_collections),
)

# Endpoints that the server counts; the others are not in its metrics.
COUNTED = frozenset(
    path for _, path, _ in ENDPOINTS if path.startswith((f"{_COLLECTION}/points", f"{_COLLECTION}/index"))
)
