from __future__ import annotations

import signal
import socket
import time
from dataclasses import replace

from collector_rig import Kato, Valkey, free_port

from bench.collectors.discovery import discover_all
from bench.targets.base import PartFacts, TargetFacts


def test_a_url_target_that_only_has_kato(kato: Kato) -> None:
    before = TargetFacts("url", kato.url)
    facts, knobs = discover_all(before)

    assert facts.kato_version == "3.10.1"
    assert facts.parts == (PartFacts("kato", engine="KATO", version="3.10.1", address=kato.url),)
    assert knobs == {}
    assert replace(facts, kato_version=None, parts=()) == before


def test_live_values_win_and_known_facts_stay(kato: Kato, valkey: Valkey) -> None:
    part = PartFacts("redis", version="0", address=valkey.address, pid=valkey.process.pid, log="r.log")
    reference = PartFacts("kato", engine="a reference API", address=kato.url)
    asked = {"redis.maxmemory": 1, "uvicorn.workers": 3}
    facts, knobs = discover_all(
        TargetFacts("embedded", kato.url, workers=3, parts=(part, reference), knobs=asked)
    )

    found = facts.part("redis")
    assert found is not None
    assert (found.engine, found.pid, found.log) == ("Valkey", valkey.process.pid, "r.log")
    assert found.version != "0"
    assert facts.part("kato") == replace(reference, version="3.10.1")
    assert knobs["redis.maxmemory"] == 0
    assert facts.knobs["redis.maxmemory"] == 0
    assert facts.knobs["uvicorn.workers"] == 3
    assert "uvicorn.workers" not in knobs


def test_a_part_that_refuses_and_one_that_hangs_are_noted(kato: Kato, valkey: Valkey) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        parts = (
            PartFacts("redis", address=valkey.address),
            PartFacts("qdrant", address=f"http://127.0.0.1:{free_port()}"),
            PartFacts("clickhouse", address=f"http://127.0.0.1:{silent.getsockname()[1]}"),
        )
        valkey.process.send_signal(signal.SIGSTOP)
        begin = time.monotonic()
        facts, knobs = discover_all(TargetFacts("url", kato.url, parts=parts), timeout=0.7)
        elapsed = time.monotonic() - begin

    notes = {part.name: part.note for part in facts.parts}
    assert notes["qdrant"] is not None
    assert "did not answer: ConnectError" in notes["qdrant"]
    assert notes["redis"] == notes["clickhouse"] == "did not answer within 0.7 s"
    assert notes["kato"] is None
    assert knobs == {}
    assert elapsed < 2


def test_nothing_there_at_all() -> None:
    before = TargetFacts("url", f"http://127.0.0.1:{free_port()}")

    assert discover_all(before) == (before, {})


def test_an_address_that_is_none_is_noted(kato: Kato) -> None:
    parts = (PartFacts("redis", address="somewhere"),)
    facts, _ = discover_all(TargetFacts("url", kato.url, parts=parts))

    found = facts.part("redis")
    assert found is not None
    assert found.note is not None
    assert found.note.startswith("cannot be asked: ValueError")
