from __future__ import annotations

import json

import pytest

from bench.loadgen import operations
from bench.record.vocabulary import OPERATIONS


def test_shapes_are_katos() -> None:
    observe = operations.observe(["b", "a"], [[1.0, 2.0]], {"joy": 0.5})
    assert observe.target("s-1") == "/sessions/s-1/observe"
    assert json.loads(observe.body or b"") == {
        "strings": ["b", "a"],
        "vectors": [[1.0, 2.0]],
        "emotives": {"joy": 0.5},
    }
    sequence = operations.sequence([("a", "b"), ("c",)], learn_at_end=True)
    assert json.loads(sequence.body or b"") == {
        "observations": [{"strings": ["a", "b"]}, {"strings": ["c"]}],
        "learn_at_end": True,
    }
    with_vectors = operations.sequence([("a",), ("b",)], [[1.0], [2.0]], learn_at_end=False)
    assert json.loads(with_vectors.body or b"")["observations"] == [
        {"strings": ["a"], "vectors": [[1.0]]},
        {"strings": ["b"], "vectors": [[2.0]]},
    ]
    with pytest.raises(ValueError, match="shorter"):
        operations.sequence([("a",), ("b",)], [[1.0]], learn_at_end=False)
    create = operations.create("bench_x_0", {"process_predictions": False})
    assert create.target("") == "/sessions"
    assert json.loads(create.body or b"") == {
        "node_id": "bench_x_0",
        "config": {"process_predictions": False},
    }
    assert operations.delete().target("s-1") == "/sessions/s-1"


def test_operations_use_the_records_words() -> None:
    made = [
        operations.observe([]),
        operations.sequence([], learn_at_end=False),
        operations.learn(),
        operations.predict(),
        operations.stm(),
        operations.clear(),
        operations.clear_node(),
        operations.delete(),
        operations.create("n", {}),
    ]
    assert {request.operation for request in made} <= set(OPERATIONS)


@pytest.mark.parametrize(
    ("answer", "items"),
    [
        (b'{"predictions":[],"future_potentials":[],"processor_id":null,"count":0,"time":null}', 0),
        (b'{"predictions":[{"count":3}],"count":17,"time":null}', 17),
        (b'{"predictions":[1], "count": 5}', 5),
        (b'{"predictions":[]}', -1),
        (b'{"count":null}', -1),
        (b'{"count":99999999999}', 2**31 - 1),
        (b"", -1),
    ],
)
def test_items_are_read_without_parsing(answer: bytes, items: int) -> None:
    assert operations.predict().items(answer) == items


def test_an_answer_without_a_count_has_no_items() -> None:
    assert operations.learn().items(b'{"count":4}') == -1
