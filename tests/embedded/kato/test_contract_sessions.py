"""Sessions of KATO 3.10.1: what is echoed, what is discarded, what is changed."""

from __future__ import annotations

import httpx
import pytest
from kato_shapes import DEFAULT_CONFIG, SESSION_ID, ZULU


class TestSessions:
    def test_creation_echoes_the_effective_configuration(self, http):
        answer = http.post("/sessions", json={"node_id": "n"})
        body = answer.json()
        assert answer.status_code == 200
        assert SESSION_ID.fullmatch(body["session_id"])
        assert ZULU.fullmatch(body["created_at"])
        assert ZULU.fullmatch(body["expires_at"])
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

    def test_a_time_to_live_has_no_upper_bound_and_none_below_zero(self, api, http):
        for ttl in (10**6, 10**30):
            created = http.post("/sessions", json={"node_id": "n", "ttl_seconds": ttl})
            assert created.json()["ttl_seconds"] == ttl
            assert http.get(f"/sessions/{created.json()['session_id']}/stm").status_code == 200
        refused = httpx.post(f"{api.url}/sessions", json={"node_id": "n", "ttl_seconds": -1})
        assert refused.status_code == 500

    def test_each_request_to_change_leaves_a_line_at_error_level(self, api, open_session):
        def lines():
            return [line for line in api.server.log.read_text().splitlines() if "!!! DEBUG" in line]

        session, before = open_session(), len(lines())
        session.post("config", {"max_predictions": 3})
        session.post("config", {"max_predictions": 0})
        assert len(lines()) == before + 2
        assert all(" ERROR " in line for line in lines())
