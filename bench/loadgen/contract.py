"""KATO 3.10's answers: their fields, and of which types (`bench.loadgen.shapes`) they are."""

from __future__ import annotations

import json

from bench.loadgen.shapes import Either, Map, Maybe, Shape, wrong

_EVENTS = [[str]]
_OBJECT = Map(object)

_CONFIG = {
    "max_pattern_length": int,
    "persistence": int,
    "recall_threshold": float,
    "indexer_type": str,
    "max_predictions": int,
    "sort_symbols": bool,
    "process_predictions": bool,
    "use_token_matching": bool,
    "stm_mode": str,
    "rank_sort_algo": str,
    "filter_pipeline": [str],
    "length_min_ratio": float,
    "length_max_ratio": float,
    "jaccard_threshold": float,
    "jaccard_min_overlap": int,
    "minhash_threshold": float,
    "minhash_bands": int,
    "minhash_rows": int,
    "minhash_num_hashes": int,
    "bloom_false_positive_rate": float,
    "max_candidates_per_stage": int,
    "enable_filter_metrics": bool,
}

_SESSION = {
    "session_id": str,
    "node_id": str,
    "created_at": str,
    "expires_at": str,
    "ttl_seconds": int,
    "metadata": _OBJECT,
    "session_config": _CONFIG,
}

_SCORES = ("potential", "evidence", "similarity", "fragmentation", "snr", "confidence")
_LATER_SCORES = (
    *("confluence", "predictive_information", "entropy", "normalized_entropy", "global_normalized_entropy"),
    *("itfdf_similarity", "tfidf_score", "pattern_probability", "weighted_strength"),
    *("bayesian_posterior", "bayesian_prior", "bayesian_likelihood"),
)
_WEIGHTED = ("weighted_similarity", "weighted_evidence", "weighted_confidence", "weighted_snr")

_ANY_PREDICTION = {
    "name": str,
    "frequency": int,
    "emotives": Map(float),
    "matches": [str],
    "anomalies": [_OBJECT],
    **dict.fromkeys(_SCORES, float),
    **dict.fromkeys(_WEIGHTED, Maybe(float)),
}
_PREDICTION = {
    **_ANY_PREDICTION,
    "type": "prototypical",
    **dict.fromkeys(("past", "present", "future", "sequence", "missing", "extras"), _EVENTS),
    **dict.fromkeys(_LATER_SCORES, float),
}
#: What a short-term memory of one symbol is answered with.
_SHORT_PREDICTION = {
    **_ANY_PREDICTION,
    "pattern_data": _EVENTS,
    "length": int,
    **{name: [object] for name in ("past", "present", "future", "missing", "extras")},
}

_RESULT = {
    "status": "okay",
    "sequence_position": int,
    "stm_length": int,
    "time": int,
    "unique_id": str,
    "auto_learned_pattern": Maybe(str),
}

_PATTERN = {
    "status": "okay",
    "pattern": {
        "name": str,
        "pattern_data": _EVENTS,
        "length": int,
        "frequency": int,
        "emotives": object,
        "metadata": _OBJECT,
    },
}

_PROCESSORS = {
    "total_processors": int,
    "max_processors": int,
    "eviction_ttl_seconds": int,
    "processors": [{"processor_id": str, "node_id": str, "idle_seconds": float}],
}

_COGNITION = {
    "predictions": [_OBJECT],
    "emotives": _OBJECT,
    "symbols": [str],
    "command": str,
    "metadata": _OBJECT,
    "path": [object],
    "strings": [str],
    "vectors": [object],
    "short_term_memory": _EVENTS,
}

_USE = {"concurrent_requests": int, "utilization_percent": float}
_POINT = {"timestamp": float, "value": float, "labels": _OBJECT}

#: By method and path. `{id}` stands for a session's id, `{}` for any other name.
SHAPES: dict[str, Shape] = {
    "POST /sessions": _SESSION,
    "GET /sessions/{id}": _SESSION,
    "GET /sessions/count": {"active_session_count": int},
    "GET /sessions/{id}/exists": {"exists": bool, "expired": bool, "session_id": str},
    "DELETE /sessions/{id}": {"status": "deleted", "session_id": str},
    "GET /sessions/{id}/config": {"session_id": str, "config": _CONFIG},
    "POST /sessions/{id}/config": {"status": "okay", "message": str, "session_id": str},
    "POST /sessions/{id}/extend": {"status": "extended", "session_id": str, "ttl_seconds": int},
    "POST /sessions/{id}/observe": {
        "status": "okay",
        "session_id": str,
        "processor_id": str,
        "stm_length": int,
        "time": int,
        "unique_id": str,
        "auto_learned_pattern": Maybe(str),
    },
    "POST /sessions/{id}/observe-sequence": {
        "status": "completed",
        "processor_id": str,
        "observations_processed": int,
        "initial_stm_length": int,
        "final_stm_length": int,
        "results": [_RESULT],
        "auto_learned_patterns": [str],
        "final_learned_pattern": Maybe(str),
        "isolated": bool,
    },
    "GET /sessions/{id}/stm": {"stm": _EVENTS, "session_id": str, "length": int},
    "POST /sessions/{id}/learn": {
        "status": "learned",
        "pattern_name": str,
        "session_id": str,
        "processor_id": Maybe(str),
        "message": str,
    },
    "POST /sessions/{id}/finalize-training": {
        "status": "completed",
        "patterns_processed": int,
        "time_ms": float,
        "session_id": str,
        "node_id": str,
        "message": str,
    },
    "POST /sessions/{id}/clear-stm": {"status": "cleared", "session_id": str},
    "POST /sessions/{id}/clear-all": {"status": "cleared", "session_id": str, "scope": "all"},
    "GET /sessions/{id}/predictions": {
        "predictions": [Either(_PREDICTION, _SHORT_PREDICTION)],
        "future_potentials": Maybe(
            [
                {
                    "future": _EVENTS,
                    "aggregate_potential": float,
                    "supporting_patterns": int,
                    "total_weighted_frequency": float,
                }
            ]
        ),
        "session_id": str,
        "processor_id": Maybe(str),
        "count": int,
        "time": Maybe(int),
        "unique_id": Maybe(str),
    },
    "GET /sessions/{id}/percept-data": {
        "percept_data": {
            "strings": [str],
            "vectors": [object],
            "emotives": _OBJECT,
            "path": [object],
            "metadata": _OBJECT,
        },
        "session_id": str,
        "node_id": str,
    },
    "GET /sessions/{id}/cognition-data": {"cognition_data": _COGNITION, "session_id": str, "node_id": str},
    # A pattern that is not known, or not stored yet, is answered 200 too.
    "GET /pattern/{}": {"pattern": Either(_PATTERN, {"status": "error", "message": str}), "node_id": str},
    "GET /symbols/stats": {
        "symbols": Map({"name": str, "frequency": int, "pattern_member_frequency": int}),
        "node_id": str,
    },
    "GET /symbols/affinity": {"affinities": Map(Map(float)), "node_id": str},
    "GET /symbols/{}/affinity": {"symbol": str, "affinity": Map(float), "node_id": str},
    "GET /percept-data": {"percept_data": _OBJECT, "node_id": str, "warning": str},
    "GET /cognition-data": {"cognition_data": _COGNITION, "node_id": str, "warning": str},
    "GET /": {
        "service": str,
        "version": str,
        "description": str,
        "docs": str,
        "health": str,
        "status": str,
        "uptime_seconds": float,
        "architecture": str,
        "session_support": bool,
    },
    "GET /health": {
        "status": str,
        "processor_status": str,
        "service_name": str,
        "uptime_seconds": float,
        "issues": [str],
        "metrics_collected": int,
        "last_collection": float,
        "active_sessions": int,
        "timestamp": str,
    },
    "GET /status": {
        "status": str,
        "base_processor_id": str,
        "uptime_seconds": float,
        "sessions": {"total_sessions": int, "active_sessions": int, "expired_sessions": int, "backend": str},
        "processors": _PROCESSORS,
        "version": str,
    },
    "GET /concurrency": {
        "status": str,
        "current": _USE,
        "peak": _USE,
        "limits": dict.fromkeys(
            ("per_worker", "warning_threshold", "critical_threshold", "total_capacity"), int
        ),
        "configuration": {"workers": int, "backlog": int, "max_requests": object},
        "recommendations": [{"level": str, "message": str}],
        "timestamp": str,
    },
    "GET /metrics": {
        "timestamp": float,
        "sessions": Maybe(Map(float)),
        "performance": Maybe(Map(float)),
        "resources": Maybe(Map(float)),
        "databases": Maybe(Map(Map(float))),
        "rates": Maybe(Map(float)),
        "processor_manager": Maybe(_PROCESSORS),
        "uptime_seconds": Maybe(float),
        "active_sessions": Maybe(int),
        "error": Maybe(str),
    },
    "GET /metrics/{}": {
        "metric_name": str,
        "time_range_minutes": int,
        "timestamp": float,
        "statistics": {"count": int, "min": float, "max": float, "avg": float},
        "data_points": [_POINT],
    },
    "GET /stats": {
        "time_range_minutes": int,
        "timestamp": float,
        "processor_manager": Maybe(_PROCESSORS),
        "current_status": Maybe(_OBJECT),
        "time_series": Maybe(Map([_POINT])),
        "summary": Maybe(_OBJECT),
    },
    "GET /cache/stats": {"cache_performance": Map(float), "cache_health": _OBJECT, "timestamp": str},
    "POST /cache/invalidate": {
        "status": str,
        "patterns_invalidated": Maybe(int),
        "symbols_invalidated": Maybe(int),
        "session_id": Maybe(str),
        "reason": Maybe(str),
        "timestamp": str,
    },
    "GET /distributed-stm/stats": {
        "status": str,
        "distributed_stm_enabled": Maybe(bool),
        "performance_stats": Maybe(Map(float)),
        "processor_info": Maybe(_OBJECT),
        "expected_improvements": Maybe(Map(str)),
        "reason": Maybe(str),
        "error": Maybe(str),
        "timestamp": str,
    },
    "GET /connection-pools": {
        "status": str,
        "health": Maybe(Map({"healthy": bool, "error_count": int, "response_time_ms": Maybe(float)})),
        "pool_statistics": Maybe(_OBJECT),
        "error": Maybe(str),
        "timestamp": str,
    },
    # The first message on the socket.
    "WEBSOCKET /ws/events": {
        "event_type": "state.snapshot",
        "timestamp": str,
        "data": {"active_sessions": int, "system_status": str},
    },
}


def violation(name: str, body: bytes) -> str | None:
    """What breaks the contract in the answer to `name` (a key of `SHAPES`); None if nothing does."""
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return "the answer is no JSON"
    return wrong(SHAPES[name], answer)
