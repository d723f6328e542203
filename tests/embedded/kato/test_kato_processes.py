"""Workers as processes: start, settings, limits, what they share, how they end."""

from __future__ import annotations

import json
import os
import signal
import time

import httpx
import psutil
from uvicorn.config import STARTUP_FAILURE


def fingerprints(api, expected):
    """Worker fingerprints over fresh connections, until `expected` have been seen."""
    seen = set()
    deadline = time.monotonic() + 30
    while len(seen) < expected and time.monotonic() < deadline:
        seen.add(httpx.get(f"{api.url}/health").json()["last_collection"])
    return seen


class TestWorkers:
    def test_two_workers_share_their_state_and_nothing_else(self, two_workers):
        api = two_workers
        assert len(fingerprints(api, 2)) == 2
        config = {"process_predictions": False}
        created = httpx.post(f"{api.url}/sessions", json={"node_id": "two", "config": config}).json()
        path = f"{api.url}/sessions/{created['session_id']}"
        for number in range(20):  # each on a connection of its own: some here, some there
            observed = httpx.post(f"{path}/observe", json={"strings": [str(number)]}).json()
            assert observed["stm_length"] == number + 1
        httpx.post(f"{path}/learn")
        for number in range(10):
            httpx.post(f"{path}/observe", json={"strings": [str(number)]})
        futures = {json.dumps(httpx.get(f"{path}/predictions").json()["predictions"]) for _ in range(10)}
        assert len(futures) == 1
        assert json.loads(futures.pop())[0]["future"] == [[str(number)] for number in range(10, 20)]

    def test_workers_end_with_a_killed_supervisor(self, start_api, until):
        api = start_api(workers=2).wait_ready()
        supervisor = psutil.Process(api.server.process.pid)
        workers = [
            child for child in supervisor.children() if "resource_tracker" not in " ".join(child.cmdline())
        ]
        assert len(workers) == 2
        os.kill(supervisor.pid, signal.SIGKILL)
        api.server.process.wait()

        def gone() -> bool:
            return not any(worker.is_running() and worker.status() != "zombie" for worker in workers)

        until(gone, "the workers end", within=5)


class TestSettings:
    def test_a_value_out_of_range_stops_the_start_with_one_sentence(self, start_api):
        api = start_api(SESSION_TTL="5")
        assert api.server.process.wait(timeout=30) == STARTUP_FAILURE
        log = api.server.log.read_text()
        assert "SESSION_TTL must be from 60 to 86400, but it is 5." in log
        assert "Traceback" not in log

    def test_settings_act_and_bounds_hold(self, start_api, stores):
        api = start_api(
            RECALL_THRESHOLD="0.5",
            MAX_PREDICTIONS="2",
            PROCESS_PREDICTIONS="true",
            SORT_SYMBOLS="false",
            SERVICE_NAME="bounded",
            SESSION_TTL="90",
            KATO_BENCH_STREAM_MAXLEN="10",
            KATO_BENCH_PREDICTION_TTL="60",
            KATO_SIMILARITY_METRIC="cosine",
        ).wait_ready()
        with api.client() as http:
            created = http.post("/sessions", json={"node_id": "n"}).json()
            assert created["session_config"]["recall_threshold"] == 0.5
            assert created["session_config"]["sort_symbols"] is False
            session_id = created["session_id"]
            path = f"/sessions/{session_id}"
            assert 80 < stores.redis.ttl(f"kato:session:{session_id}") <= 90
            observed = http.post(f"{path}/observe", json={"strings": ["b", "a"], "vectors": [[1.0, 2.0]]})
            (vector, *strings) = http.get(f"{path}/stm").json()["stm"][0]
            assert (vector[:5], strings) == ("VCTR|", ["b", "a"])
            key = f"n_bounded:prediction:{observed.json()['unique_id']}"
            assert 50 < stores.redis.ttl(key) <= 60
            http.post(f"{path}/learn")
            many = [{"strings": [f"s{number}"]} for number in range(400)]
            http.post(f"{path}/config", json={"process_predictions": False})
            http.post(f"{path}/observe-sequence", json={"observations": many})
            assert stores.redis.xlen("stm:events:n_bounded") < 200
        collection = httpx.get(f"{stores.qdrant_url}/collections/vectors_n_bounded").json()["result"]
        assert collection["config"]["params"]["vectors"]["distance"] == "Cosine"
