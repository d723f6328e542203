"""Every form in which KATO 3.10.1 says no, and the headers around every answer."""

from __future__ import annotations

import re
from contextlib import ExitStack

import httpx
import pytest


@pytest.fixture(scope="module")
def hampered(start_api):
    """An API that takes three connections, and cannot make a node's processor."""
    return start_api(limit=3, REDIS_ENABLED="false").wait_ready()


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

    @pytest.mark.parametrize(
        ("method", "path", "status", "detail"),
        [
            ("GET", "/ready", 404, "Not Found"),
            ("POST", "/admin/cleanup-sessions", 404, "Not Found"),
            ("GET", "/performance-metrics", 404, "Not Found"),
            ("GET", "/observe", 404, "Not Found"),
            ("GET", "/sessions", 405, "Method Not Allowed"),
            ("GET", "/sessions/create", 404, "Session create not found or expired"),
            ("PUT", "/metrics", 405, "Method Not Allowed"),
        ],
    )
    def test_what_other_documents_promise_is_not_there(self, http, method, path, status, detail):
        answer = http.request(method, path)
        assert (answer.status_code, answer.json()) == (status, {"detail": detail})

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

    @pytest.mark.parametrize(
        ("body", "kind"),
        [
            (b'{"strings": [1e999]}', "string_type"),
            (b'{"strings": ["\\ud800"]}', "string_unicode"),
            (b'{"metadata": 1}', "dict_type"),
            (b'{"observations": [{"vectors": 1}]}', "list_type"),
        ],
    )
    def test_what_json_cannot_repeat_is_refused_all_the_same(self, http, open_session, body, kind):
        path = "observe-sequence" if b"observations" in body else "observe"
        answer = http.post(f"/sessions/{open_session().id}/{path}", content=body)
        assert answer.status_code == 422
        assert [one["type"] for one in answer.json()["detail"]] == [kind]

    def test_numbers_beyond_a_double_and_half_characters_are_no_error(self, http, open_session):
        session = open_session()
        body = b'{"strings": ["a", "b"], "emotives": {"joy": 1e999}, "metadata": {"k": ["\\ud800", 1e999]}}'
        for _ in range(3):
            for path in ("observe", "learn", "observe"):
                assert http.post(f"/sessions/{session.id}/{path}", content=body).status_code == 200
        for path in ("predictions", "percept-data", "cognition-data", "stm"):
            assert session.get(path).status_code == 200
        assert http.get(f"/symbols/affinity?node_id={session.created['node_id']}").status_code == 200

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

    def test_above_the_limit_of_connections_every_request_is_refused(self, hampered):
        with ExitStack() as stack:
            clients = [stack.enter_context(hampered.client()) for _ in range(6)]
            refused = [answer for answer in (client.get("/health") for client in clients) if answer.is_error]
            assert refused
            for answer in refused:
                assert (answer.status_code, answer.text) == (503, "Service Unavailable")
                assert answer.headers["content-type"].startswith("text/plain")
                assert answer.headers["connection"] == "close"
                assert "x-trace-id" not in answer.headers

    def test_nodes_need_redis_enabled(self, hampered):
        created = httpx.post(f"{hampered.url}/sessions", json={"node_id": "n"})
        assert created.status_code == 200
        path = f"{hampered.url}/sessions/{created.json()['session_id']}"
        assert httpx.get(f"{path}/stm").status_code == 200
        for refused in (
            httpx.post(f"{path}/observe", json={"strings": ["a"]}),
            httpx.get(f"{path}/predictions"),
            httpx.get(f"{hampered.url}/symbols/stats?node_id=n"),
        ):
            assert (refused.status_code, refused.text) == (500, "Internal Server Error")


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

    def test_nobody_else_sees_a_header_that_kato_does_not_send(self, http):
        ours = {"date", "server", "content-length", "content-type", "x-trace-id"}
        assert set(http.get("/health").headers) == ours

    @pytest.mark.parametrize(
        ("query", "headers", "kb"),
        [
            ("?node_id=asked", {"x-node-id": "node", "x-test-id": "test"}, "asked_kato"),
            ("", {"x-node-id": "node", "x-test-id": "one"}, "test_one_kato"),
            ("", {"x-node-id": "chat:user-1"}, "chat_user_1_kato"),
            ("", {}, "default_node_kato"),
        ],
    )
    def test_the_node_is_named_by_query_or_header(self, http, query, headers, kb):
        for path in (
            "/symbols/stats",
            "/symbols/affinity",
            "/symbols/a/affinity",
            "/pattern/x",
            "/percept-data",
        ):
            assert http.get(f"{path}{query}", headers=headers).json()["node_id"] == kb

    @pytest.mark.parametrize("form", ["header", "cookie"])
    def test_a_session_named_elsewhere_is_renewed_and_nothing_else(self, stores, http, open_session, form):
        session = open_session(ttl_seconds=100)
        key = f"kato:session:{session.id}"
        stores.redis.expire(key, 10)
        named = {"header": {"X-Session-ID": session.id}, "cookie": {"Cookie": f"session_id={session.id}"}}
        answer = http.get("/health", headers=named[form])
        assert answer.status_code == 200
        assert "x-session-id" not in answer.headers
        assert stores.redis.ttl(key) > 90
        assert http.get("/health", headers={"X-Session-ID": "nope"}).status_code == 200
