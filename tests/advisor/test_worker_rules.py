"""Rules on workers and connections."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rule_contract import keeps_contract

from advisor.evidence import Counts, Evidence, Load, RedisUse
from advisor.rules import workers

FULL = Evidence(
    Counts(3000, due=4500, backlog_grows=True),
    seconds=30.0,
    cores=4.0,
    workers=1,
    cpu_seconds={"kato": 29.0, "redis": 1.5, "qdrant": 0.1, "clickhouse": 6.0},
    own_cpu_seconds={"load-0": 1.0},
    worker_cpu_seconds={"11": 29.0},
    rss_bytes={"kato": 250e6},
    load=Load(offered=150.0),
    knobs={"uvicorn.workers": 1, "uvicorn.limit_concurrency": 40},
)
IDLE = replace(FULL, cpu_seconds={**FULL.cpu_seconds, "kato": 9.0}, worker_cpu_seconds={"11": 9.0})


def with_errors(**errors: int) -> Evidence:
    return replace(FULL, counts=replace(FULL.counts, errors=errors))


def test_a_full_worker_beside_idle_cores_wants_company() -> None:
    finding = keeps_contract(workers.too_few, FULL, IDLE)

    (change,) = finding.changes
    # 150/s at 9.67 ms of CPU each, planned 70 % busy: 2.07 workers.
    assert (change.old, change.new) == (1, 3)
    ceiling, rate = change.predicted
    assert ceiling.now == pytest.approx(1 / (29 / 3000))
    # 60 % of three workers at least; all three, or four cores at 12.5 ms a request, at most.
    assert ceiling.low == pytest.approx(0.6 * 3 / (29 / 3000))
    assert ceiling.high == pytest.approx(3 / (29 / 3000))
    assert rate.low == pytest.approx(0.97 * 150)
    assert finding.severity == "warning"


def test_no_core_is_promised_twice() -> None:
    busy = replace(FULL, cpu_seconds={**FULL.cpu_seconds, "clickhouse": 80.0})
    assert workers.too_few(busy) is None
    two = replace(FULL, cores=2.0)
    finding = workers.too_few(two)
    assert finding is not None
    assert finding.changes[0].new == 2


@given(
    cores=st.integers(1, 64),
    count=st.integers(1, 64),
    used=st.floats(0.01, 1.0),
    offered=st.floats(1.0, 5000.0),
    others=st.floats(0.0, 100.0),
)
def test_more_workers_fit_the_cores_and_satisfy_their_own_rule(
    cores: int, count: int, used: float, offered: float, others: float
) -> None:
    evidence = replace(
        FULL,
        cores=float(cores),
        workers=count,
        cpu_seconds={"kato": used * 30 * count, "clickhouse": others},
        worker_cpu_seconds={str(number): used * 30 for number in range(count)},
        load=Load(offered=offered),
        knobs={"uvicorn.workers": count},
    )
    finding = workers.too_few(evidence)
    if finding is None:
        return
    (change,) = finding.changes
    assert count < change.new <= cores
    assert workers.too_few(change.expected(evidence)) is None
    for prediction in change.predicted:
        assert prediction.low <= prediction.high
        assert prediction.high > 0


def test_workers_beyond_the_cores_only_cost_memory() -> None:
    shipped = replace(FULL, cores=2.0, workers=4, knobs={"uvicorn.workers": 4}, rss_bytes={"kato": 960e6})
    enough = replace(shipped, cores=4.0)
    (change,) = keeps_contract(workers.too_many, shipped, enough).changes
    assert (change.old, change.new) == (4, 2)
    assert change.predicted[0].low == pytest.approx(0.8 * 480e6)


def test_the_limit_stays_below_the_session_pool() -> None:
    wide = replace(FULL, knobs={"uvicorn.limit_concurrency": 100})
    finding = keeps_contract(workers.limit_above_session_pool, wide, FULL)
    assert finding.severity == "warning"
    assert finding.changes[0].new == 40
    lost = replace(wide, counts=with_errors(lost_session=7).counts)
    crowded = replace(lost, load=Load(connections=96))
    # With fewer connections than the pool has, or where Redis evicted sessions, something else lost them.
    evicted = replace(crowded, redis=RedisUse(evicted_keys=9.0))
    for evidence, severity in ((crowded, "critical"), (lost, "warning"), (evicted, "warning")):
        found = workers.limit_above_session_pool(evidence)
        assert found is not None
        assert found.severity == severity


def test_refused_requests_raise_a_low_limit_only() -> None:
    low = replace(
        with_errors(overload=90),
        load=Load(connections=36),
        knobs={"uvicorn.limit_concurrency": 10, "uvicorn.workers": 1},
    )
    finding = keeps_contract(workers.refuse_requests, low, FULL)
    assert (finding.changes[0].old, finding.changes[0].new) == (10, 40)
    assert finding.changes[0].predicted[0].high == 0
    crowded = replace(low, load=Load(connections=80))
    for evidence in (with_errors(overload=90), crowded):
        without_change = workers.refuse_requests(evidence)
        assert without_change is not None
        assert not without_change.changes
