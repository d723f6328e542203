"""`/metrics`: Qdrant's names, and numbers that were counted."""

from __future__ import annotations

import re

import numpy as np
import pytest
from qdrant_client import models
from vectors_front import Front

from bench.targets.embedded.vectors.metrics import BUCKETS, RestMetrics

_SAMPLE = re.compile(r'^(\w+)(?:\{((?:\w+="(?:[^"\\]|\\.)*",?)*)\})? (\S+)$')


def parse(page: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """(name, labels) -> value of every sample; fails on a line that is no Prometheus text."""
    samples = {}
    for line in page.splitlines():
        if line.startswith(("# HELP ", "# TYPE ")):
            continue
        match = _SAMPLE.match(line)
        assert match, line
        labels = frozenset(re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', match[2] or ""))
        samples[match[1], labels] = float(match[3])
    return samples


def labelled(**labels: str) -> frozenset[tuple[str, str]]:
    return frozenset(labels.items())


def test_answers_and_points_are_counted(own_front: Front) -> None:
    front, name = own_front, "vectors_counted"
    front.client.create_collection(name, models.VectorParams(size=4, distance=models.Distance.EUCLID))
    front.client.upsert(name, models.Batch(ids=[1, 2, 3], vectors=np.eye(3, 4).tolist()))
    path = f"/collections/{name}/points/query"
    for _ in range(5):
        assert front.http.post(path, json={"query": [0, 0, 0, 1]}).status_code == 200
    for _ in range(2):
        assert front.http.post(path, json={"query": [0]}).status_code == 400
    page = front.http.get("/metrics")
    assert page.headers["content-type"].startswith("text/plain")
    samples = parse(page.text)
    endpoint = "/collections/{collection_name}/points/query"
    ok = labelled(method="POST", endpoint=endpoint, status="200")
    bad = labelled(method="POST", endpoint=endpoint, status="400")
    assert samples["rest_responses_total", ok] == 5
    assert samples["rest_responses_total", bad] == samples["rest_responses_fail_total", bad] == 2
    assert samples["rest_responses_fail_total", ok] == 0
    assert samples["rest_responses_duration_seconds_count", ok] == 5
    assert samples["rest_responses_duration_seconds_bucket", ok | {("le", "+Inf")}] == 5
    assert ("rest_responses_duration_seconds_count", bad) not in samples
    mean = samples["rest_responses_avg_duration_seconds", ok]
    assert 0 < samples["rest_responses_min_duration_seconds", ok] <= mean
    assert samples["rest_responses_duration_seconds_sum", ok] == pytest.approx(5 * mean)
    assert samples["collections_total", frozenset()] == 1
    assert samples["collections_vector_total", frozenset()] == 3
    assert samples["collection_points", labelled(id=name)] == 3
    assert samples["collection_vectors", labelled(collection=name, vector="")] == 3
    assert samples["collection_running_optimizations", labelled(id=name)] == 0
    assert samples["app_info", labelled(name="qdrant", version=front.http.get("/").json()["version"])] == 1
    assert samples["memory_resident_bytes", frozenset()] > 10e6


def test_the_histogram_is_cumulative_and_bounds_belong_to_their_bucket() -> None:
    rest = RestMetrics()
    durations = [0.0005, 0.001, 0.0011, 0.3, 100.0]
    for seconds in durations:
        rest.add("POST", "/x", 200, seconds)
    samples = parse(rest.render())
    labels = labelled(method="POST", endpoint="/x", status="200")
    for bound in BUCKETS:
        counted = samples["rest_responses_duration_seconds_bucket", labels | {("le", f"{bound:g}")}]
        assert counted == sum(seconds <= bound for seconds in durations)
    assert samples["rest_responses_duration_seconds_sum", labels] == pytest.approx(sum(durations))


def test_nothing_is_said_of_what_was_never_asked() -> None:
    assert RestMetrics().render() == ""
