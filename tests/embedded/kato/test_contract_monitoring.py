"""What a worker's numbers mean, and which of them mean nothing."""

from __future__ import annotations

import httpx


def test_a_worker_is_known_by_its_last_collection(http: httpx.Client) -> None:
    first, second = (http.get("/health").json() for _ in range(2))
    assert first["last_collection"] == second["last_collection"]
    assert second["uptime_seconds"] > first["uptime_seconds"]


def test_metrics_are_cached_and_never_count_an_error(http, open_session) -> None:
    open_session().observe("a")
    http.get("/nope")
    page = http.get("/metrics").json()
    assert page["performance"]["total_requests"] > 0
    assert page["performance"]["total_errors"] == page["rates"]["errors_per_minute"] == 0
    assert http.get("/metrics").json() == page


def test_minutes_of_a_metric_are_seconds(http: httpx.Client) -> None:
    for _ in range(3):
        http.get("/health")
    points = http.get("/metrics/kato_requests_total?minutes=60").json()["data_points"]
    answer = http.get("/metrics/kato_requests_total?minutes=0")
    assert len(points) >= 3
    assert answer.status_code == 404
    assert answer.json()["detail"].endswith("in the last 0 minutes")


def test_six_series_and_three_more_metrics_have_points(http: httpx.Client) -> None:
    http.get("/nope")
    series = http.get("/stats").json()["time_series"]
    assert {name for name, points in series.items() if points} == {
        "kato_cpu_usage_percent",
        "kato_memory_usage_percent",
        "kato_memory_usage_bytes",
        "kato_disk_usage_percent",
        "kato_requests_total",
        "kato_request_duration_seconds",
    }
    for name in ("kato_requests_failed", "kato_network_bytes_sent", "kato_network_bytes_recv"):
        assert http.get(f"/metrics/{name}?minutes=60").status_code == 200
    for name in ("kato_sessions_total", "kato_errors_total", "kato_redis_connections", "no_such_metric"):
        assert http.get(f"/metrics/{name}?minutes=60").status_code == 404


def test_the_stream_of_the_worker_grows_by_one_an_observation(http, open_session) -> None:
    session = open_session()

    def stream() -> dict[str, int]:
        stats: dict[str, int] = http.get("/distributed-stm/stats").json()["performance_stats"]
        return stats

    session.observe("a")
    before = stream()
    session.observe()
    session.observe("b", "c")
    after = stream()
    for counter in ("events_published", "stream_length"):
        assert after[counter] - before[counter] == 2


def test_a_store_is_probed_at_most_every_thirty_seconds(http: httpx.Client) -> None:
    first, second = (http.get("/connection-pools").json()["health"] for _ in range(2))
    assert first == second


def test_node_registry_shows_the_nodes_served(http, open_session) -> None:
    open_session("registered").observe("a")
    processors = http.get("/status").json()["processors"]
    assert processors["total_processors"] == len(processors["processors"])
    last = processors["processors"][-1]
    assert (last["processor_id"], last["node_id"]) == ("registered_kato", "registered")


def test_the_schema_and_its_pages_are_published(http: httpx.Client) -> None:
    for path in ("/docs", "/redoc"):
        answer = http.get(path)
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
