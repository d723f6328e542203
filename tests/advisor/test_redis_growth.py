"""What KATO leaves in Redis for ever."""

from __future__ import annotations

import pytest
from redis_runs import run, using
from rule_contract import keeps_contract

from advisor.evidence import KeyFamily
from advisor.rules.redis_growth import predictions_never_expire, streams_never_end

STORED = using(families={"prediction": KeyFamily(30, 30, 100e3), "frequency": KeyFamily(70, 70, 100.0)})


def test_streams_are_cut_where_there_is_a_setting() -> None:
    finding = keeps_contract(streams_never_end, run(KATO_BENCH_STREAM_MAXLEN=0), run())
    assert finding.severity == "advice"
    assert "gained 600 entries of 167 B (measured)" in finding.sentence
    (change,) = finding.changes
    assert (change.knob, change.new) == ("kato.KATO_BENCH_STREAM_MAXLEN", 10_000)
    entries, size = change.predicted
    assert (entries.now, entries.high) == (9000, 10_100)
    assert size.now == pytest.approx(333.3, rel=0.01)
    assert size.high == 0


def test_kato_itself_has_none() -> None:
    unmeasured = run(using(stream_bytes=None), KATO_BENCH_STREAM_MAXLEN=None)
    finding = keeps_contract(
        streams_never_end, unmeasured, run(using(stream_growth=0.0), KATO_BENCH_STREAM_MAXLEN=0)
    )
    assert finding.changes == ()
    assert "XTRIM stm:global MAXLEN ~ 10000" in finding.sentence
    assert "161 B (as KATO 3.10.1 was measured)" in finding.sentence
    assert streams_never_end(run(using(stream_growth=None), KATO_BENCH_STREAM_MAXLEN=None)) is None


def test_much_growth_is_graver() -> None:
    finding = streams_never_end(run(using(stream_bytes=300e6), KATO_BENCH_STREAM_MAXLEN=0))
    assert finding is not None
    assert finding.severity == "warning"


def test_stored_predictions_are_let_go() -> None:
    finding = keeps_contract(predictions_never_expire, run(STORED, KATO_BENCH_PREDICTION_TTL=0), run(STORED))
    assert finding.severity == "warning"
    assert "Of 100 keys drawn at random 30 hold predictions, 97.7 KiB each" in finding.sentence
    (change,) = finding.changes
    assert (change.knob, change.new) == ("kato.KATO_BENCH_PREDICTION_TTL", 3600)
    assert change.predicted[0].now == 0.3 * 50_000 * 100e3
    assert change.predicted[0].high == 20 * 100e3 * 3600


def test_kato_itself_does_not_let_them_go() -> None:
    ending = using(families={"prediction": KeyFamily(30, 0, 100e3)})
    never = run(STORED, KATO_BENCH_PREDICTION_TTL=None)
    finding = keeps_contract(predictions_never_expire, never, run(ending, KATO_BENCH_PREDICTION_TTL=None))
    assert finding.changes == ()
    assert "switch predictions at observe time off" in finding.sentence


def test_nothing_drawn_nothing_said() -> None:
    assert predictions_never_expire(run(KATO_BENCH_PREDICTION_TTL=0)) is None
