"""All endpoints: what answers which method and path."""

from __future__ import annotations

from typing import NoReturn

from . import collection_routes as collections
from . import point_routes as points
from . import search_routes as searches
from .errors import unsupported
from .request import Handler, Request

_COLLECTION = "/collections/{collection_name}"


def _refusing(what: str) -> Handler:
    def refuse(_: Request) -> NoReturn:
        raise unsupported(what)

    return refuse


_group_queries = _refusing("group queries")
_distance_matrices = _refusing("distance matrices")
_recommendations = _refusing("the older recommend endpoints, other than as a query,")
_discoveries = _refusing("the older discover endpoints, other than as a query,")
_snapshots = _refusing("snapshots")
_shards = _refusing("changes of shards")
_progress = _refusing("progress reports of optimizations")
_later_names = _refusing("vector names that come or go after the collection's creation")

ENDPOINTS: tuple[tuple[str, str, Handler], ...] = (
    ("POST", f"{_COLLECTION}/points/query", searches.query_points),
    ("POST", f"{_COLLECTION}/points/search", searches.search_points),
    ("PUT", f"{_COLLECTION}/points", points.upsert_points),
    ("POST", f"{_COLLECTION}/points/query/batch", searches.query_batch),
    ("POST", f"{_COLLECTION}/points/search/batch", searches.search_batch),
    ("POST", f"{_COLLECTION}/points", searches.retrieve_points),
    ("POST", f"{_COLLECTION}/points/count", searches.count_points),
    ("POST", f"{_COLLECTION}/points/scroll", searches.scroll_points),
    ("POST", f"{_COLLECTION}/points/delete", points.delete_points),
    ("POST", f"{_COLLECTION}/points/batch", points.update_batch),
    ("PUT", f"{_COLLECTION}/points/vectors", points.update_vectors),
    ("POST", f"{_COLLECTION}/points/vectors/delete", points.delete_vectors),
    ("POST", f"{_COLLECTION}/points/payload", points.set_payload),
    ("PUT", f"{_COLLECTION}/points/payload", points.overwrite_payload),
    ("POST", f"{_COLLECTION}/points/payload/delete", points.delete_payload),
    ("POST", f"{_COLLECTION}/points/payload/clear", points.clear_payload),
    ("POST", f"{_COLLECTION}/points/query/groups", _group_queries),
    ("POST", f"{_COLLECTION}/points/search/groups", _group_queries),
    ("POST", f"{_COLLECTION}/points/search/matrix/pairs", _distance_matrices),
    ("POST", f"{_COLLECTION}/points/search/matrix/offsets", _distance_matrices),
    ("POST", f"{_COLLECTION}/points/recommend", _recommendations),
    ("POST", f"{_COLLECTION}/points/recommend/batch", _recommendations),
    ("POST", f"{_COLLECTION}/points/recommend/groups", _recommendations),
    ("POST", f"{_COLLECTION}/points/discover", _discoveries),
    ("POST", f"{_COLLECTION}/points/discover/batch", _discoveries),
    ("GET", f"{_COLLECTION}/points/{{id}}", searches.retrieve_point),
    ("POST", f"{_COLLECTION}/facet", searches.facet_points),
    ("PUT", f"{_COLLECTION}/index", collections.create_payload_index),
    ("DELETE", f"{_COLLECTION}/index/{{field_name}}", collections.delete_payload_index),
    ("GET", f"{_COLLECTION}/exists", collections.collection_exists),
    ("GET", f"{_COLLECTION}/aliases", collections.collection_aliases),
    ("GET", f"{_COLLECTION}/optimizations", _progress),
    ("GET", f"{_COLLECTION}/cluster", collections.collection_cluster),
    ("POST", f"{_COLLECTION}/cluster", _shards),
    ("PUT", f"{_COLLECTION}/shards", _shards),
    ("POST", f"{_COLLECTION}/shards/delete", _shards),
    ("PUT", f"{_COLLECTION}/vectors/{{vector_name}}", _later_names),
    ("DELETE", f"{_COLLECTION}/vectors/{{vector_name}}", _later_names),
    ("GET", f"{_COLLECTION}/snapshots", _snapshots),
    ("POST", f"{_COLLECTION}/snapshots", _snapshots),
    ("PUT", f"{_COLLECTION}/snapshots/recover", _snapshots),
    ("POST", "/collections/aliases", collections.change_aliases),
    ("GET", _COLLECTION, collections.collection_info),
    ("PUT", _COLLECTION, collections.create_collection),
    ("PATCH", _COLLECTION, collections.update_collection),
    ("DELETE", _COLLECTION, collections.delete_collection),
    ("GET", "/collections", collections.list_collections),
    ("GET", "/aliases", collections.list_aliases),
    ("GET", "/cluster", collections.cluster_status),
    ("GET", "/snapshots", _snapshots),
    ("POST", "/snapshots", _snapshots),
)

#: Endpoints that the server counts; the others are not in its metrics.
COUNTED = frozenset(
    path for _, path, _ in ENDPOINTS if path.startswith((f"{_COLLECTION}/points", f"{_COLLECTION}/index"))
)
