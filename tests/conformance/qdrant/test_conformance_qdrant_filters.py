"""Filters, with and without an index on the payload, against plain predicates."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from qdrant_client import QdrantClient, models
from qdrant_data import clustered, create, refused, store

COUNT = 30

INDEXES: dict[str, Any] = {
    "kind": models.PayloadSchemaType.KEYWORD,
    "n": models.IntegerIndexParams(type=models.IntegerIndexType.INTEGER, lookup=True, range=True),
    "x": models.PayloadSchemaType.FLOAT,
    "odd": models.PayloadSchemaType.BOOL,
    "day": models.PayloadSchemaType.DATETIME,
    "place": models.PayloadSchemaType.GEO,
    "words": models.TextIndexParams(
        type=models.TextIndexType.TEXT,
        tokenizer=models.TokenizerType.WORD,
        min_token_len=2,
        lowercase=True,
    ),
}


def payload_of(i: int) -> dict[str, Any]:
    payload: dict[str, Any] = {
        "kind": "abc"[i % 3],
        "n": i,
        "x": i / 2,
        "tags": ["t"] * (i % 3),
        "day": f"2026-01-{i + 1:02}T00:00:00Z",
        "parts": [{"w": i, "v": 0}, {"w": i + 1, "v": 1}],
        "words": f"Vector number {i}",
        "place": {"lon": float(i), "lat": 0.0},
        "nothing": None,
    }
    return payload | ({"odd": True} if i % 2 else {})


def _field(key: str, **conditions: Any) -> models.FieldCondition:
    return models.FieldCondition(key=key, **conditions)


def _is(key: str, value: Any) -> models.FieldCondition:
    return _field(key, match=models.MatchValue(value=value))


CASES: dict[str, tuple[models.Filter, Callable[[int], bool]]] = {
    "must": (models.Filter(must=[_is("kind", "a"), _is("odd", True)]), lambda i: i % 3 == 0 and i % 2 == 1),
    "should": (models.Filter(should=[_is("n", 4), _is("n", 7)]), lambda i: i in (4, 7)),
    "must_not": (models.Filter(must_not=[_is("kind", "a")]), lambda i: i % 3 != 0),
    "min_should": (
        models.Filter(
            min_should=models.MinShould(
                conditions=[_is("odd", True), _field("n", range=models.Range(lte=4)), _is("kind", "b")],
                min_count=2,
            )
        ),
        lambda i: (i % 2 == 1) + (i <= 4) + (i % 3 == 1) >= 2,
    ),
    "filter in filter": (
        models.Filter(must=[models.Filter(should=[_is("n", 1), _is("n", 2)])], must_not=[_is("n", 2)]),
        lambda i: i == 1,
    ),
    "any": (
        models.Filter(must=[_field("kind", match=models.MatchAny(any=["a", "c"]))]),
        lambda i: i % 3 != 1,
    ),
    "any of numbers": (
        models.Filter(must=[_field("n", match=models.MatchAny(any=[3, 99]))]),
        lambda i: i == 3,
    ),
    "except": (
        models.Filter(must=[_field("kind", match=models.MatchExcept(**{"except": ["a", "c"]}))]),
        lambda i: i % 3 == 1,
    ),
    "text": (
        models.Filter(must=[_field("words", match=models.MatchText(text="number 17"))]),
        lambda i: i == 17,
    ),
    "range": (models.Filter(must=[_field("x", range=models.Range(gt=2, lte=4.5))]), lambda i: 5 <= i <= 9),
    "range of numbers": (
        models.Filter(must=[_field("n", range=models.Range(gte=10, lt=12))]),
        lambda i: i in (10, 11),
    ),
    "range of days": (
        models.Filter(must=[_field("day", range=models.DatetimeRange(gte="2026-01-20T00:00:00Z"))]),
        lambda i: i >= 19,
    ),
    "has_id": (models.Filter(must=[models.HasIdCondition(has_id=[3, 5, 99])]), lambda i: i in (3, 5)),
    "is_empty": (
        models.Filter(must=[models.IsEmptyCondition(is_empty=models.PayloadField(key="odd"))]),
        lambda i: i % 2 == 0,
    ),
    "is_null": (
        models.Filter(must=[models.IsNullCondition(is_null=models.PayloadField(key="nothing"))]),
        lambda _: True,
    ),
    "is not null": (
        models.Filter(must_not=[models.IsNullCondition(is_null=models.PayloadField(key="n"))]),
        lambda _: True,
    ),
    "values_count": (
        models.Filter(must=[_field("tags", values_count=models.ValuesCount(gt=1))]),
        lambda i: i % 3 == 2,
    ),
    "nested": (
        models.Filter(
            must=[
                models.NestedCondition(
                    nested=models.Nested(key="parts", filter=models.Filter(must=[_is("w", 5), _is("v", 0)]))
                )
            ]
        ),
        lambda i: i == 5,
    ),
    "path": (models.Filter(must=[_is("parts[].w", 5)]), lambda i: i in (4, 5)),
    "geo": (
        models.Filter(
            must=[
                _field(
                    "place",
                    geo_bounding_box=models.GeoBoundingBox(
                        top_left=models.GeoPoint(lon=2.5, lat=1),
                        bottom_right=models.GeoPoint(lon=5.5, lat=-1),
                    ),
                )
            ]
        ),
        lambda i: 3 <= i <= 5,
    ),
    "nothing": (models.Filter(), lambda _: True),
}


@pytest.fixture(scope="module", params=["no index", "indexes"])
def stored(client: QdrantClient, request: pytest.FixtureRequest) -> Iterator[str]:
    name = f"vectors_conformance_filters_{request.param.replace(' ', '_')}"
    client.delete_collection(name)
    create(client, name)
    store(client, name, clustered(COUNT, 4), payload_of)
    if request.param == "indexes":
        for field, schema in INDEXES.items():
            client.create_payload_index(name, field, schema, wait=True)
    yield name
    client.delete_collection(name)


@pytest.mark.parametrize("case", CASES)
def test_a_filter_lets_pass_what_its_predicate_does(client: QdrantClient, stored: str, case: str) -> None:
    condition, passes = CASES[case]
    expected = {i for i in range(COUNT) if passes(i)}
    points = client.query_points(stored, query=[0.0] * 4, query_filter=condition, limit=COUNT).points
    assert {point.id for point in points} == expected
    page, _ = client.scroll(stored, scroll_filter=condition, limit=COUNT)
    assert {point.id for point in page} == expected
    assert client.count(stored, count_filter=condition, exact=True).count == len(expected)
    assert client.count(stored, count_filter=condition, exact=False).count <= COUNT


def test_payload_indexes_show_in_the_schema_and_go(client: QdrantClient, name: str) -> None:
    create(client, name)
    for field, schema in INDEXES.items():
        result = client.create_payload_index(name, field, schema, wait=True)
        assert result.status == models.UpdateStatus.COMPLETED
    store(client, name, clustered(4, 4), payload_of)
    shown = client.get_collection(name).payload_schema
    assert set(shown) == set(INDEXES)
    assert (shown["kind"].data_type, shown["kind"].points) == (models.PayloadSchemaType.KEYWORD, 4)
    assert shown["odd"].points == 2
    assert shown["n"].params == INDEXES["n"]
    assert shown["words"].params.tokenizer == models.TokenizerType.WORD
    assert shown["words"].params.min_token_len == 2
    client.delete_payload_index(name, "kind")
    assert "kind" not in client.get_collection(name).payload_schema


def test_a_wrong_filter_is_refused(client: QdrantClient, stored: str) -> None:
    wrong = models.Filter(must=[models.HasIdCondition(has_id=["no id"])])
    assert refused(400, client.count, stored, count_filter=wrong).startswith("Format error in JSON body")
