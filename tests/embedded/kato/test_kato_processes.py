"""Workers as processes: start, settings, limits, what they share, how they end."""

from __future__ import annotations

import json
import math
import os
import random
import signal
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import httpx
import psutil
from uvicorn.config import STARTUP_FAILURE

VOCABULARY = [f"word{number}" for number in range(500)]
LEARNERS = 16


def fingerprints(api, expected):
    """Worker fingerprints over fresh connections, until `expected` have been seen."""
    seen = set()
    deadline = time.monotonic() + 30
    while len(seen) < expected and time.monotonic() < deadline:
        seen.add(httpx.get(f"{api.url}/health").json()["last_collection"])
    return seen


class TestWorkers:
    def test_two_workers_share_their_state_and_nothing_else(self, start_api):
        api = start_api(workers=2).wait_ready()
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

    def test_above_the_limit_of_connections_every_request_is_refused(self, start_api):
        api = start_api(limit=3).wait_ready()
        with ExitStack() as stack:
            clients = [stack.enter_context(api.client()) for _ in range(6)]
            answers = [client.get("/health") for client in clients]
            refused = [answer for answer in answers if answer.status_code == 503]
            assert refused
            for answer in refused:
                assert answer.text == "Service Unavailable"
                assert answer.headers["content-type"].startswith("text/plain")
                assert "x-trace-id" not in answer.headers


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
            KATO_BENCH_HNSW_M="8",
            KATO_BENCH_HNSW_EF_CONSTRUCT="64",
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
        hnsw = collection["config"]["hnsw_config"]
        assert (hnsw["m"], hnsw["ef_construct"]) == (8, 64)
        assert collection["config"]["params"]["vectors"]["distance"] == "Cosine"


def learn_patterns(api, node_id, count):
    """Learns `count` distinct patterns of four events with two symbols each, from a vocabulary of 500."""
    rng = random.Random(7)
    events = [{"strings": rng.choices(VOCABULARY, k=2)} for _ in range(4 * count)]
    share = math.ceil(count / LEARNERS) * 4

    def learn(first: int) -> None:
        config = {"process_predictions": False, "max_pattern_length": 4}
        with api.client() as http:
            session = http.post("/sessions", json={"node_id": node_id, "config": config}).json()
            path = f"/sessions/{session['session_id']}/observe-sequence"
            answer = http.post(path, json={"observations": events[first : first + share]}).json()
            assert len(answer["auto_learned_patterns"]) == len(events[first : first + share]) // 4

    with ThreadPoolExecutor(LEARNERS) as threads:
        list(threads.map(learn, range(0, 4 * count, share)))
    return events[:3]


def test_the_cost_of_predicting_grows_with_the_patterns_stored(api):
    def median_of(count: int) -> float:
        beginning = learn_patterns(api, f"cost_{count}", count)
        times = []
        with api.client() as http:
            config = {"process_predictions": False}
            session = http.post("/sessions", json={"node_id": f"cost_{count}", "config": config}).json()
            path = f"/sessions/{session['session_id']}"
            http.post(f"{path}/observe-sequence", json={"observations": beginning})
            for _ in range(9):
                began = time.perf_counter()
                answer = http.get(f"{path}/predictions").json()
                times.append(time.perf_counter() - began)
                assert answer["predictions"][0]["evidence"] == 0.75
        return statistics.median(times)

    assert median_of(2000) / median_of(200) > 2
