"""Requests that nobody thought of, made from the API's own OpenAPI document: none may be a server error.

KATO documents two: a time to live below zero, and vectors of one event that differ in length."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import Case
from test_contract_openapi import OPERATIONS

pytestmark = pytest.mark.slow

EXAMPLES = 12
ENDPOINTS = [line.split()[:2] for line in OPERATIONS.strip().splitlines()]


@pytest.fixture(scope="session")
def published(api: Any) -> Any:
    return schemathesis.openapi.from_url(f"{api.url}/openapi.json")


@pytest.fixture(scope="module")
def client(api: Any) -> Iterator[httpx.Client]:
    with api.client() as http:
        living_session(http, learn=True)
        yield http


def documented(case: Case) -> bool:
    """Whether KATO answers this request with its plain 500, and says so."""
    body = case.body if isinstance(case.body, dict) else {}
    if case.path == "/sessions":
        ttl = body.get("ttl_seconds")
        return isinstance(ttl, int | float) and ttl < 0
    observations = body.get("observations")
    events = observations if isinstance(observations, list) else [body]
    return any(_ragged(event.get("vectors")) for event in events if isinstance(event, dict))


def _ragged(vectors: Any) -> bool:
    return isinstance(vectors, list) and len({len(one) for one in vectors if isinstance(one, list)}) > 1


def living_session(client: httpx.Client, learn: bool = False) -> str:
    """In the middle of the pattern of its node, or just after it was learned."""
    created = client.post("/sessions", json={"node_id": "schemathesis"})
    created.raise_for_status()
    session_id: str = created.json()["session_id"]
    events = [{"strings": [text], "emotives": {"joy": 0.5}} for text in ("abc" if learn else "ab")]
    body = {"observations": events, "learn_at_end": learn}
    client.post(f"/sessions/{session_id}/observe-sequence", json=body).raise_for_status()
    return session_id


@pytest.mark.parametrize(("method", "path"), ENDPOINTS)
def test_no_request_is_a_server_error(published, client, method: str, path: str) -> None:
    @given(case=published[path][method].as_strategy())
    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    def check(case: Case) -> None:
        if "session_id" in case.path_parameters:
            assert case.call(timeout=30).status_code < 500
            case.path_parameters["session_id"] = living_session(client)
        answer = case.call(timeout=30)
        assert answer.status_code < 500 or documented(case), answer.text

    check()
