"""What a prediction costs against stored patterns: it grows with all of them, and hardly with a filter."""

from __future__ import annotations

import json
import random
import statistics
import time
from collections import Counter
from typing import Any

import httpx
import pytest

from bench.targets.embedded.kato import naming

SIZES = (100, 450, 600, 2000, 5000)
TOKENS = 10
OBSERVED = 5
ROUNDS = 5


def fill(stores: Any, kb: str, patterns: list[list[list[str]]]) -> None:
    """Leaves in the stores what learning these patterns would, but for their MinHash sketches."""
    rows, keys = [], {}
    frequency: Counter[str] = Counter()
    members: Counter[str] = Counter()
    for events in patterns:
        tokens = [token for event in events for token in event]
        name = naming.pattern_name(events)
        rows.append(
            {
                "kb_id": kb,
                "name": name,
                "pattern_data": events,
                "length": len(tokens),
                "token_set": sorted(set(tokens)),
                "token_count": len(set(tokens)),
                "first_token": tokens[0],
                "last_token": tokens[-1],
            }
        )
        keys |= {f"{kb}:frequency:{name}": 1, f"{kb}:emotives:{name}": "[]", f"{kb}:metadata:{name}": "{}"}
        frequency.update(tokens)
        members.update(set(tokens))
    body = "INSERT INTO kato.patterns_data FORMAT JSONEachRow\n" + "\n".join(map(json.dumps, rows))
    httpx.post(stores.clickhouse_url, content=body, timeout=30).raise_for_status()
    stores.redis.mset(keys)
    stores.redis.hset(f"{kb}:symbols:freq", mapping=frequency)
    stores.redis.hset(f"{kb}:symbols:pmf", mapping=members)
    for total in ("total_pattern_frequencies", "total_unique_patterns"):
        stores.redis.set(f"{kb}:global:{total}", len(patterns))


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
            fill(stores, f"cost_{size}_kato", patterns[:size])
            node = {"node_id": f"cost_{size}", "config": {"process_predictions": False}}
            path = f"/sessions/{http.post('/sessions', json=node).json()['session_id']}"
            http.post(f"{path}/observe-sequence", json={"observations": beginning}).raise_for_status()
            sessions[size] = path
    return sessions


def seconds_of(http: httpx.Client, path: str, pipeline: list[str]) -> float:
    http.post(f"{path}/config", json={"filter_pipeline": pipeline}).raise_for_status()
    taken = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        answer = http.get(f"{path}/predictions").json()
        taken.append(time.perf_counter() - began)
        assert any(one["evidence"] == OBSERVED / TOKENS for one in answer["predictions"])
    return statistics.median(taken)


def test_predictions_cost_more_with_every_pattern_unless_a_filter_narrows_them(http, corpora) -> None:
    unfiltered, jaccard = (
        [seconds_of(http, corpora[size], pipeline) for size in SIZES] for pipeline in ([], ["jaccard"])
    )
    assert unfiltered == sorted(unfiltered)
    assert unfiltered[-1] / unfiltered[0] > 8
    assert jaccard[-1] / jaccard[0] < 4
    assert unfiltered[-1] / jaccard[-1] > 5
