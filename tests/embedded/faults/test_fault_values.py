"""Values of faults: what is legal, their one spelling, and what the API reads from it."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.errors import UsageError
from bench.targets.embedded import faults
from bench.targets.embedded.faults import FAULTS, values
from bench.targets.embedded.faults.values import Cpu, Hang, Latency
from bench.targets.embedded.kato.faults import Planted, planted


@pytest.mark.parametrize(
    ("text", "spelled"),
    [
        ("deadlock", {"deadlock": "on"}),
        ("deadlock=on", {"deadlock": "on"}),
        ("session-pool", {"session-pool": "50"}),
        (" stall = 2000ms ", {"stall": "2s"}),
        ("stall=0.5min", {"stall": "30s"}),
        ("latency=.05s", {"latency": "50ms"}),
        ("latency=exp: 1.5 s", {"latency": "exp:1.5s"}),
        ("leak=10000B", {"leak": "10kB"}),
        ("leak=1KiB", {"leak": "1.024kB"}),
        ("ram-index", {"ram-index": "7.2kB"}),
        ("cpu=15%", {"cpu": "15%"}),
        ("cpu=5ms", {"cpu": "5ms"}),
        ("store-hang", {"store-hang": "30s@10s"}),
        ("store-hang=1s", {"store-hang": "1s@10s"}),
        ("store-hang=1s@0s", {"store-hang": "1s@0s"}),
        ("lying-metrics=25%", {"lying-metrics": "25%"}),
        ("kill-redis=0s", {"kill-redis": "0s"}),
        ("slow-clickhouse=1.5ms", {"slow-clickhouse": "1.5ms"}),
    ],
)
def test_texts_have_one_spelling(text: str, spelled: dict[str, str]) -> None:
    assert faults.parse([text]) == spelled
    ((name, value),) = spelled.items()
    assert faults.parse([f"{name}={value}"]) == spelled


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("deadlok", "nearest are deadlock"),
        ("kill=10s", "kill-redis"),
        ("=15%", "--list-faults"),
        ("", "--list-faults"),
        ("deadlock=off", "give no value, as in deadlock"),
        ("stall=10", "stall=10s"),
        ("stall=-1s", "a time from 200ms"),
        ("latency=log:3s", "latency=exp:50ms"),
        ("latency=0s", "a time up to 600s"),
        ("leak=10", "leak=10kB"),
        ("leak=1TB", "up to 100MB"),
        ("session-pool=0", "a whole number from 1 up to 1000"),
        ("session-pool=5.5", "session-pool=50"),
        ("lying-metrics=100%", "up to 99%"),
        ("cpu", "cpu=15%"),
        ("store-hang=1s@", "store-hang=30s@10s"),
        ("slow-redis=٣s", "slow-redis=20ms"),
    ],
)
def test_wrong_ones_get_a_sentence(text: str, words: str) -> None:
    with pytest.raises(UsageError, match=r"^--fault [^\n]*\.$") as caught:
        faults.parse([text])
    assert words in str(caught.value)


@pytest.mark.parametrize("name", FAULTS)
def test_examples_and_defaults_are_legal(name: str) -> None:
    fault = FAULTS[name]
    assert faults.parse([fault.shown_example])
    if fault.default is not None:
        assert faults.parse([name]) == {name: fault.default}
    for text in (fault.meaning, fault.carrier, fault.signature, fault.form.words):
        assert text
        assert "\n" not in text
        assert not text.endswith(".")


def test_the_api_reads_what_it_is_told() -> None:
    told = faults.parse(
        [
            *("deadlock", "session-pool=7", "lost-updates", "node-eviction=3", "stall=1s", "process-pool=9"),
            *("quote=4", "store-hang=1s@2s", "ram-index=2kB", "lying-metrics=25%", "latency=exp:50ms"),
            *("leak=1kB", "cpu=5ms"),
        ]
    )
    assert planted.read(faults.variables(told)) == Planted(
        deadlock=True,
        session_pool=7,
        lost_updates=True,
        node_eviction=3,
        stall=1.0,
        process_pool=9,
        quote=4,
        store_hang=Hang(1.0, 2.0),
        ram_index=2000,
        lying_metrics=0.25,
        latency=Latency(0.05, True),
        leak=1000,
        cpu=Cpu(seconds=0.005),
    )
    assert planted.read({}) == Planted()
    assert planted.read(faults.variables({"cpu": "15%"})).cpu == Cpu(share=0.15)


def test_the_api_is_told_of_its_own_faults_only() -> None:
    others = ["unbounded-streams", "endless-predictions", "slow-redis", "kill-redis", "kill-kato-worker"]
    assert faults.variables(faults.parse(others)) == {}
    assert faults.knobs(faults.parse(others)) == {
        "kato.KATO_BENCH_STREAM_MAXLEN": 0,
        "kato.KATO_BENCH_PREDICTION_TTL": 0,
    }


@pytest.mark.parametrize("name", ["deadlock", "stall", "leak", "cpu", "store-hang"])
def test_a_malformed_variable_is_named(name: str) -> None:
    with pytest.raises(ValueError, match=faults.variable(name)):
        planted.read({faults.variable(name): "much"})


def test_a_fault_and_a_setting_do_not_quarrel() -> None:
    told = faults.parse(["unbounded-streams"])
    faults.require_free(told, {"kato.MAX_PREDICTIONS": "3"})
    with pytest.raises(UsageError, match=r"KATO_BENCH_STREAM_MAXLEN=5 .* leave one of them out\.$"):
        faults.require_free(told, {"kato.KATO_BENCH_STREAM_MAXLEN": "5"})


@given(st.floats(1e-3, 1e5))
def test_times_survive_their_spelling(seconds: float) -> None:
    again = values.seconds(values.spell_seconds(seconds))
    assert again is not None
    assert math.isclose(again, seconds, rel_tol=1e-5)


@given(st.integers(1, 10**8))
def test_sizes_survive_their_spelling(size: int) -> None:
    again = values.size(values.spell_size(size))
    assert again is not None
    assert math.isclose(again, size, rel_tol=1e-5)


@given(st.text(max_size=12))
def test_any_value_is_spelled_or_refused(text: str) -> None:
    for fault in FAULTS.values():
        spelled = fault.form.spell(text)
        assert spelled is None or fault.form.spell(spelled) == spelled
