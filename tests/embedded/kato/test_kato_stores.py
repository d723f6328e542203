"""What the API leaves in the stores: keys, lifetimes, rows, collections."""

from __future__ import annotations

import hashlib
import json
import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import httpx


def keys_of(stores, kb):
    return {key.removeprefix(f"{kb}:") for key in stores.redis.scan_iter(f"{kb}:*")}


class TestRedis:
    def test_a_learned_pattern_fills_every_key_family(self, stores, open_session):
        session = open_session("family")
        events = [["b", "a"], ["a"]]
        for event in events:
            session.observe(*event, emotives={"joy": 0.5}, metadata={"src": "t"})
        name = session.post("learn").json()["pattern_name"].removeprefix("PTRN|")
        assert name == hashlib.sha1(b"[['a', 'b'], ['a']]").hexdigest()
        redis, kb = stores.redis, "family_kato"
        assert keys_of(stores, kb) == {
            *(f"frequency:{name}", f"emotives:{name}", f"metadata:{name}"),
            *("symbols:freq", "symbols:pmf", "symbol_to_patterns:a", "symbol_to_patterns:b"),
            *("affinity:a", "affinity:b"),
            "global:total_symbols_in_patterns_frequencies",
            "global:total_pattern_frequencies",
            "global:total_unique_patterns",
        }
        assert redis.get(f"{kb}:frequency:{name}") == "1"
        assert json.loads(redis.get(f"{kb}:emotives:{name}")) == [{"joy": 0.5}, {"joy": 0.5}]
        assert json.loads(redis.get(f"{kb}:metadata:{name}")) == {"src": ["t"]}
        assert redis.hgetall(f"{kb}:symbols:freq") == {"a": "2", "b": "1"}
        assert redis.hgetall(f"{kb}:symbols:pmf") == {"a": "1", "b": "1"}
        assert redis.smembers(f"{kb}:symbol_to_patterns:a") == {name}
        assert redis.hgetall(f"{kb}:affinity:a") == {"joy": "0.5"}
        assert redis.get(f"{kb}:global:total_symbols_in_patterns_frequencies") == "3"

    def test_a_known_pattern_counts_and_makes_no_second_row(self, stores, open_session):
        session = open_session("known")
        for _ in range(7):
            session.observe("a", emotives={"joy": 1.0})
            session.observe("b")
            name = session.post("learn").json()["pattern_name"].removeprefix("PTRN|")
        redis, kb = stores.redis, "known_kato"
        assert redis.get(f"{kb}:frequency:{name}") == "7"
        assert redis.get(f"{kb}:global:total_pattern_frequencies") == "7"
        assert redis.get(f"{kb}:global:total_unique_patterns") == "1"
        assert redis.hgetall(f"{kb}:symbols:freq") == {"a": "7", "b": "7"}
        assert redis.hgetall(f"{kb}:symbols:pmf") == {"a": "1", "b": "1"}
        assert len(json.loads(redis.get(f"{kb}:emotives:{name}"))) == 5  # PERSISTENCE
        ((rows,),) = stores.rows(f"SELECT count() FROM kato.patterns_data WHERE kb_id = '{kb}'")
        assert int(rows) == 1

    def test_sessions_are_indexed_and_end_by_their_ttl(self, stores, http, open_session):
        session = open_session(ttl_seconds=120)
        key = f"kato:session:{session.id}"
        assert 110 < stores.redis.ttl(key) <= 120
        assert stores.redis.sismember("kato:session:_active_index", session.id)
        http.delete(f"/sessions/{session.id}")
        assert not stores.redis.exists(key)
        assert not stores.redis.sismember("kato:session:_active_index", session.id)

    def test_a_session_that_is_only_read_ends_after_its_last_write(self, stores, open_session, until):
        session = open_session(ttl_seconds=1)
        assert session.observe("a")["stm_length"] == 1
        began = time.monotonic()
        lives = []

        def ended() -> bool:
            lives.append(stores.redis.pttl(f"kato:session:{session.id}"))
            return session.get("stm").status_code == 404

        until(ended, "the session ends", within=5)
        assert time.monotonic() - began < 3
        assert lives[-1] > 0  # reading had kept its key alive
        assert not stores.redis.exists(f"kato:session:{session.id}")

    def test_writing_keeps_a_session_alive(self, open_session):
        session = open_session(ttl_seconds=1)
        began = time.monotonic()
        while time.monotonic() - began < 1.5:
            session.observe()

    def test_every_observation_goes_to_two_streams(self, stores, open_session):
        def lengths() -> tuple[int, int]:
            of_workers = sum(map(stores.redis.xlen, stores.redis.keys("stm:events:*")))
            return of_workers, stores.redis.xlen("stm:global")

        session = open_session()
        session.observe("a")
        before = lengths()
        session.observe("b")
        session.learn(["c"], ["d"])
        after = lengths()
        assert (after[0] - before[0], after[1] - before[1]) == (3, 3)

    def test_predictions_of_an_observation_are_kept_for_ever(self, stores, open_session):
        session = open_session(config={"process_predictions": True})
        session.learn(["a"], ["b"], ["c"])
        session.observe("a")
        unique_id = session.observe("b")["unique_id"]
        key = f"{session.created['node_id']}_kato:prediction:{unique_id}"
        assert stores.redis.ttl(key) == -1
        stored = json.loads(stores.redis.get(key))
        assert stored == session.get("cognition-data").json()["cognition_data"]["predictions"]
        assert [one["future"] for one in stored] == [[["c"]]]

    def test_without_process_predictions_nothing_is_predicted(self, stores, open_session):
        session = open_session("unpredicted")
        session.learn(["a"], ["b"], ["c"])
        session.observe("a")
        assert not [key for key in keys_of(stores, "unpredicted_kato") if key.startswith("prediction:")]

    def test_the_metrics_cache_lives_an_hour_or_until_the_next_learn(self, stores, open_session):
        session = open_session()
        session.learn(["a"], ["b"], ["c"])
        session.observe("a")
        session.observe("b")
        assert len(session.predictions()) == 1
        cached = stores.redis.smembers("kato:metrics:_index")
        assert cached
        for key in cached:
            assert key.startswith("kato:metrics:conditional_probability:")
            assert 3500 < stores.redis.ttl(key) <= 3600
        session.learn(["x"], ["y"])
        assert not stores.redis.exists("kato:metrics:_index", *cached)

    def test_finalizing_stores_four_values_per_pattern(self, stores, open_session):
        session = open_session("final")
        name = session.learn(["a"], ["b"], ["b"]).removeprefix("PTRN|")
        session.post("finalize-training")
        kinds = ("entropy", "normalized_entropy", "global_normalized_entropy", "tf_vector")
        assert {f"{kind}:{name}" for kind in kinds} <= keys_of(stores, "final_kato")
        assert json.loads(stores.redis.get(f"final_kato:tf_vector:{name}")) == {"a": 1 / 3, "b": 2 / 3}

    def test_clear_all_leaves_the_keys_of_other_nodes(self, stores, open_session):
        session, other = open_session("cleared"), open_session("cleared_too")
        for one in (session, other):
            one.learn(["a"], ["b"])
        kept = keys_of(stores, "cleared_too_kato")
        session.post("clear-all")
        assert keys_of(stores, "cleared_kato") == set()
        assert keys_of(stores, "cleared_too_kato") == kept
        assert session.learn(["a"], ["b"])
        rows = stores.rows(
            "SELECT kb_id, count() FROM kato.patterns_data WHERE kb_id LIKE 'cleared%' GROUP BY 1"
        )
        assert {kb: int(count) for kb, count in rows} == {"cleared_kato": 1, "cleared_too_kato": 1}


class TestClickHouse:
    def test_a_row_holds_the_pattern_and_its_sketches(self, stores, open_session):
        open_session("rows").learn(["b", "a"], ["a"])
        columns = (
            "pattern_data, length, token_set, token_count, first_token, last_token, "
            "length(minhash_sig), length(lsh_bands)"
        )
        (row,) = stores.rows(f"SELECT {columns} FROM kato.patterns_data WHERE kb_id = 'rows_kato'")
        assert [row[0], row[2], row[4], row[5]] == [[["a", "b"], ["a"]], ["a", "b"], "a", "a"]
        assert [int(row[i]) for i in (1, 3, 6, 7)] == [3, 2, 100, 20]

    def test_what_is_learned_is_predicted_at_once(self, open_session):
        session = open_session()
        for number in range(20):
            session.learn([f"a{number}"], [f"b{number}"], ["c"])
            session.observe(f"a{number}")
            session.observe(f"b{number}")
            assert session.predictions()[0]["matches"] == [f"a{number}", f"b{number}"]
            session.post("clear-stm")

    def test_a_pattern_that_could_not_be_stored_is_tried_again(self, start_api, stores):
        api = start_api(CLICKHOUSE_PORT="1").wait_ready()
        with api.client() as http:
            created = http.post(
                "/sessions", json={"node_id": "retry", "config": {"process_predictions": False}}
            ).json()
            path = f"/sessions/{created['session_id']}"
            for symbol in "ab":
                http.post(f"{path}/observe", json={"strings": [symbol]})
            assert httpx.post(f"{api.url}{path}/learn").status_code == 500
        assert keys_of(stores, "retry_kato") == set()
        api.server.stop()


class TestQdrant:
    def test_a_collection_is_created_by_the_first_learned_vector(self, stores, open_session):
        session = open_session("vectors")
        url = f"{stores.qdrant_url}/collections/vectors_vectors_kato"
        session.observe(vectors=[[1.0, 2.0], [1.0, 1.0]])
        assert httpx.get(url).status_code == 404
        session.observe("a")
        session.post("learn")
        symbol = f"VCTR|{hashlib.sha1(b'[2. 3.]').hexdigest()}"
        collection = httpx.get(url).json()["result"]
        assert collection["points_count"] == 1
        assert collection["config"]["params"]["vectors"] == {"size": 2, "distance": "Euclid"}
        hnsw = collection["config"]["hnsw_config"]
        assert (hnsw["m"], hnsw["ef_construct"], hnsw["full_scan_threshold"]) == (16, 128, 10000)
        found = httpx.post(
            f"{url}/points/query", json={"query": [2.0, 3.0], "limit": 3, "with_payload": True}
        ).json()["result"]["points"]
        assert found[0]["id"] == str(uuid.uuid5(uuid.NAMESPACE_DNS, symbol))
        assert found[0]["payload"] == {"vctr_name": symbol}

    def test_another_dimension_is_lost_in_silence(self, stores, open_session):
        session = open_session("dimensions")
        for vector in ([1.0, 2.0], [1.0, 2.0, 3.0]):
            session.observe("a", vectors=[vector])
            assert session.post("learn").status_code == 200
        url = f"{stores.qdrant_url}/collections/vectors_dimensions_kato"
        assert httpx.get(url).json()["result"]["points_count"] == 1


def test_no_update_of_a_session_is_lost_within_one_worker(api, open_session):
    session = open_session()

    def observe(number: int) -> int:
        return httpx.post(
            f"{api.url}/sessions/{session.id}/observe", json={"strings": [str(number)]}
        ).status_code

    with ThreadPoolExecutor(16) as threads:
        assert set(threads.map(observe, range(64))) == {200}
    assert session.get("stm").json()["length"] == 64
