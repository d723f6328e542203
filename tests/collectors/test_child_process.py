"""The collectors' process against real sources: it must not drift, hang, or cost much."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from itertools import pairwise

import psutil
from collector_rig import Child, Kato, Valkey, wait_for

from bench.targets.base import PartFacts, TargetFacts

Start = Callable[..., Child]


def facts(kato: Kato, valkey: Valkey) -> TargetFacts:
    parts = (
        PartFacts("redis", address=valkey.address, pid=valkey.process.pid),
        PartFacts("kato", address=kato.url, pid=kato.process.pid),
    )
    return TargetFacts("embedded", kato.url, workers=2, parts=parts)


def test_sources_come_with_their_own_rows_and_the_end_says_what_it_cost(
    child: Start, kato: Kato, valkey: Valkey
) -> None:
    one = child(facts(kato, valkey), 0.2, {"load-0": os.getpid()})
    one.read_until(
        lambda seen: len(seen.times("host")) >= 20 and seen.times("kato") and seen.times("machine")
    )
    one.finish()

    assert {row[1] for row in one.rows} == {"host", "machine", "process", "redis", "kato"}
    assert {row[2] for row in one.rows if row[1] == "process" and "/" not in row[2]} == {
        *("load-0", "collectors", "redis", "kato")
    }
    assert one.ends[0]["samples"] == len(one.rows)
    # Five samples a second here, one in a run: below 2 % of a core there is far below 10 % here.
    assert 0 < one.ends[0]["cpu_seconds"] < 0.1 * one.times("host")[-1]
    assert [event["kind"] for event in one.events if event["kind"] != "worker_seen"] == []


def test_samples_keep_to_the_schedule(child: Start, kato: Kato, valkey: Valkey) -> None:
    one = child(facts(kato, valkey), 0.2).read_until(lambda seen: len(seen.times("host")) >= 15)
    one.finish()
    # The last one is that of the end, whenever it came.
    steps = [time / 0.2 for time in one.times("host")[:-1]]

    # Lateness does not add up: every sample lies just behind a slot of the run's own grid.
    assert sum(step % 1 < 0.5 for step in steps) >= 0.8 * len(steps)
    assert all(later - earlier > 0.3 for earlier, later in pairwise(steps))


def test_a_stopped_source_delays_no_other(child: Start, kato: Kato, valkey: Valkey) -> None:
    one = child(facts(kato, valkey), 0.2).read_until(lambda seen: seen.times("redis"))
    valkey.process.send_signal(signal.SIGSTOP)
    one.read_until(lambda seen: "collector_failed" in seen.kinds("redis"))
    last = one.times("host")[-1]
    one.read_until(lambda seen: seen.times("host")[-1] > last + 2)
    valkey.process.send_signal(signal.SIGCONT)
    one.read_until(lambda seen: "collector_back" in seen.kinds("redis"))
    one.finish()

    gaps = [later - earlier for earlier, later in pairwise(one.times("host"))]
    assert max(gaps) < 1.0
    assert one.kinds("redis") == ["collector_failed", "collector_back"]


def test_gone_and_back_is_two_events(child: Start, kato: Kato, valkey: Valkey) -> None:
    one = child(facts(kato, valkey), 0.2).read_until(lambda seen: seen.times("redis"))
    valkey.stop()
    one.read_until(lambda seen: "collector_failed" in seen.kinds("redis"))
    valkey.start()
    before = len(one.times("redis"))
    one.read_until(lambda seen: len(seen.times("redis")) > before + 3)
    one.finish()

    assert sorted(one.kinds("redis")) == ["collector_back", "collector_failed", "restarted"], one.events
    failed = next(event for event in one.events if event["kind"] == "collector_failed")
    back = next(event for event in one.events if event["kind"] == "collector_back")
    assert "Connection" in failed["error"]
    assert back["after_seconds"] >= 1, one.events


def test_stopped_in_the_middle_of_a_hang_it_ends_at_once(child: Start, kato: Kato, valkey: Valkey) -> None:
    one = child(facts(kato, valkey), 0.2).read_until(lambda seen: seen.times("redis"))
    valkey.process.send_signal(signal.SIGSTOP)
    kato.process.send_signal(signal.SIGSTOP)
    one.finish()

    assert len(one.ends) == 1


def test_it_ends_when_the_recorder_is_gone(child: Start, kato: Kato, valkey: Valkey) -> None:
    one = child(facts(kato, valkey), 0.2).read_until(lambda seen: seen.rows)
    one.sock.close()

    assert one.process.wait(10) == 0


def test_ctrl_c_does_not_end_it(child: Start, kato: Kato, valkey: Valkey) -> None:
    one = child(facts(kato, valkey), 0.2).read_until(lambda seen: seen.rows)
    one.process.send_signal(signal.SIGINT)
    before = len(one.rows)
    one.read_until(lambda seen: len(seen.rows) > before + 100)
    one.finish()


def test_a_url_target_alone(child: Start, kato: Kato) -> None:
    one = child(TargetFacts("url", kato.url), 0.2)
    one.read_until(
        lambda seen: seen.times("machine") and len(seen.times("process")) > 2 and seen.times("kato")
    ).finish()

    assert {row[1] for row in one.rows} == {"host", "machine", "process", "kato"}


def test_an_address_that_is_none_is_an_event(child: Start, kato: Kato) -> None:
    parts = (PartFacts("redis", address="somewhere"),)
    one = child(TargetFacts("url", kato.url, parts=parts), 0.2).read_until(lambda seen: seen.times("host"))
    one.finish()

    assert one.kinds("redis") == ["collector_failed"]


def test_nothing_is_left_behind(child: Start, kato: Kato, valkey: Valkey) -> None:
    one = child(facts(kato, valkey), 0.2).read_until(lambda seen: seen.rows)
    process = psutil.Process(one.process.pid)
    assert process.children(recursive=True) == []
    one.finish()
    wait_for(lambda: not process.is_running())
