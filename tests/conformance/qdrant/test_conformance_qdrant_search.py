"""Searches: order, scores, pages, selection, and every kind of query that the engine has."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import numpy as np
import pytest
from qdrant_client import AsyncQdrantClient, QdrantClient, models
from qdrant_data import COSINE, DOT, EUCLID, MANHATTAN, clustered, create, nearest, ranked, refused, store

COUNT, DIMENSION = 60, 8
ROWS = clustered(COUNT, DIMENSION)
QUERY = clustered(1, DIMENSION, seed=5)[0]
DISTANCES = [COSINE, DOT, EUCLID, MANHATTAN]


@pytest.fixture(scope="module")
def stored(client: QdrantClient) -> Iterator[dict[models.Distance, str]]:
    """One collection a distance, all with the same rows."""
    names = {distance: f"vectors_conformance_{distance.value}" for distance in DISTANCES}
    for distance, name in names.items():
        client.delete_collection(name)
        create(client, name, DIMENSION, distance)
        store(client, name, ROWS, lambda i: {"n": i, "kind": "abc"[i % 3]})
    yield names
    for name in names.values():
        client.delete_collection(name)


@pytest.fixture
def euclid(stored: dict[models.Distance, str]) -> str:
    return stored[EUCLID]


@pytest.mark.parametrize("distance", DISTANCES)
def test_the_nearest_in_order_and_their_scores(
    client: QdrantClient, stored: dict[models.Distance, str], distance: models.Distance
) -> None:
    expected = ranked(ROWS, QUERY, distance)[:10]
    points = client.query_points(stored[distance], query=QUERY.tolist()).points
    assert [point.id for point in points] == [row for row, _ in expected]
    assert [point.score for point in points] == pytest.approx([score for _, score in expected], rel=1e-4)


@pytest.mark.parametrize("distance", DISTANCES)
def test_a_score_threshold_cuts_where_scores_get_worse(
    client: QdrantClient, stored: dict[models.Distance, str], distance: models.Distance
) -> None:
    expected = ranked(ROWS, QUERY, distance)
    threshold = (expected[4][1] + expected[5][1]) / 2
    points = client.query_points(
        stored[distance], query=QUERY.tolist(), limit=COUNT, score_threshold=threshold
    ).points
    assert [point.id for point in points] == [row for row, _ in expected[:5]]


def test_limit_and_offset(client: QdrantClient, euclid: str) -> None:
    expected = nearest(ROWS, QUERY, 20)
    page = client.query_points(euclid, query=QUERY.tolist(), limit=5, offset=5).points
    assert [point.id for point in page] == expected[5:10]
    assert "limit: value 0 invalid" in refused(422, client.query_points, euclid, QUERY.tolist(), limit=0)


def test_payload_and_vectors_are_selected(client: QdrantClient, euclid: str) -> None:
    ask = {"collection_name": euclid, "query": QUERY.tolist(), "limit": 1}
    whole = client.query_points(**ask, with_vectors=True).points[0]
    assert whole.payload == {"n": whole.id, "kind": "abc"[whole.id % 3]}
    assert whole.vector == pytest.approx(ROWS[whole.id].tolist())
    bare = client.query_points(**ask, with_payload=False).points[0]
    assert (bare.payload, bare.vector) == (None, None)
    some = client.query_points(**ask, with_payload=["n"]).points[0]
    assert some.payload == {"n": whole.id}
    included = models.PayloadSelectorInclude(include=["n"])
    assert client.query_points(**ask, with_payload=included).points[0].payload == {"n": whole.id}
    excluded = models.PayloadSelectorExclude(exclude=["n"])
    assert set(client.query_points(**ask, with_payload=excluded).points[0].payload) == {"kind"}


@pytest.mark.parametrize(
    "params",
    [
        models.SearchParams(exact=True),
        models.SearchParams(hnsw_ef=64),
        models.SearchParams(indexed_only=False),
        models.SearchParams(
            quantization=models.QuantizationSearchParams(ignore=False, rescore=True, oversampling=2.0)
        ),
    ],
)
def test_search_parameters_are_taken(client: QdrantClient, euclid: str, params: models.SearchParams) -> None:
    points = client.query_points(euclid, query=QUERY.tolist(), search_params=params, limit=3).points
    assert [point.id for point in points] == nearest(ROWS, QUERY, 3)


def test_several_queries_in_one_request(client: QdrantClient, euclid: str) -> None:
    requests = [models.QueryRequest(query=row.tolist(), limit=2, with_payload=True) for row in ROWS[:3]]
    answers = client.query_batch_points(euclid, requests)
    assert [[point.id for point in answer.points] for answer in answers] == [
        nearest(ROWS, row, 2) for row in ROWS[:3]
    ]
    assert answers[0].points[0].payload["n"] == 0


def test_a_vector_of_another_size_is_refused(client: QdrantClient, euclid: str) -> None:
    said = refused(400, client.query_points, euclid, [1.0, 2.0])
    assert said == "Wrong input: Vector dimension error: expected dim: 8, got 2"


def test_a_point_as_query_is_no_answer_to_it(client: QdrantClient, euclid: str) -> None:
    points = client.query_points(euclid, query=3, limit=4).points
    assert [point.id for point in points] == nearest(ROWS, ROWS[3], 5)[1:]
    assert refused(404, client.query_points, euclid, 4000) == "Not found: No point with id 4000 found"


def test_the_vector_of_a_point_elsewhere(
    client: QdrantClient, euclid: str, stored: dict[models.Distance, str]
) -> None:
    place = models.LookupLocation(collection=stored[DOT])
    points = client.query_points(euclid, query=3, limit=2, lookup_from=place).points
    assert [point.id for point in points] == nearest(ROWS, ROWS[3], 2)


def test_without_a_query_points_are_listed(client: QdrantClient, euclid: str) -> None:
    assert [point.id for point in client.query_points(euclid, limit=4).points] == [0, 1, 2, 3]


# Other queries


def _kind(value: str) -> models.Filter:
    return models.Filter(must=[models.FieldCondition(key="kind", match=models.MatchValue(value=value))])


def test_recommendations_by_their_average(client: QdrantClient, euclid: str) -> None:
    query = models.RecommendQuery(recommend=models.RecommendInput(positive=[1, 2], negative=[3]))
    points = client.query_points(euclid, query=query, limit=5).points
    average = 2 * (ROWS[1] + ROWS[2]) / 2 - ROWS[3]
    expected = [row for row in nearest(ROWS, average, 8) if row not in (1, 2, 3)]
    assert [point.id for point in points] == expected[:5]


@pytest.mark.parametrize(
    "strategy", [models.RecommendStrategy.BEST_SCORE, models.RecommendStrategy.SUM_SCORES]
)
def test_recommendations_by_other_strategies(
    client: QdrantClient, euclid: str, strategy: models.RecommendStrategy
) -> None:
    recommend = models.RecommendInput(positive=[1, ROWS[2].tolist()], strategy=strategy)
    points = client.query_points(euclid, query=models.RecommendQuery(recommend=recommend), limit=5).points
    assert len(points) == 5
    assert 1 not in {point.id for point in points}


def test_discovery_and_context(client: QdrantClient, euclid: str) -> None:
    pair = models.ContextPair(positive=4, negative=5)
    discover = models.DiscoverQuery(discover=models.DiscoverInput(target=3, context=[pair]))
    found = client.query_points(euclid, query=discover, limit=6).points
    assert len(found) == 6
    assert not {3, 4, 5} & {point.id for point in found}
    nearer = [np.linalg.norm(ROWS[p.id] - ROWS[4]) < np.linalg.norm(ROWS[p.id] - ROWS[5]) for p in found]
    assert nearer[0]
    context = client.query_points(euclid, query=models.ContextQuery(context=[pair]), limit=6).points
    assert not {4, 5} & {point.id for point in context}


def test_results_of_several_searches_are_fused(client: QdrantClient, euclid: str) -> None:
    stages = [
        models.Prefetch(query=QUERY.tolist(), filter=_kind("a"), limit=4),
        models.Prefetch(query=QUERY.tolist(), filter=_kind("b"), limit=4),
    ]
    for fusion in models.Fusion:
        query = models.FusionQuery(fusion=fusion)
        points = client.query_points(euclid, prefetch=stages, query=query, limit=6).points
        assert len(points) == 6
        assert {point.payload["kind"] for point in points} == {"a", "b"}


def test_a_search_among_what_an_earlier_one_found(client: QdrantClient, euclid: str) -> None:
    stage = models.Prefetch(query=QUERY.tolist(), limit=10)
    points = client.query_points(euclid, prefetch=stage, query=ROWS[7].tolist(), limit=3).points
    first = nearest(ROWS, QUERY, 10)
    expected = sorted(first, key=lambda row: np.linalg.norm(ROWS[row] - ROWS[7]))
    assert [point.id for point in points] == expected[:3]


def test_an_order_and_a_sample(client: QdrantClient, name: str) -> None:
    create(client, name, DIMENSION)
    store(client, name, ROWS, lambda i: {"n": i})
    client.create_payload_index(name, "n", models.PayloadSchemaType.INTEGER)
    order = models.OrderByQuery(order_by=models.OrderBy(key="n", direction=models.Direction.DESC))
    assert [point.id for point in client.query_points(name, query=order, limit=3).points] == [59, 58, 57]
    sample = models.SampleQuery(sample=models.Sample.RANDOM)
    assert len({point.id for point in client.query_points(name, query=sample, limit=20).points}) == 20


def test_values_of_a_field_are_counted(client: QdrantClient, name: str) -> None:
    create(client, name)
    store(client, name, clustered(10, 4), lambda i: {"kind": "abc"[i % 3], "n": i})
    client.create_payload_index(name, "kind", models.PayloadSchemaType.KEYWORD)
    hits = client.facet(name, key="kind", exact=True).hits
    assert {hit.value: hit.count for hit in hits} == {"a": 4, "b": 3, "c": 3}


def test_what_the_engine_lacks_is_refused(client: QdrantClient, euclid: str) -> None:
    said = refused(400, client.query_points_groups, euclid, group_by="kind", query=QUERY.tolist())
    assert said == "Wrong input: group queries are not supported here"
    assert "not supported here" in refused(400, client.search_matrix_pairs, euclid)
    assert "not supported here" in refused(400, client.list_snapshots, euclid)


# The older form, and the other client


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.skipif(not hasattr(QdrantClient, "search"), reason="this client has no search any more")
def test_the_older_search(client: QdrantClient, euclid: str) -> None:
    found = client.search(euclid, query_vector=QUERY.tolist(), limit=3, with_payload=True)
    assert [point.id for point in found] == nearest(ROWS, QUERY, 3)
    assert found[0].payload["n"] == found[0].id
    requests = [models.SearchRequest(vector=row.tolist(), limit=1) for row in ROWS[:2]]
    assert [[p.id for p in points] for points in client.search_batch(euclid, requests)] == [[0], [1]]


def test_the_asynchronous_client(url: str, euclid: str) -> None:
    async def search() -> list[models.QueryResponse]:
        client = AsyncQdrantClient(url=url, check_compatibility=False)
        try:
            return await asyncio.gather(*(client.query_points(euclid, query=i, limit=1) for i in range(20)))
        finally:
            await client.close()

    answers = asyncio.run(search())
    assert [answer.points[0].id for answer in answers] == [nearest(ROWS, ROWS[i], 2)[1] for i in range(20)]
