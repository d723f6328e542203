"""What clients of KATO 3.10.1 see: statuses, headers, fields, types and error bodies, as it was recorded."""

from __future__ import annotations

import random
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

# Two symbols and more: the object that KATO answered for the STM [hello world] [foo].
FIRST_PREDICTION = {
    "type": "prototypical",
    "name": "cb5d3f1e179724d6bacaa9e047a74d947177507a",
    "frequency": 1,
    "emotives": {"joy": 0.5},
    "matches": ["hello", "world", "foo"],
    "past": [],
    "present": [["hello", "world"], ["foo"]],
    "missing": [[], []],
    "extras": [[], []],
    "anomalies": [],
    "potential": 3.5,
    "evidence": 0.5,
    "similarity": 0.6666666666666665,
    "fragmentation": 0.0,
    "snr": 1.0,
    "confluence": 0.0,
    "predictive_information": 0.6666666666666665,
    "sequence": [["hello", "world"], ["foo"], ["bar", "baz"], ["end"]],
    "future": [["bar", "baz"], ["end"]],
    "confidence": 1.0,
    "weighted_similarity": None,
    "weighted_evidence": None,
    "weighted_confidence": None,
    "weighted_snr": None,
    "entropy": 1.584962500721156,
    "normalized_entropy": 0.6131471927654584,
    "global_normalized_entropy": 0.0,
    "itfdf_similarity": 1.0000000000000002,
    "tfidf_score": 0.3333333333333333,
    "pattern_probability": 1.0,
    "weighted_strength": 0.6666666666666665,
    "bayesian_posterior": 1.0,
    "bayesian_prior": 1.0,
    "bayesian_likelihood": 0.6666666666666665,
}

FIRST_VECTOR = "VCTR|f3ee5999835fa4d69731622f4d2fad0e75ddf466"
SECOND_VECTOR = "VCTR|45b18dea8ddf688848d9f8ec252464dc122db69c"
SHORT_VECTOR = "VCTR|6786a5fc0b30a70ed8fdbaaa451e7c26b5d6c359"


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


class TestObservingAndLearning:
    def test_the_recorded_conversation(self, open_session):
        session = open_session("ex_node", config=None)
        more = {"emotives": {"joy": 0.5}, "metadata": {"src": "t"}}
        for time, event in enumerate((["world", "hello"], ["foo"], ["bar", "baz"], ["end"]), start=1):
            observed = session.observe(*event, **more)
            assert re.fullmatch(r"obs-[0-9a-f]{32}", observed.pop("unique_id"))
            assert observed == {
                "status": "okay",
                "session_id": session.id,
                "processor_id": "ex_node",
                "stm_length": time,
                "time": time,
                "auto_learned_pattern": None,
            }
        stm = [["hello", "world"], ["foo"], ["bar", "baz"], ["end"]]
        assert session.get("stm").json() == {"stm": stm, "session_id": session.id, "length": 4}
        name = f"PTRN|{FIRST_PREDICTION['name']}"
        assert session.post("learn").json() == {
            "status": "learned",
            "pattern_name": name,
            "session_id": session.id,
            "processor_id": None,
            "message": f"Learned pattern {name} from 0 events",
        }
        again = session.post("learn")
        assert (again.status_code, again.json()) == (400, {"detail": "Cannot learn from empty STM"})
        frame = {"session_id": session.id, "processor_id": None, "time": None, "unique_id": None}
        nothing = {"predictions": [], "future_potentials": [], "count": 0, **frame}
        assert session.get("predictions").json() == nothing

        session.observe("hello", "world")
        session.observe("foo")
        predicted = session.get("predictions").json()
        assert predicted == {
            "predictions": [FIRST_PREDICTION],
            "future_potentials": [
                {
                    "future": [["bar", "baz"], ["end"]],
                    "aggregate_potential": 1.0,
                    "supporting_patterns": 1,
                    "total_weighted_frequency": 0.6666666666666665,
                }
            ],
            "count": 1,
            **frame,
        }
        assert list(predicted["predictions"][0]) == list(FIRST_PREDICTION)
        owner = {"session_id": session.id, "node_id": "ex_node"}
        assert session.get("percept-data").json() == {
            "percept_data": {
                "strings": ["foo"],
                "vectors": [],
                "emotives": {"joy": 0.5},
                "path": [],
                "metadata": {},
            },
            **owner,
        }
        assert session.get("cognition-data").json() == {
            "cognition_data": {
                "predictions": [FIRST_PREDICTION],
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
            **owner,
        }
        assert session.post("clear-stm").json() == {"status": "cleared", "session_id": session.id}
        empty = session.observe()
        assert (empty["stm_length"], empty["time"]) == (0, 1)

    def test_a_single_symbol_is_not_learned_but_forgotten(self, open_session):
        session = open_session()
        session.observe("a")
        answer = session.post("learn")
        assert (answer.status_code, answer.json()["pattern_name"]) == (200, "")
        assert session.get("stm").json()["length"] == 0

    def test_the_recorded_sequences(self, open_session):
        session = open_session("seq_node", config=None)
        a_b_c = [{"strings": [string]} for string in "abc"]
        name = "PTRN|b98534b32c1d7489d4ce1a48724aa65aeecbdba9"
        body = session.post("observe-sequence", {"observations": a_b_c, "learn_at_end": True}).json()
        results = body.pop("results")
        assert body == {
            "status": "completed",
            "processor_id": "seq_node",
            "observations_processed": 3,
            "initial_stm_length": 0,
            "final_stm_length": 0,
            "auto_learned_patterns": [name],
            "final_learned_pattern": name,
            "isolated": False,
        }
        for position, result in enumerate(results):
            assert re.fullmatch(r"seq-obs-[0-9a-f]{32}", result.pop("unique_id"))
            assert result == {
                "status": "okay",
                "sequence_position": position,
                "stm_length": position + 1,
                "time": position + 1,
                "auto_learned_pattern": None,
            }
        each = {"observations": a_b_c[:2], "learn_after_each": True, "clear_stm_between": True}
        body = session.post("observe-sequence", each).json()
        assert [result["stm_length"] for result in body["results"]] == [0, 0]
        assert [result["time"] for result in body["results"]] == [4, 5]
        assert [result["auto_learned_pattern"] for result in body["results"]] == [None, None]
        assert (body["auto_learned_patterns"], body["isolated"]) == (["", ""], True)
        assert body["final_learned_pattern"] is None
        body = session.post("observe-sequence", {"observations": []}).json()
        assert (body["status"], body["observations_processed"], body["results"]) == ("completed", 0, [])
        finalized = session.post("finalize-training").json()
        milliseconds = finalized.pop("time_ms")
        assert finalized == {
            "status": "completed",
            "patterns_processed": 1,
            "session_id": session.id,
            "node_id": "seq_node",
            "message": f"Computed Shannon entropy and TF vectors for 1 patterns in {milliseconds}ms",
        }

    def test_one_symbol_takes_the_path_of_first_tokens(self, open_session):
        session = open_session()
        session.learn(["a", "b"], ["c"])
        session.learn(["x"], ["a"])
        session.observe("a")
        (prediction,) = session.predictions()
        assert list(prediction) == [
            *("name", "pattern_data", "length", "frequency", "emotives", "matches", "missing", "present"),
            *("past", "future", "extras", "similarity", "evidence", "confidence", "snr", "fragmentation"),
            *("anomalies", "weighted_similarity", "weighted_evidence", "weighted_confidence"),
            *("weighted_snr", "potential"),
        ]
        assert prediction["pattern_data"] == [["a", "b"], ["c"]]
        assert (prediction["matches"], prediction["missing"], prediction["future"]) == (["a"], ["b"], ["c"])

    @pytest.mark.parametrize(("mode", "left"), [("CLEAR", []), ("ROLLING", [["b"], ["c"]])])
    def test_a_full_memory_is_learned_by_itself(self, open_session, mode, left):
        session = open_session(config={"max_pattern_length": 3, "stm_mode": mode})
        observed = [session.observe(string) for string in "abc"]
        assert [one["auto_learned_pattern"] for one in observed[:2]] == [None, None]
        assert observed[2]["auto_learned_pattern"] == "PTRN|b98534b32c1d7489d4ce1a48724aa65aeecbdba9"
        assert observed[2]["stm_length"] == len(left)
        assert session.get("stm").json()["stm"] == left

    def test_the_recorded_vectors(self, open_session):
        rng = random.Random(1)
        first, second = ([rng.random() for _ in range(768)] for _ in range(2))
        session = open_session("vec_node")
        session.observe(vectors=[first])
        session.observe("a", vectors=[second])
        assert session.get("stm").json()["stm"] == [[FIRST_VECTOR], [SECOND_VECTOR, "a"]]
        session.observe(vectors=[[1.0, 2.0]])
        learned = session.post("learn")
        assert learned.json()["pattern_name"] == "PTRN|e929df4f2aad59b0b6226b222d289a7794efebb2"
        for _ in range(2):
            session.observe("a", vectors=[first])
        assert session.get("stm").json()["stm"] == [[SECOND_VECTOR, FIRST_VECTOR, "a"]] * 2
        (prediction,) = session.predictions()
        expected = {
            "matches": [FIRST_VECTOR, SECOND_VECTOR, "a"],
            "present": [[FIRST_VECTOR], [SECOND_VECTOR, "a"]],
            "missing": [[], []],
            "extras": [[], []],
            "potential": 1.9166666666666667,
            "evidence": 0.75,
            "similarity": 0.6,
            "fragmentation": 2.0,
            "snr": 0.3333333333333333,
            "future": [[SHORT_VECTOR]],
            "entropy": 1.584962500721156,
            "normalized_entropy": 0.792481250360578,
            "itfdf_similarity": 1.0000000000000002,
            "tfidf_score": 0.3333333333333333,
            "weighted_strength": 0.6,
        }
        assert {key: prediction[key] for key in expected} == expected

    @pytest.mark.parametrize(
        "token", ["it's", "back\\slash", 'quo"te', "tab\tand\nline", "日本", "{kb:String}"]
    )
    def test_any_text_is_a_token(self, open_session, token):
        session = open_session("any_text")
        session.learn([token], ["next"])
        session.observe(token)
        assert [one["pattern_data"] for one in session.predictions()] == [[[token], ["next"]]]
        session.observe("next")
        for pipeline in ([], ["jaccard"], ["minhash"], ["length", "jaccard"]):
            session.post("config", {"filter_pipeline": pipeline, "recall_threshold": 0.9})
            assert [one["sequence"] for one in session.predictions()] == [[[token], ["next"]]]

    def test_filters_narrow_the_candidates(self, open_session):
        session = open_session()
        session.learn(["a", "b"], ["c"])
        session.learn(["a"], ["w"], ["x"], ["y"], ["z"], ["u"], ["v"])
        session.observe("a", "b")
        for pipeline, names in (([], 2), (["length"], 1), (["jaccard"], 1), (["rapidfuzz"], 0)):
            session.post("config", {"filter_pipeline": pipeline})
            assert len(session.predictions()) == names, pipeline

    def test_clear_all_forgets_the_node_for_everybody(self, open_session):
        session, neighbour = open_session("shared"), open_session("shared")
        session.learn(["a"], ["b"], ["c"])
        for one in (session, neighbour):
            one.observe("a")
            one.observe("b")
        assert len(neighbour.predictions()) == 1
        answer = session.post("clear-all").json()
        assert answer == {"status": "cleared", "session_id": session.id, "scope": "all"}
        assert session.get("stm").json()["stm"] == []
        assert neighbour.predictions() == []


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
