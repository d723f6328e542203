"""Every endpoint of KATO 3.10.1: status, headers, and each field with its type or value, as recorded."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from kato_shapes import DEFAULT_CONFIG, SESSION_ID, ZULU, Each, Nullable, OneOf, Values, differences

PATTERN = re.compile(r"PTRN\|[0-9a-f]{40}")
SHA1 = re.compile(r"[0-9a-f]{40}")
OFFSET = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?\+00:00")
EVENTS = Each(Each(str))
ISSUES = Each(re.compile(r"High (CPU|memory) usage.*"))
HOST_STATUS = OneOf(("healthy", "degraded", "unhealthy"))

SESSION_CONFIG = {**DEFAULT_CONFIG, "process_predictions": False}
SESSION = {
    "session_id": SESSION_ID,
    "node_id": str,
    "created_at": ZULU,
    "expires_at": ZULU,
    "ttl_seconds": int,
    "metadata": {"k": "v"},
    "session_config": SESSION_CONFIG,
}
OBSERVED = {
    "status": "okay",
    "session_id": SESSION_ID,
    "processor_id": "contract",
    "stm_length": int,
    "time": int,
    "unique_id": re.compile(r"obs-[0-9a-f]{32}"),
    "auto_learned_pattern": None,
}
SEQUENCE_ITEM = {
    "status": "okay",
    "sequence_position": int,
    "stm_length": int,
    "time": int,
    "unique_id": re.compile(r"seq-obs-[0-9a-f]{32}|mine"),
    "auto_learned_pattern": Nullable(PATTERN),
}
WEIGHTED = dict.fromkeys(
    ("weighted_similarity", "weighted_evidence", "weighted_confidence", "weighted_snr"), Nullable(float)
)
PREDICTION = {
    "type": "prototypical",
    "name": SHA1,
    "frequency": int,
    "emotives": Values(float),
    "matches": Each(str),
    "past": EVENTS,
    "present": EVENTS,
    "missing": EVENTS,
    "extras": EVENTS,
    "anomalies": Each({"observed": str, "expected": str, "similarity": float}),
    "potential": float,
    "evidence": float,
    "similarity": float,
    "fragmentation": float,
    "snr": float,
    "confluence": float,
    "predictive_information": float,
    "sequence": EVENTS,
    "future": EVENTS,
    "confidence": float,
    **WEIGHTED,
    "entropy": float,
    "normalized_entropy": float,
    "global_normalized_entropy": float,
    "itfdf_similarity": float,
    "tfidf_score": float,
    "pattern_probability": float,
    "weighted_strength": float,
    "bayesian_posterior": float,
    "bayesian_prior": float,
    "bayesian_likelihood": float,
}
FUTURE = {
    "future": EVENTS,
    "aggregate_potential": float,
    "supporting_patterns": int,
    "total_weighted_frequency": float,
}
NODES = {
    "total_processors": int,
    "max_processors": 100,
    "eviction_ttl_seconds": 3600,
    "processors": Each(
        {
            "processor_id": str,
            "node_id": str,
            "created_at": OFFSET,
            "last_accessed": OFFSET,
            "access_count": 1,
            "idle_seconds": float,
        }
    ),
}
SESSION_COUNTERS = {"total_created": 0.0, "total_deleted": 0.0, "active": int, "operations_total": 0.0}
PERFORMANCE = {
    "total_requests": float,
    "total_errors": 0.0,
    "error_rate": 0.0,
    "average_response_time": float,
}
RESOURCES = {"cpu_percent": float, "memory_percent": float, "disk_percent": float}
DATABASES = {
    store: {"operations": 0.0, "errors": 0.0, "avg_response_time": 0.0}
    for store in ("clickhouse", "qdrant", "redis")
}
UTILIZATION = {"concurrent_requests": int, "utilization_percent": int}
POINTS = Each({"timestamp": float, "value": float, "labels": Values(str)})
CACHE = {
    "hit_rate_percent": 0,
    "cache_hits": 0,
    "cache_misses": 0,
    "patterns_in_cache": 0,
    "symbols_in_cache": 0,
    "patterns_cached_total": 0,
    "symbols_cached_total": 0,
    "redis_memory_used_mb": float,
    "uptime_seconds": 0.0,
    "requests_per_second": 0.0,
}
PROBE = {
    "healthy": True,
    "last_check": float,
    "error_count": 0,
    "last_error": None,
    "response_time_ms": float,
}
LEARNED = [["hello", "world"], ["foo"], ["bar", "baz"], ["end"]]
LEARNED_NAME = "cb5d3f1e179724d6bacaa9e047a74d947177507a"


@dataclass(frozen=True)
class Call:
    """One request and what KATO answers. `{session}` stands for a session of the node `contract`, which has
    learned one pattern with emotives and metadata, and whose STM is `stm`."""

    method: str
    path: str
    shape: Any
    body: Any = None
    query: dict[str, Any] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    status: int = 200
    stm: list[list[str]] = field(default_factory=lambda: [["hello", "world"], ["foo"]])

    def __str__(self) -> str:
        return f"{self.method} {self.path} {self.query or ''} {self.body or ''} {self.stm}"[:100]


def of_session(method: str, path: str, shape: Any, body: Any = None, **more: Any) -> Call:
    return Call(method, f"/sessions/{{session_id}}{path}", shape, body, **more)


CONTRACT_NODE = {"node_id": "contract"}
CALLS = [
    Call(
        "POST",
        "/sessions",
        {**SESSION, "node_id": "n", "ttl_seconds": 60},
        {
            "node_id": "n",
            "ttl_seconds": 60,
            "metadata": {"k": "v"},
            "config": {"process_predictions": False},
        },
    ),
    Call(
        "POST",
        "/sessions",
        {
            **SESSION,
            "node_id": "",
            "ttl_seconds": 3600,
            "metadata": {},
            "session_config": {**SESSION_CONFIG, "process_predictions": True},
        },
        {"node_id": "", "ttl_seconds": 0, "metadata": None, "config": None},
    ),
    Call("GET", "/sessions/count", {"active_session_count": int}),
    of_session("GET", "", {**SESSION, "node_id": "contract"}),
    of_session("GET", "/exists", {"exists": True, "expired": False, "session_id": SESSION_ID}),
    of_session("GET", "/config", {"session_id": SESSION_ID, "config": SESSION_CONFIG}),
    of_session(
        "POST",
        "/config",
        {"status": "okay", "message": "Configuration updated", "session_id": SESSION_ID},
        {"config": {"max_predictions": 3}},
    ),
    of_session(
        "POST",
        "/config",
        {"status": "okay", "message": "Configuration updated", "session_id": SESSION_ID},
        {"max_predictions": 3},
    ),
    of_session("PUT", "/config", {"detail": "Method Not Allowed"}, {}, status=405),
    of_session("POST", "/extend", {"status": "extended", "session_id": SESSION_ID, "ttl_seconds": 3600}),
    of_session(
        "POST",
        "/extend",
        {"status": "extended", "session_id": SESSION_ID, "ttl_seconds": 100},
        query={"ttl_seconds": 100},
    ),
    of_session("POST", "/observe", {**OBSERVED, "stm_length": 3, "time": 7}, {"strings": ["x"]}),
    of_session("POST", "/observe", {**OBSERVED, "stm_length": 2, "time": 7}, {}),
    of_session(
        "POST",
        "/observe",
        {**OBSERVED, "stm_length": 3},
        {"strings": ["x"], "vectors": [[1.0, 2.0]], "emotives": {"joy": 1}, "metadata": {"any": [1, None]}},
    ),
    of_session(
        "POST",
        "/observe-sequence",
        {
            "status": "completed",
            "processor_id": "contract",
            "observations_processed": 2,
            "initial_stm_length": 2,
            "final_stm_length": 0,
            "results": Each(SEQUENCE_ITEM),
            "auto_learned_patterns": Each(PATTERN),
            "final_learned_pattern": PATTERN,
            "isolated": False,
        },
        {"observations": [{"strings": ["x"]}, {"strings": ["y"], "unique_id": "mine"}], "learn_at_end": True},
    ),
    of_session(
        "POST",
        "/observe-sequence",
        {
            "status": "completed",
            "processor_id": "contract",
            "observations_processed": 0,
            "initial_stm_length": 2,
            "final_stm_length": 2,
            "results": [],
            "auto_learned_patterns": [],
            "final_learned_pattern": None,
            "isolated": True,
        },
        {"observations": [], "clear_stm_between": True},
    ),
    of_session("GET", "/stm", {"stm": [["hello", "world"], ["foo"]], "session_id": SESSION_ID, "length": 2}),
    of_session(
        "POST",
        "/learn",
        {
            "status": "learned",
            "pattern_name": PATTERN,
            "session_id": SESSION_ID,
            "processor_id": None,
            "message": re.compile(r"Learned pattern PTRN\|[0-9a-f]{40} from 0 events"),
        },
    ),
    of_session(
        "POST",
        "/learn",
        {
            "status": "learned",
            "pattern_name": "",
            "session_id": SESSION_ID,
            "processor_id": None,
            "message": "Learned pattern  from 0 events",
        },
        stm=[["alone"]],
    ),
    of_session("POST", "/learn", {"detail": "Cannot learn from empty STM"}, status=400, stm=[]),
    of_session(
        "POST",
        "/finalize-training",
        {
            "status": "completed",
            "patterns_processed": int,
            "time_ms": float,
            "session_id": SESSION_ID,
            "node_id": "contract",
            "message": re.compile(r"Computed Shannon entropy and TF vectors for \d+ patterns in [\d.]+ms"),
        },
    ),
    of_session("POST", "/clear-stm", {"status": "cleared", "session_id": SESSION_ID}),
    of_session(
        "GET",
        "/predictions",
        {
            "predictions": Each(PREDICTION),
            "future_potentials": Each(FUTURE),
            "session_id": SESSION_ID,
            "processor_id": None,
            "count": int,
            "time": None,
            "unique_id": None,
        },
    ),
    of_session(
        "GET",
        "/predictions",
        {
            "predictions": Each(
                {
                    "name": SHA1,
                    "pattern_data": EVENTS,
                    "length": int,
                    "frequency": int,
                    "emotives": Values(float),
                    "matches": ["hello"],
                    "missing": ["world"],
                    "present": ["hello", "world"],
                    "past": [],
                    "future": Each(str),
                    "extras": [],
                    "similarity": float,
                    "evidence": float,
                    "confidence": 0.5,
                    "snr": 1.0,
                    "fragmentation": 0.0,
                    "anomalies": [],
                    **dict.fromkeys(WEIGHTED),
                    "potential": float,
                }
            ),
            "future_potentials": [],
            "session_id": SESSION_ID,
            "processor_id": None,
            "count": int,
            "time": None,
            "unique_id": None,
        },
        stm=[["hello"]],
    ),
    of_session(
        "GET",
        "/predictions",
        {
            "predictions": [],
            "future_potentials": [],
            "session_id": SESSION_ID,
            "processor_id": None,
            "count": 0,
            "time": None,
            "unique_id": None,
        },
        stm=[],
    ),
    of_session(
        "GET",
        "/percept-data",
        {
            "percept_data": {
                "strings": ["a", "b"],
                "vectors": [],
                "emotives": {"joy": 0.5},
                "path": [],
                "metadata": {},
            },
            "session_id": SESSION_ID,
            "node_id": "contract",
        },
        stm=[["b", "a"]],
    ),
    of_session(
        "GET",
        "/cognition-data",
        {
            "cognition_data": {
                "predictions": [],
                "emotives": {"joy": 0.5},
                "symbols": ["hello", "world", "foo"],
                "command": "",
                "metadata": {},
                "path": [],
                "strings": [],
                "vectors": [],
                "short_term_memory": [["hello", "world"], ["foo"]],
                "time": 6,
            },
            "session_id": SESSION_ID,
            "node_id": "contract",
        },
    ),
    Call(
        "GET",
        f"/pattern/PTRN|{LEARNED_NAME}",
        {
            "pattern": {
                "status": "okay",
                "pattern": {
                    "name": f"PTRN|{LEARNED_NAME}",
                    "pattern_data": LEARNED,
                    "length": 6,
                    "frequency": int,
                    "emotives": Each({"joy": 0.5}),
                    "metadata": {"src": ["t"]},
                },
            },
            "node_id": "contract_kato",
        },
        query=CONTRACT_NODE,
    ),
    Call(
        "GET",
        f"/pattern/{LEARNED_NAME}",
        {"pattern": {"status": "okay", "pattern": object}, "node_id": "contract_kato"},
        headers={"x-node-id": "contract"},
    ),
    Call(
        "GET",
        "/pattern/PTRN|0000",
        {
            "pattern": {"status": "error", "message": "Pattern PTRN|0000 not found"},
            "node_id": "contract_kato",
        },
        query=CONTRACT_NODE,
    ),
    Call(
        "GET",
        "/symbols/stats",
        {
            "symbols": Values({"name": str, "frequency": int, "pattern_member_frequency": int}),
            "node_id": "contract_kato",
        },
        query=CONTRACT_NODE,
    ),
    Call(
        "GET",
        "/symbols/affinity",
        {"affinities": Values({"joy": float}), "node_id": "contract_kato"},
        query=CONTRACT_NODE,
    ),
    Call(
        "GET",
        "/symbols/hello/affinity",
        {"symbol": "hello", "affinity": {"joy": float}, "node_id": "contract_kato"},
        query=CONTRACT_NODE,
    ),
    Call(
        "GET",
        "/symbols/unheard/affinity",
        {"symbol": "unheard", "affinity": {}, "node_id": "contract_kato"},
        query=CONTRACT_NODE,
    ),
    Call(
        "GET",
        "/percept-data",
        {
            "percept_data": {},
            "node_id": "default_node_kato",
            "warning": "This endpoint is deprecated. "
            "Use /sessions/{session_id}/percept-data for session-aware data.",
        },
    ),
    Call(
        "GET",
        "/cognition-data",
        {
            "cognition_data": {
                "predictions": [],
                "emotives": {},
                "symbols": [],
                "command": "",
                "metadata": {},
                "path": [],
                "strings": [],
                "vectors": [],
                "short_term_memory": [],
            },
            "node_id": "default_node_kato",
            "warning": "This endpoint is deprecated. "
            "Use /sessions/{session_id}/cognition-data for session-aware data.",
        },
    ),
    Call(
        "GET",
        "/",
        {
            "service": "KATO API",
            "version": "3.10.1",
            "description": "Knowledge Abstraction for Traceable Outcomes with Multi-User Support",
            "docs": "/docs",
            "health": "/health",
            "status": "running",
            "uptime_seconds": float,
            "architecture": "modular",
            "session_support": True,
        },
    ),
    Call(
        "GET",
        "/health",
        {
            "status": HOST_STATUS,
            "processor_status": "healthy",
            "service_name": "kato",
            "uptime_seconds": float,
            "issues": ISSUES,
            "metrics_collected": 19,
            "last_collection": float,
            "active_sessions": int,
            "timestamp": OFFSET,
        },
    ),
    Call(
        "GET",
        "/status",
        {
            "status": "healthy",
            "base_processor_id": "kato",
            "uptime_seconds": float,
            "sessions": {
                "total_sessions": int,
                "active_sessions": int,
                "expired_sessions": 0,
                "backend": "redis",
                "redis_url": re.compile(r"redis://127\.0\.0\.1:\d+/0"),
            },
            "processors": NODES,
            "version": "3.10.1",
        },
    ),
    Call(
        "GET",
        "/concurrency",
        {
            "status": "healthy",
            "current": {"concurrent_requests": 1, "utilization_percent": 1},
            "peak": UTILIZATION,
            "limits": {
                "per_worker": 100,
                "warning_threshold": 80,
                "critical_threshold": 95,
                "total_capacity": 100,
            },
            "configuration": {"workers": 1, "backlog": 2048, "max_requests": "unlimited"},
            "recommendations": Each(
                {
                    "level": "info",
                    "message": re.compile(r"Concurrency is healthy\. Peak \d+/100 \(\d+%\)\."),
                }
            ),
            "timestamp": OFFSET,
        },
    ),
    Call(
        "GET",
        "/metrics",
        {
            "timestamp": float,
            "sessions": SESSION_COUNTERS,
            "performance": PERFORMANCE,
            "resources": RESOURCES,
            "databases": DATABASES,
            "rates": {
                "requests_per_second": float,
                "requests_per_minute": float,
                "errors_per_minute": 0,
            },
            "processor_manager": NODES,
            "uptime_seconds": None,
            "active_sessions": None,
            "error": None,
        },
    ),
    Call(
        "GET",
        "/stats",
        {
            "time_range_minutes": 1,
            "timestamp": float,
            "processor_manager": NODES,
            "current_status": {
                "status": HOST_STATUS,
                "issues": ISSUES,
                "metrics": {"cpu_percent": float, "memory_percent": float, "error_rate_per_min": 0.0},
                "timestamp": OFFSET,
            },
            "time_series": {
                "kato_cpu_usage_percent": POINTS,
                "kato_memory_usage_percent": POINTS,
                "kato_memory_usage_bytes": POINTS,
                "kato_disk_usage_percent": POINTS,
                "load_average_1m": [],
                "kato_requests_total": POINTS,
                "kato_request_duration_seconds": POINTS,
            },
            "summary": {
                "sessions": SESSION_COUNTERS,
                "performance": PERFORMANCE,
                "resources": RESOURCES,
                "databases": DATABASES,
            },
            "error": None,
        },
        query={"minutes": 1},
    ),
    Call(
        "GET",
        "/metrics/kato_request_duration_seconds",
        {
            "metric_name": "kato_request_duration_seconds",
            "time_range_minutes": 60,
            "timestamp": float,
            "statistics": {"count": int, "min": float, "max": float, "avg": float},
            "data_points": Each(
                {
                    "timestamp": float,
                    "value": float,
                    "labels": {"method": str, "path": str, "status": re.compile(r"\d{3}")},
                }
            ),
        },
        query={"minutes": 60},
    ),
    Call(
        "GET",
        "/metrics/cpu_percent",
        {"detail": "No data available for metric 'cpu_percent' in the last 10 minutes"},
        status=404,
    ),
    Call(
        "GET",
        "/cache/stats",
        {
            "cache_performance": CACHE,
            "cache_health": {"status": "healthy", "redis_connected": True, "cache_stats": CACHE},
            "timestamp": OFFSET,
        },
    ),
    Call(
        "POST",
        "/cache/invalidate",
        {
            "status": "success",
            "patterns_invalidated": 0,
            "symbols_invalidated": 0,
            "session_id": "any",
            "reason": None,
            "timestamp": OFFSET,
        },
        query={"session_id": "any"},
    ),
    Call(
        "GET",
        "/distributed-stm/stats",
        {
            "status": "active",
            "distributed_stm_enabled": True,
            "performance_stats": {
                "events_published": int,
                "events_consumed": 0,
                "cache_hits": 0,
                "cache_misses": 0,
                "sync_operations": 0,
                "cache_hit_rate": 0.0,
                "stream_length": int,
                "consumer_groups": 1,
            },
            "processor_info": {"sample_processor_id": str, "total_active_processors": int},
            "expected_improvements": {
                "stm_coordination_overhead_reduction": "50-70%",
                "distributed_state_consistency": "near real-time",
                "horizontal_scaling_support": "enabled",
            },
            "reason": None,
            "error": None,
            "timestamp": OFFSET,
        },
    ),
    Call(
        "GET",
        "/connection-pools",
        {
            "status": "degraded",
            "health": {
                "redis": PROBE,
                "qdrant": {**PROBE, "healthy": False, "response_time_ms": None},
                "clickhouse": PROBE,
            },
            "pool_statistics": {
                "redis": {"type": "redis", "status": "error"},
                "clickhouse": {"type": "clickhouse", "status": "connected"},
            },
            "connection_optimization": {
                "clickhouse": {
                    "pool_size_optimized": True,
                    "connection_reuse": True,
                    "health_monitoring": True,
                    "features": ["http_client", "compression", "connection_pooling"],
                },
                "redis": {
                    "pool_size_optimized": True,
                    "connection_reuse": True,
                    "health_monitoring": True,
                    "features": ["socket_keepalive", "retry_on_timeout", "health_check"],
                },
                "qdrant": {
                    "grpc_optimized": True,
                    "connection_reuse": True,
                    "health_monitoring": True,
                    "features": ["prefer_grpc", "timeout_handling"],
                },
            },
            "performance_improvements": {
                "expected_connection_overhead_reduction": "60-80%",
                "expected_concurrent_performance_improvement": "40-60%",
                "expected_memory_efficiency_improvement": "30-50%",
            },
            "error": None,
            "timestamp": OFFSET,
        },
    ),
    Call(
        "GET",
        "/sessions/test/abc",
        {
            "error": {
                "code": "SESSION_NOT_FOUND",
                "message": "Session test not found or expired",
                "session_id": "test",
            }
        },
        status=404,
    ),
    # Last, for what they take away.
    of_session("POST", "/clear-all", {"status": "cleared", "session_id": SESSION_ID, "scope": "all"}),
    of_session("DELETE", "", {"status": "deleted", "session_id": SESSION_ID}),
]


@pytest.fixture
def session_id(http: httpx.Client, request: pytest.FixtureRequest) -> str:
    """A session of the node `contract` after six observations, the first four of them learned."""
    call: Call = request.getfixturevalue("call")
    created = http.post(
        "/sessions",
        json={
            "node_id": "contract",
            "metadata": {"k": "v"},
            "config": {"process_predictions": False},
        },
    ).json()
    identity: str = created["session_id"]
    more = {"emotives": {"joy": 0.5}, "metadata": {"src": "t"}}
    learning = [{"strings": event, **more} for event in LEARNED]
    http.post(
        f"/sessions/{identity}/observe-sequence", json={"observations": learning, "learn_at_end": True}
    ).raise_for_status()
    for event in call.stm:
        http.post(f"/sessions/{identity}/observe", json={"strings": event}).raise_for_status()
    return identity


@pytest.mark.parametrize("call", CALLS, ids=str)
def test_an_endpoint_answers_as_kato_does(http: httpx.Client, call: Call, session_id: str) -> None:
    answer = http.request(
        call.method,
        call.path.format(session_id=session_id),
        json=call.body,
        params=call.query,
        headers=call.headers,
    )
    assert answer.status_code == call.status, answer.text
    assert not differences(answer.json(), call.shape)
    assert answer.headers["content-type"] == "application/json"
    assert re.fullmatch(r"kato-[0-9a-f]{32}", answer.headers["x-trace-id"])
    checked = call.path.startswith("/sessions/{") and call.path.count("/") > 2 and "/exists" not in call.path
    named = checked or call.method == "DELETE"
    assert answer.headers.get("x-session-id") == (session_id if named else None)


def test_no_published_operation_is_left_out(http: httpx.Client) -> None:
    published = {
        (method.upper(), path)
        for path, methods in http.get("/openapi.json").json()["paths"].items()
        for method in methods
    }

    def template(call: Call) -> str:
        """The path that answers it: of several that match, the one with the fewest placeholders."""
        path = call.path.format(session_id="x")
        matching = (one for _, one in published if re.fullmatch(re.sub(r"{\w+}", "[^/]+", one), path))
        return min(matching, key=lambda one: one.count("{"))

    assert published <= {(call.method, template(call)) for call in CALLS}
