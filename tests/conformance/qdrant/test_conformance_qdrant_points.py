"""Points: stored, read, replaced and deleted."""

from __future__ import annotations

from uuid import uuid4

import numpy as np
import pytest
from qdrant_client import QdrantClient, models
from qdrant_data import COSINE, EUCLID, clustered, create, refused, store


def test_points_come_back_as_they_were_sent(client: QdrantClient, name: str) -> None:
    create(client, name)
    identity = str(uuid4())
    payload = {"text": "é", "deep": {"list": [1, 2.5, None, True]}}
    result = client.upsert(
        name,
        [
            models.PointStruct(id=7, vector=[1, 0, 0, 0]),
            models.PointStruct(id=identity, vector=[0, 1, 0, 0], payload=payload),
        ],
        wait=True,
    )
    assert result.status == models.UpdateStatus.COMPLETED
    found = {point.id: point for point in client.retrieve(name, [7, identity, 99], with_vectors=True)}
    assert set(found) == {7, identity}
    assert (found[identity].payload, found[identity].vector) == (payload, [0, 1, 0, 0])
    assert client.retrieve(name, [identity])[0].vector is None
    assert client.retrieve(name, [identity], with_payload=False)[0].payload is None
    assert client.retrieve(name, [identity], with_payload=["text"])[0].payload == {"text": "é"}


def test_cosine_vectors_are_normalised(client: QdrantClient, name: str) -> None:
    create(client, name, distance=COSINE)
    client.upsert(name, [models.PointStruct(id=1, vector=[3, 4, 0, 0])])
    assert client.retrieve(name, [1], with_vectors=True)[0].vector == pytest.approx([0.6, 0.8, 0, 0])


def test_a_point_replaces_the_one_before_with_its_payload(client: QdrantClient, name: str) -> None:
    create(client, name)
    store(client, name, np.eye(3, 4), lambda i: {"n": i})
    client.upsert(name, [models.PointStruct(id=1, vector=[9] * 4, payload={"m": 1})])
    assert client.count(name).count == 3
    (point,) = client.retrieve(name, [1], with_vectors=True)
    assert (point.vector, point.payload) == ([9] * 4, {"m": 1})


def test_who_does_not_wait_is_told_so(client: QdrantClient, name: str) -> None:
    create(client, name)
    result = client.upsert(name, [models.PointStruct(id=1, vector=[0] * 4)], wait=False)
    assert result.status == models.UpdateStatus.ACKNOWLEDGED
    client.upsert(name, [models.PointStruct(id=2, vector=[0] * 4)], wait=True)
    assert client.count(name).count == 2


def test_uploads_arrive_whole(client: QdrantClient, name: str) -> None:
    create(client, name, size=8)
    rows = clustered(150, 8)
    payloads = [{"n": i} for i in range(100)]
    client.upload_collection(
        name, vectors=rows[:100], payload=payloads, ids=range(100), batch_size=32, wait=True
    )
    points = [models.PointStruct(id=i, vector=rows[i].tolist()) for i in range(100, 150)]
    client.upload_points(name, points, batch_size=16, wait=True)
    assert client.count(name).count == 150
    assert client.retrieve(name, [149], with_vectors=True)[0].vector == pytest.approx(rows[149].tolist())
    assert client.retrieve(name, [99])[0].payload == {"n": 99}


def test_scrolling_meets_every_point_once(client: QdrantClient, name: str) -> None:
    create(client, name)
    store(client, name, clustered(30, 4), lambda i: {"n": i})
    seen: list[int] = []
    offset = None
    while True:
        page, offset = client.scroll(name, limit=7, offset=offset, with_vectors=True)
        assert all(point.payload == {"n": point.id} and point.vector for point in page)
        seen += [point.id for point in page]
        if offset is None:
            break
    assert seen == list(range(30))


def test_scrolling_in_the_order_of_a_field(client: QdrantClient, name: str) -> None:
    create(client, name)
    store(client, name, clustered(10, 4), lambda i: {"n": (i * 7) % 10})
    said = refused(400, client.scroll, name, order_by="n")
    assert "n" in said
    client.create_payload_index(name, "n", models.PayloadSchemaType.INTEGER)
    order = models.OrderBy(key="n", direction=models.Direction.DESC, start_from=6)
    page, _ = client.scroll(name, limit=3, order_by=order)
    assert [point.payload["n"] for point in page] == [6, 5, 4]


def test_deleting_by_id_and_by_filter(client: QdrantClient, name: str) -> None:
    create(client, name)
    store(client, name, clustered(6, 4), lambda i: {"k": "even" if i % 2 == 0 else "odd"})
    client.delete(name, [0, 77], wait=True)
    condition = models.FieldCondition(key="k", match=models.MatchValue(value="odd"))
    client.delete(name, models.FilterSelector(filter=models.Filter(must=[condition])), wait=True)
    assert [point.id for point in client.scroll(name)[0]] == [2, 4]
    client.delete(name, models.PointIdsList(points=[2, 4]), wait=True)
    assert client.count(name).count == 0


def test_several_changes_in_one_request(client: QdrantClient, name: str) -> None:
    create(client, name)
    store(client, name, np.eye(3, 4), lambda i: {"n": i})
    results = client.batch_update_points(
        name,
        [
            models.UpsertOperation(
                upsert=models.PointsList(points=[models.PointStruct(id=9, vector=[9] * 4, payload={"n": 9})])
            ),
            models.SetPayloadOperation(set_payload=models.SetPayload(payload={"m": 1}, points=[9])),
            models.OverwritePayloadOperation(
                overwrite_payload=models.SetPayload(payload={"over": True}, points=[0])
            ),
            models.DeletePayloadOperation(delete_payload=models.DeletePayload(keys=["n"], points=[1])),
            models.ClearPayloadOperation(clear_payload=models.PointIdsList(points=[2])),
            models.UpdateVectorsOperation(
                update_vectors=models.UpdateVectors(points=[models.PointVectors(id=0, vector=[5] * 4)])
            ),
            models.DeleteOperation(delete=models.PointIdsList(points=[2])),
        ],
    )
    assert [result.status for result in results] == [models.UpdateStatus.COMPLETED] * 7
    found = {point.id: point for point in client.scroll(name, with_vectors=True)[0]}
    assert {i: point.payload for i, point in found.items()} == {0: {"over": True}, 1: {}, 9: {"n": 9, "m": 1}}
    assert found[0].vector == [5] * 4


def test_vectors_of_other_sizes_are_refused_and_nothing_is_stored(client: QdrantClient, name: str) -> None:
    create(client, name)
    points = [models.PointStruct(id=1, vector=[0] * 4), models.PointStruct(id=2, vector=[0] * 5)]
    said = refused(400, client.upsert, name, points)
    assert said == "Wrong input: Vector dimension error: expected dim: 4, got 5"
    assert client.count(name).count == 0


# Payload


def _payloads(client: QdrantClient, name: str) -> list[object]:
    return [point.payload for point in client.scroll(name)[0]]


def test_payload_is_set_overwritten_deleted_and_cleared(client: QdrantClient, name: str) -> None:
    create(client, name)
    store(client, name, np.eye(3, 4), lambda i: {"n": i, "deep": {"a": 1}})
    client.set_payload(name, {"m": 1}, [0])
    client.set_payload(name, {"b": 2}, [0], key="deep")
    client.overwrite_payload(name, {"only": True}, [1])
    client.delete_payload(name, ["n", "deep.a"], [2])
    assert _payloads(client, name) == [
        {"n": 0, "m": 1, "deep": {"a": 1, "b": 2}},
        {"only": True},
        {"deep": {}},
    ]
    client.clear_payload(name, [0, 1])
    assert _payloads(client, name) == [{}, {}, {"deep": {}}]


def test_payload_is_changed_by_filter(client: QdrantClient, name: str) -> None:
    create(client, name)
    store(client, name, np.eye(4), lambda i: {"n": i})

    def above(bound: int) -> models.Filter:
        return models.Filter(must=[models.FieldCondition(key="n", range=models.Range(gt=bound))])

    client.set_payload(name, {"m": 1}, above(1))
    client.overwrite_payload(name, {"n": 9}, above(2))
    client.delete_payload(name, ["m"], models.FilterSelector(filter=above(1)))
    assert _payloads(client, name) == [{"n": 0}, {"n": 1}, {"n": 2}, {"n": 9}]
    client.clear_payload(name, models.FilterSelector(filter=above(0)))
    assert _payloads(client, name) == [{"n": 0}, {}, {}, {}]


def test_payload_of_a_point_that_is_not_there(client: QdrantClient, name: str) -> None:
    create(client, name)
    assert refused(404, client.set_payload, name, {"a": 1}, [5]) == "Not found: No point with id 5"


# Named vectors


@pytest.fixture
def named(client: QdrantClient, name: str) -> str:
    client.create_collection(
        name,
        vectors_config={
            "text": models.VectorParams(size=2, distance=COSINE),
            "image": models.VectorParams(size=3, distance=EUCLID),
        },
    )
    points = [
        models.PointStruct(id=1, vector={"text": [0, 1], "image": [0, 0, 0]}),
        models.PointStruct(id=2, vector={"text": [1, 0], "image": [3, 4, 0]}),
        models.PointStruct(id=3, vector={"image": [1, 1, 1]}),
    ]
    client.upsert(name, points)
    return name


def test_named_vectors_are_searched_each_by_its_own(client: QdrantClient, named: str) -> None:
    text = client.query_points(named, query=[1.0, 0.2], using="text").points
    assert [point.id for point in text] == [2, 1]
    image = client.query_points(named, query=[0.0, 0.0, 0.0], using="image", with_vectors=["text"]).points
    assert [(point.id, round(point.score, 4)) for point in image] == [(1, 0), (3, 1.7321), (2, 5)]
    assert [point.vector for point in image] == [{"text": [0, 1]}, {}, {"text": [1, 0]}]
    assert client.retrieve(named, [2], with_vectors=True)[0].vector == {"text": [1, 0], "image": [3, 4, 0]}
    like = client.query_points(named, query=2, using="image").points
    assert [point.id for point in like] == [3, 1]


def test_named_vectors_are_updated_and_deleted(client: QdrantClient, named: str) -> None:
    client.update_vectors(named, [models.PointVectors(id=3, vector={"text": [0, 1]})])
    client.delete_vectors(named, ["image"], [1])
    vectors = {point.id: point.vector for point in client.scroll(named, with_vectors=True)[0]}
    assert vectors == {
        1: {"text": [0, 1]},
        2: {"text": [1, 0], "image": [3, 4, 0]},
        3: {"text": [0, 1], "image": [1, 1, 1]},
    }
    has_image = models.Filter(must=[models.HasVectorCondition(has_vector="image")])
    assert client.count(named, count_filter=has_image).count == 2


def test_vector_names_that_are_not_there(client: QdrantClient, named: str) -> None:
    stranger = [models.PointStruct(id=1, vector={"sound": [0]})]
    said = "Wrong input: Not existing vector name error: sound"
    assert refused(400, client.upsert, named, stranger) == said
    assert refused(400, client.query_points, named, [0.0], using="sound") == said
    assert "Not existing vector name" in refused(400, client.query_points, named, [0.0, 0.0])
    wrong_size = [models.PointStruct(id=1, vector={"text": [0, 1, 2]})]
    assert "expected dim: 2, got 3" in refused(400, client.upsert, named, wrong_size)
