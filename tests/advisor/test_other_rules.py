"""Rules on the spread of the load, on KATO's memory, and on ClickHouse."""

from __future__ import annotations

from dataclasses import replace

import pytest
from rule_contract import keeps_contract

from advisor.evidence import AskedAgain, ClickHouseUse, Counts, Evidence, Load
from advisor.rules import answers, clickhouse, kato_memory, spread

EVEN = Evidence(
    Counts(3000, due=3000, answered={"learn": 1000}),
    30.0,
    cores=4.0,
    workers=3,
    worker_cpu_seconds={"10": 0.1, "11": 24.0, "12": 23.0, "13": 22.0},
    rss_growth_bytes={"kato": 2e6},
    load=Load(connections=72),
    clickhouse=ClickHouseUse(parts_in_partition=300.0),
    knobs={"kato.KATO_USE_INDEXING": True},
)


def spread_over(*seconds: float) -> Evidence:
    return replace(EVEN, worker_cpu_seconds={str(number): used for number, used in enumerate(seconds)})


@pytest.mark.parametrize("well", [EVEN, spread_over(0.1, 20, 1, 1), spread_over(0.1, 27, 14, 14)])
def test_one_busy_worker_among_idle_ones(well: Evidence) -> None:
    finding = keeps_contract(spread.unevenly_loaded, spread_over(0.1, 27, 13, 13), well)
    assert finding.severity == "advice"
    assert "used 0.9 core, the others 0.43 core each over at most 72 connections" in finding.sentence


def test_a_single_worker_and_workers_that_are_not_seen_say_nothing() -> None:
    assert spread.unevenly_loaded(replace(EVEN, workers=1, worker_cpu_seconds={"1": 29.0})) is None
    assert spread.unevenly_loaded(replace(EVEN, worker_cpu_seconds={"1": 29.0, "2": 1.0})) is None


def test_an_index_that_nothing_reads() -> None:
    growing = replace(EVEN, rss_growth_bytes={"kato": 7.2e6})
    finding = keeps_contract(kato_memory.indexes_in_memory, growing, EVEN)
    (change,) = finding.changes
    (claim,) = change.predicted
    assert (claim.now, claim.low, claim.high) == pytest.approx((7200, 900, 4500))
    assert kato_memory.indexes_in_memory(growing.with_knob("kato.KATO_USE_INDEXING", None)) is None
    few = replace(growing, counts=replace(growing.counts, answered={"learn": 299}))
    assert kato_memory.indexes_in_memory(few) is None


@pytest.mark.parametrize(("parts", "severity"), [(301.0, "advice"), (500.0, "advice"), (501.0, "warning")])
def test_parts_that_pile_up(parts: float, severity: str) -> None:
    many = replace(EVEN, clickhouse=ClickHouseUse(parts_in_partition=parts))
    assert keeps_contract(clickhouse.parts_pile_up, many, EVEN).severity == severity


def test_answers_that_are_others_under_load() -> None:
    well = replace(EVEN, asked_again=AskedAgain(50))
    wrong = replace(EVEN, asked_again=AskedAgain(50, 2, "predictions[a].potential was 1 under load"))
    finding = keeps_contract(answers.wrong_answers, wrong, well)
    assert finding.severity == "critical"
    assert finding.sentence == (
        "Of 50 predictions that were asked again as one user, 2 were others under load. The first: "
        "predictions[a].potential was 1 under load."
    )
    assert answers.wrong_answers(EVEN) is None
