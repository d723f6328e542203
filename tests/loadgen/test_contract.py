"""Answers against KATO's contract, and what is said of one that breaks it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.loadgen.contract import SHAPES, violation
from bench.loadgen.shapes import Either, Map, Maybe, Shape, wrong

LEARNED = {
    "status": "learned",
    "pattern_name": "PTRN|cb5d",
    "session_id": "session-1",
    "processor_id": None,
    "message": "Learned pattern",
}


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({}, None),
        ({"more": [1]}, None),
        ({"processor_id": "kato"}, None),
        ({"processor_id": 3}, "the answer.processor_id is a whole number and not a string"),
        ({"status": "okay"}, "the answer.status is 'okay' and not 'learned'"),
        ({"pattern_name": None}, "the answer.pattern_name is null and not a string"),
    ],
)
def test_an_answer_is_held_against_its_shape(change: dict[str, Any], complaint: str | None) -> None:
    body = json.dumps(LEARNED | change).encode()
    assert violation("POST /sessions/{id}/learn", body) == complaint


def test_what_is_missing_is_named() -> None:
    assert violation("GET /sessions/{id}/stm", b'{"stm": [], "session_id": "s"}') == "the answer lacks length"
    assert violation("GET /sessions/{id}/stm", b"<html>") == "the answer is no JSON"
    assert violation("GET /sessions/{id}/stm", b"[" * 200_000) == "the answer is no JSON"
    assert violation("GET /sessions/{id}/stm", b"[]") == "the answer is a list and not an object"


@pytest.mark.parametrize(
    ("shape", "value", "complaint"),
    [
        (float, 1, None),
        (float, True, "the answer is true or false and not a number"),
        (int, 1.0, "the answer is a number and not a whole number"),
        (int, False, "the answer is true or false and not a whole number"),
        ([[str]], [["a"], ["b", 3]], "the answer[1][1] is a whole number and not a string"),
        (Map(float), {"joy": "high"}, "the answer.joy is a string and not a number"),
        (Maybe(int), None, None),
        (Either({"a": int}, {"b": int}), {"b": 1}, None),
        (Either({"a": int}, {"b": int}), {"c": 1}, "the answer lacks a"),
        (object, None, None),
    ],
)
def test_shapes(shape: Shape, value: object, complaint: str | None) -> None:
    assert wrong(shape, value) == complaint


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)


@given(st.sampled_from(sorted(SHAPES)), ANY_JSON)
def test_nothing_is_beyond_words(name: str, value: object) -> None:
    complaint = violation(name, json.dumps(value).encode())
    assert complaint is not None
    assert complaint.startswith("the answer")


def example(shape: Shape) -> object:
    """Something of the shape."""
    if isinstance(shape, (Maybe, Map, Either)):
        return None if isinstance(shape, Maybe) else {} if isinstance(shape, Map) else example(shape.of)
    if isinstance(shape, list):
        return [example(shape[0])]
    if isinstance(shape, dict):
        return {name: example(field) for name, field in shape.items()}
    return shape if isinstance(shape, str) else shape() if shape is not object else 1


@pytest.mark.parametrize("name", SHAPES)
def test_every_shape_takes_its_own(name: str) -> None:
    assert violation(name, json.dumps(example(SHAPES[name])).encode()) is None
