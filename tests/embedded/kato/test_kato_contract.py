"""What clients of KATO 3.10.1 see: statuses, headers, fields, types and error bodies, as it was recorded."""

from __future__ import annotations

import re

import httpx
import pytest

DEFAULT_CONFIG = {
    "max_pattern_length": 0,
    "persistence": 5,
    "recall_threshold": 0.1,
    "indexer_type": "VI",
    "max_predictions": 100,
    "sort_symbols": True,
    "process_predictions": True,
    "use_token_matching": True,
    "stm_mode": "CLEAR",
    "rank_sort_algo": "potential",
    "filter_pipeline": [],
    "length_min_ratio": 0.5,
    "length_max_ratio": 2.0,
    "jaccard_threshold": 0.3,
    "jaccard_min_overlap": 2,
    "minhash_threshold": 0.7,
    "minhash_bands": 20,
    "minhash_rows": 5,
    "minhash_num_hashes": 100,
    "bloom_false_positive_rate": 0.01,
    "max_candidates_per_stage": 100000,
    "enable_filter_metrics": True,
}
UTC_STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")


class TestSessions:
    def test_creation_echoes_the_effective_configuration(self, http):
        answer = http.post("/sessions", json={"node_id": "n"})
        body = answer.json()
        assert answer.status_code == 200
        assert re.fullmatch(r"session-[0-9a-f]{32}-\d{13}", body["session_id"])
        assert UTC_STAMP.fullmatch(body["created_at"])
        assert UTC_STAMP.fullmatch(body["expires_at"])
        assert (body["node_id"], body["ttl_seconds"], body["metadata"]) == ("n", 3600, {})
        assert body["session_config"] == DEFAULT_CONFIG
        assert list(body["session_config"]) == list(DEFAULT_CONFIG)

    @pytest.mark.parametrize(
        ("asked", "differs"),
        [
            (
                {"recall_threshold": 0.3, "max_predictions": 5},
                {"recall_threshold": 0.3, "max_predictions": 5},
            ),
            ({"recall_threshold": 7}, {}),
            ({"recall_threshold": 7, "max_predictions": 5}, {}),
            ({"nonsense": 7}, {}),
            ({"nonsense": 7, "max_predictions": 5}, {"max_predictions": 5}),
            ({"affinity_emotive": "joy"}, {"affinity_emotive": "joy"}),
        ],
    )
    def test_one_invalid_value_discards_the_whole_configuration(self, http, asked, differs):
        body = http.post("/sessions", json={"node_id": "n", "config": asked}).json()
        assert body["session_config"] == {**DEFAULT_CONFIG, **differs}

    def test_shown_existing_counted_extended_and_deleted(self, http, open_session):
        session = open_session(metadata={"k": "v"}, ttl_seconds=120)
        shown = http.get(f"/sessions/{session.id}")
        assert "x-session-id" not in shown.headers
        assert shown.json() == {
            **session.created,
            "expires_at": shown.json()["expires_at"],
            "ttl_seconds": 119,
        }
        exists = session.get("exists")
        assert exists.json() == {"exists": True, "expired": False, "session_id": session.id}
        assert "x-session-id" not in exists.headers
        assert isinstance(http.get("/sessions/count").json()["active_session_count"], int)
        extended = http.post(f"/sessions/{session.id}/extend?ttl_seconds=100")
        assert extended.json() == {"status": "extended", "session_id": session.id, "ttl_seconds": 100}
        deleted = http.delete(f"/sessions/{session.id}")
        assert deleted.json() == {"status": "deleted", "session_id": session.id}
        assert deleted.headers["x-session-id"] == session.id
        assert session.get("exists").json()["exists"] is False

    def test_configuration_is_read_and_changed(self, open_session):
        session = open_session(config=None)
        assert session.get("config").json() == {"session_id": session.id, "config": DEFAULT_CONFIG}
        for body in ({"config": {"max_predictions": 3}}, {"max_predictions": 3}, {"config": {"nope": 1}}):
            updated = session.post("config", body)
            assert updated.json() == {
                "status": "okay",
                "message": "Configuration updated",
                "session_id": session.id,
            }
        assert session.get("config").json()["config"] == {**DEFAULT_CONFIG, "max_predictions": 3}

    def test_an_invalid_change_names_each_error_and_changes_nothing(self, open_session):
        session = open_session(config=None)
        answer = session.post("config", {"config": {"recall_threshold": 9, "max_predictions": 3}})
        assert answer.status_code == 400
        assert answer.json() == {
            "detail": {
                "error": "Configuration validation failed",
                "validation_errors": {"recall_threshold": "Must be a number between 0.0 and 1.0"},
            }
        }
        assert session.get("config").json()["config"] == DEFAULT_CONFIG


class TestHeaders:
    def test_a_trace_id_is_made_or_echoed(self, http):
        assert re.fullmatch(r"kato-[0-9a-f]{32}", http.get("/").headers["x-trace-id"])
        assert http.get("/", headers={"X-Trace-ID": "mine"}).headers["x-trace-id"] == "mine"
        assert http.get("/nope").headers["x-trace-id"]

    def test_session_paths_name_the_session_on_errors_too(self, http, open_session):
        session = open_session()
        for answer in (session.get("stm"), session.get("learn"), session.post("observe", [])):
            assert answer.headers["x-session-id"] == session.id

    def test_browsers_are_let_in_from_everywhere(self, http):
        answer = http.get("/", headers={"Origin": "http://dashboard"})
        assert answer.headers["access-control-allow-origin"] == "*"


class TestErrors:
    @pytest.mark.parametrize(
        ("method", "path"),
        [
            ("POST", "/observe"),
            ("POST", "/observe-sequence"),
            ("POST", "/learn"),
            ("POST", "/clear-stm"),
            ("POST", "/extend"),
            ("GET", "/predictions"),
            ("GET", "/stm"),
            ("GET", "/config"),
            ("GET", "/anything"),
            ("PUT", "/learn"),
            ("DELETE", ""),
        ],
    )
    def test_an_unknown_session_is_refused_before_anything_else(self, http, method, path):
        answer = http.request(method, f"/sessions/nope-123{path}", content=b"{bad json")
        assert answer.status_code == 404
        assert answer.json() == {
            "error": {
                "code": "SESSION_NOT_FOUND",
                "message": "Session nope-123 not found or expired",
                "session_id": "nope-123",
            }
        }
        assert "x-session-id" not in answer.headers
        assert answer.headers["x-trace-id"]

    def test_the_session_itself_has_another_form_of_the_404(self, http):
        answer = http.get("/sessions/nope-123")
        assert (answer.status_code, answer.json()) == (
            404,
            {"detail": "Session nope-123 not found or expired"},
        )
        assert http.get("/sessions/nope-123/exists").json() == {
            "exists": False,
            "expired": False,
            "session_id": "nope-123",
        }

    def test_unknown_paths_and_methods(self, http, open_session):
        assert (http.get("/nope").status_code, http.get("/nope").json()) == (404, {"detail": "Not Found"})
        for answer in (http.put("/sessions"), open_session().get("learn")):
            assert (answer.status_code, answer.json()) == (405, {"detail": "Method Not Allowed"})
            assert answer.headers["allow"] == "POST"

    @pytest.mark.parametrize(
        ("body", "error"),
        [
            (
                b"{bad json",
                {
                    "type": "json_invalid",
                    "loc": ["body", 1],
                    "msg": "JSON decode error",
                    "input": {},
                    "ctx": {"error": "Expecting property name enclosed in double quotes"},
                },
            ),
            (
                b"[]",
                {
                    "type": "model_attributes_type",
                    "loc": ["body"],
                    "msg": "Input should be a valid dictionary or object to extract fields from",
                    "input": [],
                },
            ),
            (
                b'{"strings": "notalist"}',
                {
                    "type": "list_type",
                    "loc": ["body", "strings"],
                    "msg": "Input should be a valid list",
                    "input": "notalist",
                },
            ),
            (
                b'{"strings": [1]}',
                {
                    "type": "string_type",
                    "loc": ["body", "strings", 0],
                    "msg": "Input should be a valid string",
                    "input": 1,
                },
            ),
            (
                b'{"vectors": [["a"]]}',
                {
                    "type": "float_parsing",
                    "loc": ["body", "vectors", 0, 0],
                    "msg": "Input should be a valid number, unable to parse string as a number",
                    "input": "a",
                },
            ),
            (
                b'{"emotives": {"joy": "high"}}',
                {
                    "type": "float_parsing",
                    "loc": ["body", "emotives", "joy"],
                    "msg": "Input should be a valid number, unable to parse string as a number",
                    "input": "high",
                },
            ),
        ],
    )
    def test_a_malformed_observation(self, http, open_session, body, error):
        answer = http.post(f"/sessions/{open_session().id}/observe", content=body)
        assert (answer.status_code, answer.json()) == (422, {"detail": [error]})

    def test_a_missing_field(self, http, open_session):
        for answer, field in (
            (http.post("/sessions", json={}), "node_id"),
            (open_session().post("observe-sequence", {}), "observations"),
        ):
            error = {"type": "missing", "loc": ["body", field], "msg": "Field required", "input": {}}
            assert (answer.status_code, answer.json()) == (422, {"detail": [error]})

    def test_what_kato_does_not_catch_is_plain_text_without_headers(self, api, open_session):
        session = open_session()
        for path, body in (
            ("/sessions", {"node_id": "x", "ttl_seconds": -5}),
            (f"/sessions/{session.id}/observe", {"vectors": [[1, 2], [1, 2, 3]]}),
        ):
            answer = httpx.post(api.url + path, json=body)  # the connection does not survive it
            assert (answer.status_code, answer.text) == (500, "Internal Server Error")
            assert answer.headers["content-type"] == "text/plain; charset=utf-8"
            assert "x-trace-id" not in answer.headers


class TestMonitoring:
    def test_root_health_and_status(self, http):
        root = http.get("/").json()
        assert isinstance(root.pop("uptime_seconds"), float)
        assert root == {
            "service": "KATO API",
            "version": "3.10.1",
            "description": "Knowledge Abstraction for Traceable Outcomes with Multi-User Support",
            "docs": "/docs",
            "health": "/health",
            "status": "running",
            "architecture": "modular",
            "session_support": True,
        }
        health = http.get("/health").json()
        assert list(health) == [
            *("status", "processor_status", "service_name", "uptime_seconds", "issues", "metrics_collected"),
            *("last_collection", "active_sessions", "timestamp"),
        ]
        assert health["status"] in {"healthy", "degraded", "unhealthy"}
        assert (health["service_name"], health["metrics_collected"]) == ("kato", 19)
        assert http.get("/health").json()["last_collection"] == health["last_collection"]
        status = http.get("/status").json()
        assert list(status) == [
            *("status", "base_processor_id", "uptime_seconds", "sessions", "processors", "version")
        ]
        assert status["sessions"]["backend"] == "redis"
        assert (status["processors"]["max_processors"], status["version"]) == (100, "3.10.1")

    def test_metrics_are_cached_and_never_count_an_error(self, http, open_session):
        open_session().observe("a")
        http.get("/nope")
        page = http.get("/metrics").json()
        assert list(page) == [
            *("timestamp", "sessions", "performance", "resources", "databases", "rates"),
            *("processor_manager", "uptime_seconds", "active_sessions", "error"),
        ]
        assert page["performance"]["total_requests"] > 0
        assert page["performance"]["total_errors"] == page["performance"]["error_rate"] == 0
        assert set(page["databases"]) == {"clickhouse", "qdrant", "redis"}
        assert http.get("/metrics").json() == page

    def test_the_history_of_one_metric(self, http):
        answer = http.get("/metrics/kato_request_duration_seconds?minutes=60").json()
        assert list(answer) == [
            *("metric_name", "time_range_minutes", "timestamp", "statistics", "data_points")
        ]
        assert answer["statistics"]["count"] == len(answer["data_points"]) > 0
        assert set(answer["data_points"][0]) == {"timestamp", "value", "labels"}
        assert set(answer["data_points"][0]["labels"]) == {"method", "path", "status"}
        missing = http.get("/metrics/cpu_percent")
        detail = "No data available for metric 'cpu_percent' in the last 10 minutes"
        assert (missing.status_code, missing.json()) == (404, {"detail": detail})

    def test_concurrency(self, http):
        body = http.get("/concurrency").json()
        assert body["limits"] == {
            "per_worker": 100,
            "warning_threshold": 80,
            "critical_threshold": 95,
            "total_capacity": 100,
        }
        assert body["configuration"] == {"workers": 1, "backlog": 2048, "max_requests": "unlimited"}
        assert body["current"] == {"concurrent_requests": 1, "utilization_percent": 1}
        assert body["status"] == "healthy"
        assert body["recommendations"][0]["level"] == "info"

    def test_the_schema_is_published(self, http: httpx.Client):
        paths = http.get("/openapi.json").json()["paths"]
        assert "post" in paths["/sessions/{session_id}/observe"]
        assert http.get("/docs").status_code == 200
