"""The endpoints of collections, aliases and payload indexes: from a request to the `result` of its answer."""

from __future__ import annotations

from .errors import malformed
from .payload_index import parse_schema
from .point_routes import done
from .request import Request
from .rules import Json
from .settings import Settings


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


# Aliases


def change_aliases(request: Request) -> bool:
    request.store.aliases.change(request.json(), request.store.is_collection)
    return True


def list_aliases(request: Request) -> Json:
    return {"aliases": request.store.aliases.describe()}


def collection_aliases(request: Request) -> Json:
    return {"aliases": request.store.aliases.describe(request.collection.name)}


# The cluster that this single node is


def cluster_status(_: Request) -> Json:
    return {"status": "disabled"}


def collection_cluster(request: Request) -> Json:
    shard = {"shard_id": 0, "points_count": request.collection.points, "state": "Active"}
    return {
        "peer_id": 0,
        "shard_count": 1,
        "local_shards": [shard],
        "remote_shards": [],
        "shard_transfers": [],
    }


# Payload indexes


async def create_payload_index(request: Request) -> Json:
    collection, body = request.collection, request.json()
    if not isinstance(body.get("field_name"), str):
        raise malformed("missing field `field_name`")
    return done(
        request, await collection.create_index(body["field_name"], parse_schema(body.get("field_schema")))
    )


async def delete_payload_index(request: Request) -> Json:
    return done(request, await request.collection.delete_index(request.path["field_name"]))
