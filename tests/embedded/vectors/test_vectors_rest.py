"""An unmodified qdrant-client, and raw HTTP for what it hides, against the real process."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4, uuid5

import numpy as np
import pytest
from qdrant_client import models
from qdrant_client.http.exceptions import UnexpectedResponse
from vectors_front import Front, clustered, nearest

KATO_COLLECTION: dict[str, Any] = {
    "vectors_config": models.VectorParams(size=4, distance=models.Distance.EUCLID),
    "on_disk_payload": True,
    "hnsw_config": models.HnswConfigDiff(m=16, ef_construct=128, full_scan_threshold=10000),
    "optimizers_config": models.OptimizersConfigDiff(
        deleted_threshold=0.2,
        vacuum_min_vector_number=1000,
        default_segment_number=4,
        max_segment_size=500000,
        memmap_threshold=20000,
        indexing_threshold=10000,
        flush_interval_sec=5,
    ),
}


def create(
    front: Front, name: str, size: int = 4, distance: models.Distance = models.Distance.EUCLID
) -> None:
    front.client.create_collection(name, models.VectorParams(size=size, distance=distance))


def test_what_kato_sends_at_creation_is_kept_and_echoed(front: Front, name: str) -> None:
    assert front.client.create_collection(name, **KATO_COLLECTION)
    info = front.client.get_collection(name)
    assert info.status == models.CollectionStatus.GREEN
    assert info.optimizer_status == models.OptimizersStatusOneOf.OK
    assert (info.points_count, info.indexed_vectors_count) == (0, 0)
    assert info.config.params.vectors == KATO_COLLECTION["vectors_config"]
    assert info.config.params.on_disk_payload is True
    for sent, kept in (
        (KATO_COLLECTION["hnsw_config"], info.config.hnsw_config),
        (KATO_COLLECTION["optimizers_config"], info.config.optimizer_config),
    ):
        expected = sent.model_dump(exclude_none=True)
        assert expected.items() <= kept.model_dump().items()


def test_collections_are_listed_found_and_dropped(front: Front, name: str) -> None:
    assert not front.client.collection_exists(name)
    create(front, name)
    assert front.client.collection_exists(name)
    assert name in {collection.name for collection in front.client.get_collections().collections}
    assert front.client.delete_collection(name)
    assert not front.client.collection_exists(name)
    assert front.client.delete_collection(name) is False


def test_points_come_back_as_they_were_sent(front: Front, name: str) -> None:
    create(front, name)
    identity = uuid5(UUID("6ba7b810-9dad-11d1-80b4-00c04fd430c8"), "some name")
    payload = {"vctr_name": "VCTR|ab12", "deep": {"list": [1, 2.5, None, "é", True]}}
    result = front.client.upsert(
        name,
        [
            models.PointStruct(id=7, vector=[1, 0, 0, 0]),
            models.PointStruct(id=str(identity), vector=[0, 1, 0, 0], payload=payload),
        ],
        wait=True,
    )
    assert result.status == models.UpdateStatus.COMPLETED
    found = {p.id: p for p in front.client.retrieve(name, [7, str(identity), 99], with_vectors=True)}
    assert set(found) == {7, str(identity)}
    assert found[str(identity)].payload == payload
    assert found[str(identity)].vector == [0, 1, 0, 0]
    assert front.client.retrieve(name, [7])[0].vector is None


def test_the_batch_form_and_replacing_a_point(front: Front, name: str) -> None:
    create(front, name)
    vectors = np.eye(3, 4).tolist()
    front.client.upsert(name, models.Batch(ids=[1, 2, 3], vectors=vectors, payloads=[{"n": 1}, {"n": 2}, {}]))
    front.client.upsert(name, [models.PointStruct(id=2, vector=[9, 9, 9, 9], payload={"n": 20})])
    assert front.client.count(name).count == 3
    (point,) = front.client.retrieve(name, [2], with_vectors=True)
    assert (point.vector, point.payload) == ([9, 9, 9, 9], {"n": 20})


@pytest.mark.parametrize(
    ("distance", "expected"),
    [
        (models.Distance.EUCLID, [(1, 1.0), (2, 2**0.5), (3, 8**0.5)]),
        (models.Distance.MANHATTAN, [(1, 1.0), (2, 2.0), (3, 4.0)]),
        (models.Distance.DOT, [(3, 6.0), (2, 2.0), (1, 1.0)]),
        (models.Distance.COSINE, [(3, 1.0), (1, 0.5**0.5), (2, 0.5**0.5)]),
    ],
)
def test_scores_and_their_order(
    front: Front, name: str, distance: models.Distance, expected: list[tuple[int, float]]
) -> None:
    create(front, name, distance=distance)
    rows = {1: [1, 0, 0, 0], 2: [0, 2, 0, 0], 3: [3, 3, 0, 0]}
    front.client.upsert(name, [models.PointStruct(id=i, vector=v) for i, v in rows.items()])
    points = front.client.query_points(name, query=[1.0, 1.0, 0.0, 0.0]).points
    assert [p.score for p in points] == pytest.approx([score for _, score in expected])
    assert {(p.id, round(p.score, 4)) for p in points} == {(i, round(score, 4)) for i, score in expected}
    threshold = (expected[0][1] + expected[2][1]) / 2
    kept = front.client.query_points(name, query=[1.0, 1.0, 0.0, 0.0], score_threshold=threshold).points
    closer = (lambda s: s <= threshold) if distance in ("Euclid", "Manhattan") else (lambda s: s >= threshold)
    assert {p.id for p in kept} == {i for i, score in expected if closer(score)}


def test_limit_offset_payload_and_vector_selection(front: Front, name: str) -> None:
    create(front, name, size=8)
    vectors = clustered(50, 8)
    front.client.upsert(
        name,
        models.Batch(
            ids=list(range(50)), vectors=vectors.tolist(), payloads=[{"a": i, "b": -i} for i in range(50)]
        ),
    )
    query = clustered(1, 8, seed=5)[0]
    ask = {"collection_name": name, "query": query.tolist()}
    truth = nearest(vectors, query, 20)
    assert [p.id for p in front.client.query_points(**ask).points] == truth[:10]
    page = front.client.query_points(**ask, limit=5, offset=5, with_payload=["a"], with_vectors=True).points
    assert [p.id for p in page] == truth[5:10]
    assert [p.payload for p in page] == [{"a": p.id} for p in page]
    assert page[0].vector == pytest.approx(vectors[page[0].id].tolist())
    bare = front.client.query_points(**ask, limit=1, with_payload=False).points[0]
    assert (bare.payload, bare.vector) == (None, None)
    without_a = front.client.query_points(
        **ask, limit=1, with_payload=models.PayloadSelectorExclude(exclude=["a"])
    ).points[0]
    assert without_a.payload == {"b": -truth[0]}


def test_a_point_id_as_query_leaves_the_point_itself_out(front: Front, name: str) -> None:
    create(front, name, size=8)
    vectors = clustered(30, 8)
    front.client.upsert(name, models.Batch(ids=list(range(30)), vectors=vectors.tolist()))
    points = front.client.query_points(name, query=3, limit=4).points
    assert [p.id for p in points] == nearest(vectors, vectors[3], 5)[1:]
    with pytest.raises(UnexpectedResponse) as caught:
        front.client.query_points(name, query=4000)
    assert caught.value.status_code == 404


def test_the_older_search_form(front: Front, name: str) -> None:
    create(front, name)
    front.client.upsert(
        name, models.Batch(ids=[1, 2], vectors=np.eye(2, 4).tolist(), payloads=[{"k": 1}, {"k": 2}])
    )
    body = {"vector": [0, 1, 0, 0], "limit": 1, "with_payload": True}
    answer = front.http.post(f"/collections/{name}/points/search", json=body).json()
    assert answer["status"] == "ok"
    assert answer["time"] > 0
    assert answer["result"] == [{"id": 2, "version": 0, "score": 0.0, "payload": {"k": 2}}]
    batch = front.http.post(
        f"/collections/{name}/points/search/batch", json={"searches": [body, body]}
    ).json()
    assert batch["result"] == [answer["result"]] * 2


def test_query_batch(front: Front, name: str) -> None:
    create(front, name)
    front.client.upsert(name, models.Batch(ids=[1, 2], vectors=np.eye(2, 4).tolist()))
    requests = [models.QueryRequest(query=v, limit=1) for v in np.eye(2, 4).tolist()]
    assert [r.points[0].id for r in front.client.query_batch_points(name, requests)] == [1, 2]


FILTERS: list[tuple[models.Filter, Any]] = [
    (
        models.Filter(must=[models.FieldCondition(key="kind", match=models.MatchValue(value="a"))]),
        lambda i: i % 3 == 0,
    ),
    (
        models.Filter(must_not=[models.FieldCondition(key="kind", match=models.MatchAny(any=["a", "b"]))]),
        lambda i: i % 3 == 2,
    ),
    (
        models.Filter(
            should=[
                models.FieldCondition(key="n", range=models.Range(gte=10, lt=12)),
                models.HasIdCondition(has_id=[3]),
            ]
        ),
        lambda i: i in (3, 10, 11),
    ),
    (
        models.Filter(must=[models.IsEmptyCondition(is_empty=models.PayloadField(key="odd"))]),
        lambda i: i % 2 == 0,
    ),
    (
        models.Filter(
            must=[
                models.Filter(must_not=[models.FieldCondition(key="n", range=models.Range(lt=25))]),
                models.FieldCondition(key="tags", values_count=models.ValuesCount(gt=1)),
            ]
        ),
        lambda i: i >= 25 and i % 3 > 1,
    ),
    (
        models.Filter(
            min_should=models.MinShould(
                conditions=[
                    models.FieldCondition(key="odd", match=models.MatchValue(value=True)),
                    models.FieldCondition(key="n", range=models.Range(lte=4)),
                    models.FieldCondition(key="kind", match=models.MatchExcept(**{"except": ["a"]})),
                ],
                min_count=3,
            )
        ),
        lambda i: i % 2 == 1 and i <= 4 and i % 3 != 0,
    ),
    (
        models.Filter(
            must=[models.FieldCondition(key="day", range=models.DatetimeRange(gte="2026-01-20T00:00:00Z"))]
        ),
        lambda i: i >= 19,
    ),
    (
        models.Filter(
            must=[
                models.NestedCondition(
                    nested=models.Nested(
                        key="parts",
                        filter=models.Filter(
                            must=[models.FieldCondition(key="w", match=models.MatchValue(value=5))]
                        ),
                    )
                )
            ]
        ),
        lambda i: i in (4, 5),
    ),
]


def payload_of(i: int) -> dict[str, Any]:
    payload: dict[str, Any] = {
        "kind": "abc"[i % 3],
        "n": i,
        "tags": ["t"] * (i % 3),
        "day": f"2026-01-{i + 1:02}T00:00:00Z",
        "parts": [{"w": i}, {"w": i + 1}],
    }
    return payload | ({"odd": True} if i % 2 else {})


@pytest.fixture(scope="module")
def filtered(front: Front) -> str:
    name = "vectors_filters"
    create(front, name)
    front.client.upsert(
        name,
        models.Batch(
            ids=list(range(30)),
            vectors=clustered(30, 4).tolist(),
            payloads=[payload_of(i) for i in range(30)],
        ),
    )
    return name


@pytest.mark.parametrize(("condition", "passes"), FILTERS)
def test_filters(front: Front, filtered: str, condition: models.Filter, passes: Any) -> None:
    expected = {i for i in range(30) if passes(i)}
    points = front.client.query_points(filtered, query=[0.0] * 4, query_filter=condition, limit=30).points
    assert {p.id for p in points} == expected
    assert front.client.count(filtered, count_filter=condition, exact=True).count == len(expected)
    assert {p.id for p in front.client.scroll(filtered, scroll_filter=condition, limit=30)[0]} == expected


def test_scrolling_meets_every_point_once(front: Front, filtered: str) -> None:
    seen: list[Any] = []
    offset: Any = None
    while True:
        page, offset = front.client.scroll(filtered, limit=7, offset=offset)
        assert len(page) <= 7
        seen += [p.id for p in page]
        if offset is None:
            break
    assert seen == list(range(30))
    assert page[0].payload is not None


def test_deleting_by_id_and_by_filter(front: Front, name: str) -> None:
    create(front, name)
    identity = str(uuid4())
    front.client.upsert(
        name,
        models.Batch(
            ids=[1, 2, 3, identity],
            vectors=np.eye(4).tolist(),
            payloads=[{"k": "x"}, {"k": "y"}, {"k": "x"}, {}],
        ),
    )
    front.client.delete(name, [2, UUID(identity).hex, 77])
    assert [p.id for p in front.client.scroll(name)[0]] == [1, 3]
    condition = models.Filter(must=[models.FieldCondition(key="k", match=models.MatchValue(value="x"))])
    front.client.delete(name, models.FilterSelector(filter=condition))
    assert front.client.count(name).count == 0


def test_payload_indexes_show_in_the_schema(front: Front, name: str) -> None:
    create(front, name)
    front.client.create_payload_index(name, "kb", models.PayloadSchemaType.KEYWORD)
    front.client.upsert(name, [models.PointStruct(id=1, vector=[0] * 4, payload={"kb": "n1"})])
    schema = front.client.get_collection(name).payload_schema
    assert (schema["kb"].data_type, schema["kb"].points) == (models.PayloadSchemaType.KEYWORD, 1)
    front.client.delete_payload_index(name, "kb")
    assert front.client.get_collection(name).payload_schema == {}


DEEP: dict[str, Any] = {}
for _ in range(400):
    DEEP = {"must": [DEEP]}

ERRORS: list[tuple[str, str, Any, int, str]] = [
    ("GET", "/collections/nowhere", None, 404, "Not found: Collection `nowhere` doesn't exist!"),
    ("PUT", "/collections/nowhere/points", {"points": []}, 404, "doesn't exist"),
    ("POST", "/collections/nowhere/points/query", {"query": [1]}, 404, "doesn't exist"),
    ("PATCH", "/collections/nowhere", {}, 404, "doesn't exist"),
    ("PUT", "/collections/{c}", {"vectors": {"size": 4, "distance": "Euclid"}}, 409, "already exists!"),
    ("PUT", "/collections/new", {}, 400, "missing field `vectors`"),
    (
        "PUT",
        "/collections/new",
        {"vectors": {"size": 0, "distance": "Dot"}},
        422,
        "vectors.size: value 0 invalid",
    ),
    ("PUT", "/collections/new", {"vectors": {"size": 4, "distance": "Far"}}, 400, "unknown variant `Far`"),
    ("PUT", "/collections/new", {"vectors": {"a": {"size": 4}}}, 400, "vectors.a: missing field `distance`"),
    ("PUT", "/collections/a%3Fb", {"vectors": {"size": 4, "distance": "Dot"}}, 422, "collection_name"),
    ("PUT", "/collections/%2E%2E", {"vectors": {"size": 4, "distance": "Dot"}}, 422, "collection_name"),
    ("PATCH", "/collections/{c}", {"hnsw_config": {"ef_construct": 2}}, 422, "must be 4 or larger"),
    ("PATCH", "/collections/{c}", {"hnsw_config": {"m": "many"}}, 400, "hnsw_config.m"),
    (
        "PUT",
        "/collections/{c}/points",
        {"points": [{"id": 1, "vector": [1, 2]}]},
        400,
        "expected dim: 4, got 2",
    ),
    ("PUT", "/collections/{c}/points", {"points": [{"id": -1, "vector": [1] * 4}]}, 400, "valid point ID"),
    ("PUT", "/collections/{c}/points", {"points": [{"id": "x", "vector": [1] * 4}]}, 400, "valid point ID"),
    ("PUT", "/collections/{c}/points", {"points": [{"id": 1}]}, 400, "missing field `vector`"),
    ("PUT", "/collections/{c}/points", {"points": [{"id": 1, "vector": ["a"] * 4}]}, 400, "Format error"),
    (
        "PUT",
        "/collections/{c}/points",
        {"points": [{"id": 1, "vector": [1] * 4, "payload": 3}]},
        400,
        "payload",
    ),
    ("PUT", "/collections/{c}/points", {"batch": {"ids": [1], "vectors": []}}, 400, "must match"),
    ("PUT", "/collections/{c}/points", {"rows": 1}, 400, "PointInsertOperations"),
    ("POST", "/collections/{c}/points/query", {"query": [1, 2, 3]}, 400, "expected dim: 4, got 3"),
    ("POST", "/collections/{c}/points/query", {"query": [1] * 4, "limit": 0}, 422, "limit"),
    ("POST", "/collections/{c}/points/query", {"query": [1] * 4, "limit": "x"}, 400, "limit"),
    ("POST", "/collections/{c}/points/query", {"query": [1] * 4, "using": "b"}, 400, "vector name error: b"),
    ("POST", "/collections/{c}/points/query", {"query": {"formula": {}}}, 400, "are supported here by"),
    ("POST", "/collections/{c}/points/query", {"query": {"context": 3}}, 400, "wrong form of `context`"),
    ("POST", "/collections/{c}/points/query", {"query": {"sample": "some"}}, 400, "unknown variant `some`"),
    ("POST", "/collections/{c}/points/query", {"query": {"recommend": {}}}, 400, "At least one positive"),
    (
        "POST",
        "/collections/{c}/points/query",
        {"query": {"indices": [1], "values": [1]}},
        400,
        "supported here",
    ),
    ("POST", "/collections/{c}/points/query/groups", {"query": [1] * 4}, 400, "not supported here"),
    ("PUT", "/collections/{c}/points?wait=maybe", {"points": []}, 400, "Format error in query parameters"),
    ("POST", "/collections/{c}/points/payload", {"points": [1]}, 400, "missing field `payload`"),
    ("POST", "/collections/{c}/points/payload", {"payload": {}}, 400, "PointsSelector"),
    ("POST", "/collections/{c}/points/payload/delete", {"keys": [1], "points": [1]}, 400, "keys"),
    ("POST", "/collections/{c}/points/batch", {"operations": [{"explode": {}}]}, 400, "UpdateOperation"),
    ("PUT", "/collections/{c}/points/vectors", {"points": [{"id": 1}]}, 400, "missing field `vector`"),
    ("GET", "/collections/{c}/points/777777", None, 404, "777777"),
    ("PUT", "/collections/{c}/index", {"field_name": "a", "field_schema": "wonder"}, 400, "field_schema"),
    (
        "PUT",
        "/collections/{c}/index",
        {"field_name": "a", "field_schema": {"type": "text", "stemmer": {}}},
        400,
        "option `stemmer` of a text index is not supported here",
    ),
    ("POST", "/collections/aliases", {"actions": [{"invent_alias": {}}]}, 400, "AliasOperations"),
    ("GET", "/telemetry?details_level=much", None, 400, "details_level"),
    (
        "POST",
        "/collections/{c}/points/query",
        {"query": [1] * 4, "filter": {"mus": []}},
        400,
        "unknown field `mus`",
    ),
    (
        "POST",
        "/collections/{c}/points/query",
        {"query": [1] * 4, "filter": {"must": [{"key": "a", "match": 3}]}},
        400,
        "filter",
    ),
    ("POST", "/collections/{c}/points/query", {"query": [1] * 4, "params": {"hnsw_ef": "x"}}, 400, "hnsw_ef"),
    ("POST", "/collections/{c}/points/query", {"query": [[1] * 4]}, 400, "multi vectors"),
    ("POST", "/collections/{c}/points/query", {"query": [1] * 4, "filter": DEEP}, 400, "nested too deeply"),
    ("POST", "/collections/{c}/points/search", {"limit": 3}, 400, "vector"),
    ("POST", "/collections/{c}/points", {}, 400, "missing field `ids`"),
    ("POST", "/collections/{c}/points/delete", {}, 400, "PointsSelector"),
    ("POST", "/collections/{c}/points/count", "{oops", 400, "Format error in JSON body"),
    ("POST", "/collections/{c}/points/scroll", "[]", 400, "Format error in JSON body"),
]


@pytest.mark.parametrize(("method", "path", "body", "status", "text"), ERRORS)
def test_errors_have_qdrants_shape(
    front: Front, filtered: str, method: str, path: str, body: Any, status: int, text: str
) -> None:
    content = {"content": body} if isinstance(body, str) else {"json": body}
    answer = front.http.request(method, path.replace("{c}", filtered), **content)
    assert answer.status_code == status, answer.text
    told = answer.json()
    assert set(told) == {"status", "time"}
    assert text in told["status"]["error"]
    assert "\n" not in told["status"]["error"]


def test_a_batch_with_one_wrong_vector_stores_nothing(front: Front, name: str) -> None:
    create(front, name)
    points = [{"id": 1, "vector": [0] * 4}, {"id": 2, "vector": [0] * 5}]
    assert front.http.put(f"/collections/{name}/points", json={"points": points}).status_code == 400
    assert front.client.count(name).count == 0


def test_one_point_by_its_id(front: Front, filtered: str) -> None:
    point = front.http.get(f"/collections/{filtered}/points/3").json()["result"]
    assert (point["id"], point["payload"], len(point["vector"])) == (3, payload_of(3), 4)


def test_a_single_node_is_no_cluster(front: Front, filtered: str) -> None:
    assert front.http.get("/cluster").json()["result"] == {"status": "disabled"}
    (shard,) = front.http.get(f"/collections/{filtered}/cluster").json()["result"]["local_shards"]
    assert (shard["points_count"], shard["state"]) == (30, "Active")


def test_a_path_or_method_that_is_not_there_is_told_nothing(front: Front) -> None:
    for method, path in (("GET", "/nowhere"), ("DELETE", "/telemetry")):
        answer = front.http.request(method, path)
        assert (answer.status_code, answer.content) == (404, b"")


def test_the_server_names_itself_and_its_health(front: Front) -> None:
    root = front.http.get("/").json()
    assert root["title"].startswith("qdrant")
    assert [int(part) for part in root["version"].split(".")][:2] == [1, 20]
    for path in ("/healthz", "/readyz", "/livez"):
        assert front.http.get(path).status_code == 200
