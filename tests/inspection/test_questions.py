"""The questions, on servers that answer well, badly and not at all."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from typing import Any

import pytest
import redis as client
from collector_rig import Kato, Valkey, wait_for

from bench.inspection.questions import kato as of_kato
from bench.inspection.questions import machine, qdrant, redis


def last(question: Any) -> dict[str, Any]:
    """What it said, the latest of each."""
    return dict(question)


class TestWorkers:
    def test_as_many_as_are_expected_are_met_soon(self, kato: Kato) -> None:
        polls = last(of_kato.workers(kato.url, 2))["polls"]
        assert len(polls) == 16
        assert len({poll.worker for poll in polls}) == 2
        assert {poll.uptime for poll in polls} == {12.5}

    def test_without_a_number_a_few_polls_must_do(self, kato: Kato) -> None:
        assert len(last(of_kato.workers(kato.url, None))["polls"]) == 16

    def test_one_that_never_answers_is_looked_for_within_bounds(self, kato: Kato) -> None:
        began = time.monotonic()
        polls = last(of_kato.workers(kato.url, 3))["polls"]
        assert 16 < len(polls) <= 320
        assert len({poll.worker for poll in polls}) == 2
        assert time.monotonic() - began < 20

    @pytest.mark.parametrize(("mode", "refused"), [("overload", True), ("reset", False), ("garbage", False)])
    def test_bad_answers_count_as_none(self, kato: Kato, mode: str, refused: bool) -> None:
        kato.mode(mode)
        polls = last(of_kato.workers(kato.url, 1))["polls"]
        assert {poll.worker for poll in polls} == {None}
        assert {poll.refused for poll in polls} == {refused}

    def test_what_kato_says_of_itself(self, kato: Kato) -> None:
        told = last(of_kato.about(kato.url))
        assert told["about"]["version"] == "3.10.1"

    @pytest.mark.parametrize(("mode", "words"), [("overload", "answers 503"), ("garbage", "no status")])
    def test_what_is_no_kato(self, kato: Kato, mode: str, words: str) -> None:
        kato.mode(mode)
        with pytest.raises(OSError, match=words):
            last(of_kato.about(kato.url))

    @pytest.mark.parametrize(
        ("url", "shown"),
        [
            ("redis://:secret@cache:6379/0", True),
            ("redis://user:secret@cache:6379/0", True),
            ("redis://user@cache:6379/0", False),
            ("redis://cache:6379/0", False),
            ("redis://[cache", None),
            (None, None),
        ],
    )
    def test_whether_its_status_tells_a_password(self, url: str | None, shown: bool | None) -> None:
        assert of_kato.shows_password({"sessions": {"redis_url": url}}) is shown
        assert of_kato.shows_password({}) is None


class TestRedis:
    def test_it_tells_everything_of_itself(self, valkey: Valkey) -> None:
        valkey.client.set("a_kato:frequency:1", 1)
        valkey.client.set("kato:session:session-1", "{}", ex=60)
        valkey.client.xadd("stm:global", {"a": 1})
        told = last(redis.about(valkey.address))
        assert told["config"]["maxmemory-policy"] == "noeviction"
        assert told["info"]["used_memory"] > 0
        assert (told["keys"], told["stream_entries"], told["open"]) == (3, 1, True)
        assert told["drawn"] > 100
        assert told["families"]["frequency"].endless == 1
        assert told["families"]["session"].endless == 0
        assert sum(family.share for family in told["families"].values()) == pytest.approx(1)

    def test_an_empty_one(self, valkey: Valkey) -> None:
        told = last(redis.about(valkey.address))
        assert (told["keys"], told["families"], told["drawn"]) == (0, {}, 0)

    def test_one_that_forbids_config(self, valkey: Valkey) -> None:
        allowed = ["+@all", "-config"]
        valkey.client.acl_setuser("default", enabled=True, nopass=True, keys="*", commands=allowed)
        told = last(redis.about(valkey.address))
        assert "config" not in told
        assert "does not tell its settings" in told["refused"]
        assert told["keys"] == 0

    def test_one_with_a_password_does_not_obey_anybody(self, valkey: Valkey) -> None:
        valkey.client.config_set("requirepass", "secret")
        with pytest.raises(client.RedisError):
            last(redis.about(valkey.address))
        told = last(redis.about(f"redis://:secret@{valkey.address}"))
        assert told["open"] is False
        assert told["info"]["redis_version"]

    def test_patterns_that_it_counts(self, valkey: Valkey) -> None:
        valkey.client.set("a_kato:global:total_unique_patterns", 7)
        told = last(redis.unique_patterns(valkey.address, ["a_kato", "b_kato"]))
        assert told == {"unique_patterns": {"a_kato": 7, "b_kato": None}}


#: As Qdrant 1.15 answers GET /collections/<name>.
COLLECTION = {
    "status": "green",
    "optimizer_status": "ok",
    "indexed_vectors_count": 0,
    "points_count": 200,
    "segments_count": 4,
    "config": {
        "params": {
            "vectors": {"size": 768, "distance": "Euclid"},
            "shard_number": 1,
            "on_disk_payload": True,
        },
        "hnsw_config": {"m": 16, "ef_construct": 128, "full_scan_threshold": 10000, "on_disk": False},
        "optimizer_config": {"indexing_threshold": 10000, "max_optimization_threads": None},
        "wal_config": {"wal_capacity_mb": 32, "wal_segments_ahead": 0},
        "quantization_config": {"scalar": {"type": "int8", "quantile": 0.99, "always_ram": True}},
    },
    "payload_schema": {},
}


def test_a_collection_as_qdrant_tells_it() -> None:
    one = qdrant.collection("vectors_a", COLLECTION)
    assert (one.points, one.indexed, one.segments, one.status) == (200, 0, 4, "green")
    assert one.dimension == 768
    assert one.kilobytes == 600
    assert one.config["hnsw_config.m"] == 16
    assert one.config["optimizers_config.indexing_threshold"] == 10_000
    assert one.config["quantization_config"] == "scalar"
    assert qdrant.collection("x", {}).points is None


_LOOP = "import asyncio; print('ready', flush=True); asyncio.run(asyncio.sleep(600))"
_LOCK = """
import multiprocessing
lock = multiprocessing.Lock()
lock.acquire()
print('ready', flush=True)
lock.acquire()
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Linux tells what a thread sleeps in")
class TestProcesses:
    @pytest.mark.parametrize(
        ("program", "stopped", "state"),
        [(_LOOP, False, "idle"), (_LOCK, False, "waits for a lock"), (_LOOP, True, "stopped")],
    )
    def test_what_an_event_loop_is_at(self, program: str, stopped: bool, state: str) -> None:
        with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            process.stdout.readline()
            try:
                if stopped:
                    process.send_signal(signal.SIGSTOP)

                def seen() -> bool:
                    (one,) = machine.Servers(process.pid).after()
                    return one.state == state and one.cpu_seconds == 0

                assert wait_for(seen)
            finally:
                process.kill()

    def test_one_that_is_gone(self) -> None:
        with subprocess.Popen([sys.executable, "-c", ""]) as process:
            servers = machine.Servers(process.pid)
        assert servers.after() == ()
        assert machine.look_at(process.pid) is None


class TestTheMachine:
    def test_where_somebody_listens(self) -> None:
        with (
            socket.create_server(("127.0.0.1", 0)) as here,
            socket.create_server(("0.0.0.0", 0)) as everywhere,
        ):
            found = machine.listeners()
            assert found[here.getsockname()[1]] == ("127.0.0.1",)
            assert found[everywhere.getsockname()[1]] == ("0.0.0.0",)

    def test_a_file_as_a_process_sees_it(self, tmp_path: Any) -> None:
        file = tmp_path / "redis.conf"
        file.write_text("maxmemory 1gb\n")
        with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
            assert machine.read_file(process.pid, str(file)) == ("maxmemory 1gb\n", None)
            text, why = machine.read_file(process.pid, str(tmp_path / "none.conf"))
            process.communicate(b"\n")
        assert text is None
        assert "No such file" in str(why)
        assert "cannot be seen" in str(machine.read_file(None, str(file))[1])
        assert "not a full path" in str(machine.read_file(1, "redis.conf")[1])
