"""What a prediction costs against stored patterns: it grows with all of them, and hardly with a filter."""

from __future__ import annotations

import random
import time
from itertools import pairwise
from typing import Any

import httpx
import pytest

SIZES = (100, 450, 600, 2000, 5000)
TOKENS = 10
OBSERVED = 5
ROUNDS = 5


@pytest.fixture(scope="module")
def corpora(api: Any, stores: Any) -> dict[int, str]:
    """Sessions on nodes of growing size, each in the middle of one of its node's patterns, by the size."""
    rng = random.Random(11)
    words = [f"word{number}" for number in range(1000)]
    weights = [1 / (rank + 1) for rank in range(1000)]
    patterns = [[[word] for word in rng.choices(words, weights, k=TOKENS)] for _ in range(max(SIZES))]
    beginning = [{"strings": event} for event in patterns[0][:OBSERVED]]
    sessions = {}
    with api.client() as http:
        for size in SIZES:
            stores.fill(f"cost_{size}_kato", patterns[:size])
            node = {"node_id": f"cost_{size}", "config": {"process_predictions": False}}
            path = f"/sessions/{http.post('/sessions', json=node).json()['session_id']}"
            http.post(f"{path}/observe-sequence", json={"observations": beginning}).raise_for_status()
            sessions[size] = path
    return sessions


def least_seconds(http: httpx.Client, path: str, pipeline: list[str]) -> float:
    """The quickest of a few: what else this machine does can only slow a prediction down."""
    http.post(f"{path}/config", json={"filter_pipeline": pipeline}).raise_for_status()
    taken = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        answer = http.get(f"{path}/predictions").json()
        taken.append(time.perf_counter() - began)
        assert any(one["evidence"] == OBSERVED / TOKENS for one in answer["predictions"])
    return min(taken)


def test_predictions_cost_more_with_every_pattern_unless_a_filter_narrows_them(http, corpora) -> None:
    unfiltered, jaccard = (
        [least_seconds(http, corpora[size], pipeline) for size in SIZES] for pipeline in ([], ["jaccard"])
    )
    assert all(larger > 0.9 * smaller for smaller, larger in pairwise(unfiltered)), unfiltered
    assert unfiltered[-1] > 2 * unfiltered[-2] > 2 * unfiltered[0], unfiltered
    assert unfiltered[-1] > 6 * unfiltered[0], unfiltered
    assert jaccard[-1] < 4 * jaccard[0], jaccard
    assert unfiltered[-1] > 5 * jaccard[-1], (unfiltered, jaccard)
