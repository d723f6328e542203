"""When two answers to one question are the same, and which field tells that they are not."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.loadgen.answers import Difference, differences

Answer = dict[str, Any]


def prediction(name: str, potential: float, similarity: float = 0.5) -> dict[str, Any]:
    return {
        "type": "prototypical",
        "name": name,
        "frequency": 2,
        "emotives": {"joy": 0.5},
        "matches": ["a", "b"],
        "present": [["a", "b"], ["c"]],
        "anomalies": [],
        "potential": potential,
        "similarity": similarity,
        "weighted_snr": None,
        "future": [["d"], ["e", name]],
    }


def answer(*predictions: dict[str, Any], session: str = "session-1") -> Answer:
    return {
        "predictions": list(predictions),
        "future_potentials": [
            {"future": [["d"]], "aggregate_potential": 0.75, "supporting_patterns": 3},
            {"future": [["f"]], "aggregate_potential": 0.25, "supporting_patterns": 1},
        ],
        "session_id": session,
        "processor_id": None,
        "count": len(predictions),
        "time": None,
        "unique_id": None,
    }


GOOD = answer(prediction("one", 3.5, 0.9), prediction("two", 2.0, 0.5), prediction("three", 2.0, 0.4))


def compared(got: Answer, expected: Answer = GOOD) -> list[Difference]:
    return differences(json.dumps(expected).encode(), json.dumps(got).encode())


def changed(change: Callable[[Answer], object]) -> Answer:
    other = copy.deepcopy(GOOD)
    change(other)
    return other


def test_the_same_answer_of_another_session_is_the_same() -> None:
    other = answer(*GOOD["predictions"], session="session-2")
    assert compared({**other, "unique_id": "u", "time": 17}) == []


@pytest.mark.parametrize(
    ("change", "field", "expected", "got"),
    [
        (lambda a: a["predictions"][0].update(potential=3.6), "predictions[one].potential", 3.5, 3.6),
        (lambda a: a["predictions"][1].update(frequency=3), "predictions[two].frequency", 2, 3),
        (lambda a: a["predictions"][0].update(emotives={"joy": 0.1}), "predictions[one].emotives.joy", 0.5,
         0.1),
        (lambda a: a["predictions"][0].update(matches=["a"]), "predictions[one].matches", ["a", "b"], ["a"]),
        (lambda a: a["predictions"][0].update(present=[["a", "b"], ["x"]]), "predictions[one].present[1][0]",
         "c", "x"),
        (lambda a: a["predictions"][0].update(weighted_snr=0.0), "predictions[one].weighted_snr", None, 0.0),
        (lambda a: a["predictions"][0].pop("future"), "predictions[one].future", [["d"], ["e", "one"]], None),
        (lambda a: a["predictions"].pop(), "predictions[three]", GOOD["predictions"][2], None),
        (lambda a: a["predictions"].insert(0, prediction("new", 9.0, 1.0)), "predictions[new]", None,
         prediction("new", 9.0, 1.0)),
        (lambda a: a["predictions"].reverse(), "predictions, place 1", "one", "three"),
        (lambda a: a.update(predictions=[]), "predictions[one]", GOOD["predictions"][0], None),
        (lambda a: a.update(predictions=None), "predictions", GOOD["predictions"], None),
        (lambda a: a["future_potentials"][1].update(supporting_patterns=2),
         'future_potentials[[["f"]]].supporting_patterns', 1, 2),
        (lambda a: a.update(count=7), "count", 3, 7),
        (lambda a: a.update(warning="old"), "warning", None, "old"),
    ],
)  # fmt: skip
def test_what_differs_is_named(
    change: Callable[[Answer], object], field: str, expected: object, got: object
) -> None:
    assert compared(changed(change))[0] == Difference(field, expected, got)


@given(st.floats(min_value=-9e-7, max_value=9e-7))
def test_the_last_digits_of_a_sum_are_nobodys_promise(relative: float) -> None:
    def shift(a: Answer) -> None:
        for one in a["predictions"]:
            one["potential"] *= 1 + relative

    assert compared(changed(shift)) == []


def test_whole_numbers_may_be_written_with_a_point() -> None:
    assert compared(changed(lambda a: a["predictions"][1].update(potential=2, frequency=2.0))) == []
    assert compared(changed(lambda a: a["predictions"][1].update(frequency=True)))


def test_equals_may_stand_in_any_order() -> None:
    swapped = changed(lambda a: a.update(predictions=[a["predictions"][i] for i in (0, 2, 1)]))
    assert compared(swapped) == []
    futures = changed(lambda a: a["future_potentials"].reverse())
    assert [one.field for one in compared(futures)] == ["future_potentials, place 1"]


def test_a_ranking_by_something_else_is_compared_without_its_order() -> None:
    """KATO ranks by what RANK_SORT_ALGO says: then the potential says nothing of the order."""
    rising = answer(prediction("one", 1.0), prediction("two", 2.0), prediction("three", 3.0))
    other = answer(*reversed(rising["predictions"]))
    assert compared(other, rising) == []


@pytest.mark.parametrize("similarity", [0.4, 0.8])
def test_the_last_place_may_go_to_another_of_equals(similarity: float) -> None:
    """Equal in what decides who is in the list: the potential, or the similarity before it."""
    last = prediction("four", 2.0 if similarity == 0.8 else 2.5, similarity)
    other = answer(*GOOD["predictions"][:2], last)
    other["future_potentials"] = []
    assert compared(other) == []


def test_a_better_one_may_not_be_left_out() -> None:
    other = answer(*GOOD["predictions"][1:], prediction("four", 2.0, 0.4))
    assert {one.field for one in compared(other)} >= {"predictions[one]", "predictions[four]"}


def test_a_list_that_names_one_twice_is_compared_place_by_place() -> None:
    twice = answer(prediction("one", 3.5), prediction("one", 3.5))
    assert compared(copy.deepcopy(twice), twice) == []
    other = answer(prediction("one", 3.5), prediction("one", 3.0))
    assert [one.field for one in compared(other, twice)] == ["predictions[1].potential"]


@pytest.mark.parametrize("got", [b"", b"[]", b"no JSON", b'{"predictions"', b"[" * 100_000])
def test_what_is_no_answer_differs_from_one(got: bytes) -> None:
    (found,) = differences(json.dumps(GOOD).encode(), got)
    assert found.field == "answer"
    assert differences(got, got) == []


@given(st.integers(min_value=0, max_value=2**32), st.integers(min_value=1, max_value=30))
def test_an_answer_is_the_same_as_itself_however_its_equals_are_ordered(seed: int, count: int) -> None:
    rng = random.Random(seed)
    predictions = [prediction(f"p{n}", rng.choice((1.0, 2.0, 3.0))) for n in range(count)]

    def ranked() -> list[dict[str, Any]]:
        rng.shuffle(predictions)
        return sorted(predictions, key=lambda one: -one["potential"])

    assert compared(answer(*ranked()), answer(*ranked())) == []


def test_a_list_that_is_not_full_has_left_nothing_out() -> None:
    other = answer(*GOOD["predictions"][:2], prediction("four", 2.0, 0.4))
    pair = json.dumps(GOOD).encode(), json.dumps(other).encode()
    assert differences(*pair, limit=3) == []
    assert [one.field for one in differences(*pair, limit=4)] == ["predictions[three]", "predictions[four]"]
