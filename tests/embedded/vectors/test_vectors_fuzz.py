"""Whatever is asked, the answer is Qdrant's envelope, and never an internal error."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from vectors_front import Front

_NAME = "vectors_fuzzed"
_PATH = f"/collections/{_NAME}"
_CONDITION = {"must": [{"key": "a", "match": {"value": 1}}, {"has_id": [1, 2]}], "must_not": []}
_INDEX = {"field_name": "a", "field_schema": {"type": "integer", "lookup": True, "range": True}}

#: Requests that are well; each is spoilt in one place.
REQUESTS: list[tuple[str, str, dict[str, Any]]] = [
    (
        "PUT",
        "/collections/vectors_fuzzed_other",
        {
            "vectors": {"size": 4, "distance": "Dot", "on_disk": True, "hnsw_config": {"m": 4}},
            "hnsw_config": {"m": 16, "ef_construct": 100, "full_scan_threshold": 10, "on_disk": False},
            "optimizers_config": {"indexing_threshold": 10, "deleted_threshold": 0.5},
            "quantization_config": {"scalar": {"type": "int8", "quantile": 0.99, "always_ram": True}},
            "metadata": {"a": 1},
        },
    ),
    (
        "PATCH",
        _PATH,
        {
            "vectors": {"v": {"on_disk": True, "hnsw_config": {"m": 4}}},
            "hnsw_config": {"m": 8},
            "params": {"on_disk_payload": True},
            "optimizers_config": {"max_optimization_threads": "auto"},
        },
    ),
    (
        "PUT",
        f"{_PATH}/points",
        {"points": [{"id": 1, "vector": {"v": [1, 2, 3, 4]}, "payload": {"a": [1, {"b": None}]}}]},
    ),
    (
        "PUT",
        f"{_PATH}/points",
        {"batch": {"ids": [1, 2], "vectors": {"v": [[1, 2, 3, 4], [1, 2, 3, 4]]}, "payloads": [{}, None]}},
    ),
    ("PUT", f"{_PATH}/points/vectors", {"points": [{"id": 1, "vector": {"w": [1, 2]}}]}),
    ("POST", f"{_PATH}/points/vectors/delete", {"points": [1], "vector": ["w"]}),
    ("POST", f"{_PATH}/points/payload", {"payload": {"a": 1}, "points": [1], "key": "b.c"}),
    ("PUT", f"{_PATH}/points/payload", {"payload": {"a": 1}, "filter": _CONDITION}),
    ("POST", f"{_PATH}/points/payload/delete", {"keys": ["a", "b[].c"], "points": [1]}),
    ("POST", f"{_PATH}/points/payload/clear", {"filter": _CONDITION}),
    (
        "POST",
        f"{_PATH}/points/batch",
        {"operations": [{"delete": {"points": [5]}}, {"upsert": {"points": []}}]},
    ),
    (
        "POST",
        f"{_PATH}/points/query",
        {
            "query": [1, 2, 3, 4],
            "using": "v",
            "filter": _CONDITION,
            "params": {"hnsw_ef": 8, "exact": False, "quantization": {"oversampling": 2.0}},
            "limit": 3,
            "offset": 1,
            "with_payload": {"include": ["a"]},
            "with_vector": ["w"],
            "score_threshold": 0.5,
            "prefetch": [{"query": [1, 2], "using": "w", "limit": 3}],
        },
    ),
    ("POST", f"{_PATH}/points/query", {"query": {"nearest": 1, "mmr": {"diversity": 0.3}}, "using": "v"}),
    (
        "POST",
        f"{_PATH}/points/query",
        {"query": {"recommend": {"positive": [1], "negative": [[1, 2, 3, 4]]}}, "using": "v"},
    ),
    (
        "POST",
        f"{_PATH}/points/query",
        {"query": {"discover": {"target": 1, "context": [{"positive": 1, "negative": 2}]}}, "using": "v"},
    ),
    (
        "POST",
        f"{_PATH}/points/query",
        {"query": {"rrf": {"k": 3, "weights": [1.0]}}, "prefetch": {"query": 1, "using": "v"}},
    ),
    (
        "POST",
        f"{_PATH}/points/search",
        {"vector": {"name": "v", "vector": [1, 2, 3, 4]}, "limit": 3, "with_payload": ["a"]},
    ),
    ("POST", f"{_PATH}/points/query/batch", {"searches": [{"query": [1, 2], "using": "w"}]}),
    ("POST", f"{_PATH}/points", {"ids": [1, 2], "with_payload": True, "with_vector": ["v"]}),
    (
        "POST",
        f"{_PATH}/points/scroll",
        {"limit": 2, "offset": None, "order_by": {"key": "a"}, "filter": _CONDITION},
    ),
    ("POST", f"{_PATH}/points/count", {"exact": False, "filter": _CONDITION}),
    ("POST", f"{_PATH}/facet", {"key": "a", "limit": 2, "filter": _CONDITION}),
    ("PUT", f"{_PATH}/index", _INDEX),
    (
        "POST",
        "/collections/aliases",
        {"actions": [{"create_alias": {"collection_name": _NAME, "alias_name": "fuzzed"}}]},
    ),
    (
        "POST",
        f"{_PATH}/points/count",
        {
            "filter": {
                "min_should": {"conditions": [{"key": "t", "match": {"text": "x"}}], "min_count": 1},
                "should": [
                    {"nested": {"key": "parts", "filter": {"must": [{"key": "w", "range": {"gt": 1}}]}}},
                    {"key": "d", "range": {"gte": "2026-01-01T00:00:00Z"}},
                    {"key": "g", "geo_radius": {"center": {"lon": 1.0, "lat": 2.0}, "radius": 5.0}},
                    {"key": "t", "values_count": {"gte": 1}},
                    {"key": "t", "match": {"any": ["a", "b"]}},
                    {"is_empty": {"key": "t"}},
                ],
            }
        },
    ),
]

nonsense = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=5),
    st.sampled_from([[], {}, [[]], {"a": {}}, "a[", "a..b", "", 0, -1, 1e300, 2**63, [None], {"key": None}]),
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The ways to every part of a body, but not to the whole."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    found = [path] if path else []
    for key, part in inner:
        found += places(part, (*path, key))
    return found


def spoilt(body: Any, place: tuple[Any, ...], nonsense: Any) -> Any:
    body = copy.deepcopy(body)
    part = body
    for key in place[:-1]:
        part = part[key]
    part[place[-1]] = nonsense
    return body


@pytest.fixture(scope="module", autouse=True)
def fuzzed(front: Front) -> None:
    vectors = {"v": {"size": 4, "distance": "Euclid"}, "w": {"size": 2, "distance": "Cosine"}}
    assert front.http.put(_PATH, json={"vectors": vectors}).status_code == 200
    points = [{"id": i, "vector": {"v": [i] * 4, "w": [i, 1]}, "payload": {"a": i}} for i in range(6)]
    assert front.http.put(f"{_PATH}/points?wait=true", json={"points": points}).status_code == 200


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(REQUESTS).flatmap(lambda r: st.tuples(st.just(r), st.sampled_from(places(r[2])))),
    nonsense,
)
def test_a_request_with_one_wrong_place(front: Front, chosen: Any, nonsense: Any) -> None:
    (method, path, body), place = chosen
    answer = front.http.request(method, path, json=spoilt(body, place, nonsense))
    assert answer.status_code in (200, 400, 404, 409, 422), answer.text
    told = answer.json()
    assert set(told) == ({"result", "status", "time"} if answer.status_code == 200 else {"status", "time"})


def test_the_requests_before_they_are_spoilt(front: Front) -> None:
    client = front.http
    assert client.put(f"{_PATH}/index?wait=true", json=_INDEX).status_code == 200
    for method, path, body in REQUESTS:
        answer = client.request(method, path, json=body)
        assert answer.status_code in (200, 409), (method, path, answer.text)
