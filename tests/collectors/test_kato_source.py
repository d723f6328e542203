"""Against a real HTTP server that answers as KATO's workers do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from collector_rig import Kato

from bench.collectors import http
from bench.collectors.base import WHOLE, Collector, Context, Row
from bench.collectors.sources.kato import KatoCollector
from bench.targets.base import TargetFacts

Table = Callable[[Collector, list[Row]], dict[tuple[str, str], float]]
Notes = list[tuple[str, dict[str, Any]]]

FIRST, SECOND = "1795443979.25", "1795443980.25"


def make(url: str, notes: Notes, workers: int | None = 2) -> KatoCollector:
    facts = TargetFacts("url", url, workers=workers)
    collector = KatoCollector.create(Context(facts, {}, lambda kind, **more: notes.append((kind, more))))
    assert collector is not None
    return collector


def test_discovers_the_version(kato: Kato) -> None:
    found = make(kato.url, []).discover()

    assert found.kato_version == "3.10.1"
    assert found.part is not None
    assert found.part.address == kato.url


def test_fresh_connections_meet_every_worker(kato: Kato, table: Table) -> None:
    notes: Notes = []
    collector = make(kato.url, notes, workers=4)
    values = table(collector, collector.sample())
    values = values | table(collector, collector.sample())

    assert values["workers_seen", WHOLE] == 2
    assert values["healthy", FIRST] == 1
    assert values["healthy", SECOND] == 0
    assert values["uptime_seconds", SECOND] == 12.5
    assert values["active_sessions", FIRST] == 7
    assert 0 < values["health_seconds", WHOLE] < 2
    assert [fields["worker"] for kind, fields in notes if kind == "worker_seen"] == [FIRST, SECOND]


def test_metrics_carry_the_worker_of_their_connection(kato: Kato, table: Table) -> None:
    collector = make(kato.url, [], workers=1)
    values: dict[tuple[str, str], float] = {}
    for _ in range(2):
        values |= table(collector, collector.sample())

    assert values["requests_total", FIRST] == 100
    assert values["requests_total", SECOND] == 101
    assert values["response_seconds_mean", FIRST] == 0.0073
    assert values["requests_per_second", FIRST] == 58.9
    assert values["nodes_loaded", FIRST] == 3


@pytest.mark.parametrize(
    ("mode", "reason", "timeout"),
    [
        ("overload", "503", 20.0),
        ("reset", "reset", 20.0),
        ("garbage", "invalid", 20.0),
        ("hang", "timeout", 1.0),
    ],
)
def test_failures_are_counted_and_their_spell_is_two_events(
    kato: Kato, table: Table, mode: str, reason: str, timeout: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Only what is meant to hang may run into it, however busy the machine is.
    monkeypatch.setattr(http, "TIMEOUT", timeout)
    notes: Notes = []
    collector = make(kato.url, notes, workers=1)
    kato.mode(mode)
    collector.sample()
    failing = table(collector, collector.sample())
    kato.mode("ok")
    well = table(collector, collector.sample())

    assert failing["poll_failures_total", reason] == failing["polls_total", WHOLE] == 2
    assert failing["workers_seen", WHOLE] == 0
    assert well["poll_failures_total", reason] == 2
    assert well["workers_seen", WHOLE] == 1
    spell = [(kind, fields) for kind, fields in notes if kind != "worker_seen"]
    assert spell == [
        ("kato_fails", {"source": "kato", "reason": reason}),
        ("kato_answers", {"source": "kato", "after": reason}),
    ]


def test_a_failed_first_poll_leaves_no_connection_to_be_met_again(kato: Kato) -> None:
    collector = make(kato.url, [], workers=4)
    kato.mode("refuse")
    collector.sample()
    kato.mode("ok")

    # Three polls took three connections, which go to the two workers in turn: the next is the second's.
    answer = httpx.get(f"{kato.url}/health", trust_env=False).json()
    assert str(answer["last_collection"]) == SECOND


def test_an_address_with_a_path(kato: Kato) -> None:
    with http.Site(f"{kato.url}/prefix/").connect() as connection:
        assert not connection.open
        assert connection.get("/health")[0] == 200
        assert connection.open
    assert not connection.open


def test_nothing_listens(kato: Kato) -> None:
    collector = make(kato.url, [])
    kato.process.kill()
    kato.process.wait()

    with pytest.raises(ConnectionRefusedError):
        collector.sample()
