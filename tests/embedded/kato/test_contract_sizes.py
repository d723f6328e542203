"""Bytes in Redis: each family of keys takes what KATO's takes, within a factor of two.

The figures are those of KATO 3.10.1 with patterns of ten tokens from a vocabulary of a thousand."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest

PATTERNS = 120
TOKENS = 10


@pytest.fixture(scope="module")
def trained(api: Any) -> Iterator[Any]:
    """A node `sized` with `PATTERNS` patterns, finalized, and a session that has predicted."""
    rng = random.Random(3)
    words = [f"word{number}" for number in range(1000)]
    weights = [(rank + 1) ** -0.5 for rank in range(1000)]
    events = [{"strings": [word]} for word in rng.choices(words, weights, k=PATTERNS * TOKENS)]
    with api.client() as http:
        config = {"process_predictions": False, "max_pattern_length": TOKENS}
        session = http.post("/sessions", json={"node_id": "sized", "config": config}).json()
        path = f"/sessions/{session['session_id']}"
        http.post(f"{path}/observe-sequence", json={"observations": events}).raise_for_status()
        http.post(f"{path}/finalize-training").raise_for_status()
        http.post(f"{path}/config", json={"process_predictions": True, "max_pattern_length": 0})
        for word in words[:5]:  # the most frequent ones, which many patterns share
            predicted = http.post(f"{path}/observe", json={"strings": [word]}).json()
        cognition = http.get(f"{path}/cognition-data").json()["cognition_data"]
        yield session["session_id"], predicted["unique_id"], len(cognition["predictions"])


def mean(sizes: Iterable[int]) -> float:
    found = list(sizes)
    return sum(found) / len(found)


@pytest.fixture
def memory(stores: Any) -> Callable[..., float]:
    """Mean bytes of up to 200 keys of a family, by its pattern."""

    def of(pattern: str) -> float:
        keys = itertools.islice(stores.redis.scan_iter(pattern, count=1000), 200)
        return mean(stores.redis.memory_usage(key, samples=0) for key in keys)

    return of


@pytest.mark.parametrize(
    ("family", "expected"),
    [
        ("sized_kato:frequency:*", 104),
        ("sized_kato:emotives:*", 120),
        ("sized_kato:metadata:*", 120),
        ("sized_kato:global:*", 93),
    ],
)
def test_a_key_takes_what_katos_takes(trained, memory, family: str, expected: float) -> None:
    assert expected / 2 <= memory(family) <= expected * 2


def test_a_symbol_takes_about_a_hundred_bytes_in_both_hashes(trained, stores, memory) -> None:
    symbols = stores.redis.hlen("sized_kato:symbols:freq")
    assert symbols == stores.redis.hlen("sized_kato:symbols:pmf")
    both = memory("sized_kato:symbols:freq") + memory("sized_kato:symbols:pmf")
    assert 97 / 2 <= both / symbols <= 97 * 2


def test_a_symbol_in_a_pattern_takes_about_ninety_bytes(trained, stores) -> None:
    keys = list(stores.redis.scan_iter("sized_kato:symbol_to_patterns:*", count=1000))
    members = sum(map(stores.redis.scard, keys))
    total = sum(stores.redis.memory_usage(key, samples=0) for key in keys)
    assert 87 / 2 <= total / members <= 87 * 2


def test_finalized_values_take_about_eight_hundred_bytes_a_pattern(trained, memory) -> None:
    kinds = ("entropy", "normalized_entropy", "global_normalized_entropy", "tf_vector")
    total = sum(memory(f"sized_kato:{kind}:*") for kind in kinds)
    assert 810 / 2 <= total <= 810 * 2


def test_stored_predictions_take_about_twelve_hundred_bytes_each(trained, stores) -> None:
    session_id, unique_id, predicted = trained
    assert predicted > 10
    for key in (f"sized_kato:prediction:{unique_id}", f"kato:session:{session_id}"):
        assert 1250 / 2 <= stores.redis.memory_usage(key) / predicted <= 1250 * 2


def test_an_empty_session_takes_about_fifteen_hundred_bytes(http, stores) -> None:
    session = http.post("/sessions", json={"node_id": "sized_empty"}).json()
    assert 1500 / 2 <= stores.redis.memory_usage(f"kato:session:{session['session_id']}") <= 1500 * 2


def test_an_entry_of_a_stream_takes_about_160_bytes(http, stores, open_session) -> None:
    session = open_session("sized_stream", config={"process_predictions": False})
    entries = 400
    before = stores.redis.memory_usage("stm:global", samples=0) or 0
    session.post("observe-sequence", {"observations": [{"strings": ["one"]}] * entries}).raise_for_status()
    grown = stores.redis.memory_usage("stm:global", samples=0) - before
    assert 161 / 2 <= grown / entries <= 161 * 2


def test_the_metrics_cache_holds_small_numbers(trained, stores, http) -> None:
    session_id, _, _ = trained
    http.get(f"/sessions/{session_id}/predictions").raise_for_status()
    keys = stores.redis.smembers("kato:metrics:_index")
    assert keys
    assert mean(map(stores.redis.memory_usage, keys)) < 300
