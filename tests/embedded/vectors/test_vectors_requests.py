"""Requests as the engine gets them: what changes touch, examples as one vector, payload indexes."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.targets.embedded.vectors import writes
from bench.targets.embedded.vectors.errors import ApiError
from bench.targets.embedded.vectors.payload_index import describe_index, parse_schema
from bench.targets.embedded.vectors.queries import average_example
from bench.targets.embedded.vectors.writes import Effect

SIZES = {"a": 2, "b": 3}


def test_a_batch_of_named_vectors_is_one_point_a_row() -> None:
    batch = {"ids": [1, 2], "vectors": {"a": [[1, 2], [3, 4]], "b": [[0] * 3, [1] * 3]}}
    write = writes.upsert({"batch": batch}, SIZES)
    assert (write.effect, list(write.ids)) == (Effect.STORED, [1, 2])


@pytest.mark.parametrize(
    "vectors", [{"a": [[1, 2]]}, {"a": [[1, 2]] * 2, "b": [[0] * 3]}, [[1, 2]], {"a": [[1, 2]] * 3}]
)
def test_columns_of_a_batch_must_match(vectors: Any) -> None:
    with pytest.raises(ApiError, match="must match") as caught:
        writes.upsert({"batch": {"ids": [1, 2], "vectors": vectors}}, SIZES)
    assert caught.value.status == 400


@pytest.mark.parametrize(
    ("parse", "body", "fields"),
    [
        (writes.set_payload, {"payload": {"a": 1, "b": 2}}, {"a", "b"}),
        (writes.set_payload, {"payload": {"x": 1}, "key": "deep[0].part"}, {"deep"}),
        (writes.delete_payload, {"keys": ["a.b", "c[].d"]}, {"a", "c"}),
        (writes.overwrite_payload, {"payload": {"a": 1}}, None),
        (writes.clear_payload, {}, None),
    ],
)
def test_changes_of_payload_name_the_fields_that_they_edit(
    parse: writes.Parser, body: dict[str, Any], fields: set[str] | None
) -> None:
    by_id = parse(body | {"points": [1]}, SIZES)
    by_filter = parse(body | {"filter": {"must": []}}, SIZES)
    for write in (by_id, by_filter):
        assert (write.effect, write.fields) == (Effect.EDITED, fields)
    assert (list(by_id.ids), by_id.matching) == ([1], None)
    assert (list(by_filter.ids), by_filter.matching is None) == ([], False)


def test_a_wrong_operation_spoils_its_whole_batch() -> None:
    operations = [{"delete": {"points": [1]}}, {"delete": {"points": ["x"]}}]
    with pytest.raises(ApiError, match="valid point ID"):
        writes.batch({"operations": operations}, SIZES)


vectors = st.lists(st.lists(st.floats(-100, 100, width=32), min_size=3, max_size=3), min_size=1, max_size=5)


@given(vectors, vectors)
def test_examples_become_one_vector(positive: list[list[float]], negative: list[list[float]]) -> None:
    mean = np.mean(positive, axis=0)
    assert average_example(positive, []) == pytest.approx(mean, abs=1e-3)
    assert average_example(positive, negative) == pytest.approx(
        2 * mean - np.mean(negative, axis=0), abs=1e-3
    )


def test_examples_of_different_sizes_are_refused() -> None:
    with pytest.raises(ApiError) as caught:
        average_example([[1.0, 2.0], [1.0]], [])
    assert caught.value.status == 400


@pytest.mark.parametrize(
    "options",
    [
        {"type": "keyword", "is_tenant": True, "on_disk": True},
        {"type": "integer", "lookup": True, "range": False},
        {"type": "float", "memory": "cached"},
        {"type": "text", "tokenizer": "prefix", "min_token_len": 2, "lowercase": True},
        {"type": "bool", "on_disk": False},
    ],
)
def test_the_options_of_a_payload_index_are_shown_as_given(options: dict[str, Any]) -> None:
    params = parse_schema(options)
    kind = f"PayloadSchemaType.{options['type'].capitalize()}"
    shown = describe_index(SimpleNamespace(data_type=kind, params=params, points=3))
    assert (shown["data_type"], shown["points"]) == (options["type"], 3)
    assert options.items() <= shown["params"].items()


@pytest.mark.parametrize("schema", [None, 3, "words", {}, {"type": "words"}, {"type": 3}])
def test_what_is_no_schema_is_malformed(schema: Any) -> None:
    with pytest.raises(ApiError) as caught:
        parse_schema(schema)
    assert caught.value.status == 400
