"""Rules on Qdrant's graphs, from probes of recall."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rule_contract import keeps_contract

from advisor.evidence import Collection, Counts, Evidence, Load, QdrantUse
from advisor.recalled import recalled
from advisor.rules import hnsw
from bench.record.recall import RecallProbe
from bench.stats.quantiles import Estimate

EFS = (16, 32, 64, 128, 256, 512)
#: Found by a graph that is good enough at 64, and by one that never is.
GOOD = (0.80, 0.90, 0.985, 0.992, 0.996, 0.998)
THIN = (0.20, 0.30, 0.40, 0.50, 0.56, 0.62)


def probe(value: float, ef: int | None = None, **different: object) -> RecallProbe:
    made = RecallProbe(
        "vectors_n_kato",
        50_000,
        128,
        10,
        ef,
        False,
        Estimate(value, value - 0.004, min(1.0, value + 0.004), 300),
        # A search takes as long as it is wide.
        1e-4 + 1e-5 * (ef or 8),
        50_000,
    )
    return replace(made, **different)  # type: ignore[arg-type]


def run(
    now: float,
    sweep: tuple[float, ...] = GOOD,
    *,
    m: int = 16,
    ef: int = 8,
    target: float | None = 0.98,
    more: tuple[RecallProbe, ...] = (),
    seconds: float | None = None,
) -> Evidence:
    mine = probe(now) if seconds is None else probe(now, seconds_p50=seconds)
    swept = tuple(probe(found, width) for width, found in zip(EFS, sweep, strict=False))
    return Evidence(
        Counts(600, due=600, answered={"observe": 400}, service_p50={"observe": 0.012}),
        30.0,
        load=Load(recall_targets={10: target} if target else {}),
        qdrant=QdrantUse((Collection("vectors_n_kato", 50_000, 50_000),), 0.0, (mine, *swept, *more)),
        knobs={"qdrant.hnsw.m": m, "qdrant.hnsw.ef_construct": ef},
    )


WELL = run(0.99, ef=128)


def test_the_narrowest_search_that_is_sure_to_reach_the_target() -> None:
    finding = keeps_contract(hnsw.ef_too_low, run(0.7), WELL)

    (change,) = finding.changes
    assert (change.old, change.new, change.purpose) == (8, 64, "objective")
    (claim,) = change.predicted
    assert (claim.metric, claim.kind, claim.low) == ("recall@10", "at_least", pytest.approx(0.981))
    assert finding.severity == "warning"
    assert "recall@10 is 0.700 (0.696 to 0.704) over 300 queries on 50,000 vectors" in finding.sentence


def test_without_an_objective_the_usual_recall_is_aimed_at() -> None:
    finding = keeps_contract(hnsw.ef_too_low, run(0.7, target=None), run(0.955, target=None))
    assert finding.severity == "advice"
    assert finding.changes[0].new == 64  # 0.90 at 32, 0.985 at 64


def test_what_the_interval_leaves_open_is_left_open() -> None:
    assert hnsw.ef_too_low(run(0.978)) is None
    assert hnsw.ef_too_low(run(0.975)) is not None


def test_a_thin_graph_needs_links_not_only_wider_searches() -> None:
    finding = keeps_contract(hnsw.m_too_low, run(0.16, THIN, m=4), run(0.7, m=16))

    assert hnsw.ef_too_low(run(0.16, THIN, m=4)) is None
    by_knob = {change.knob: change for change in finding.changes}
    assert by_knob["qdrant.hnsw.m"].new == 16
    assert by_knob["qdrant.hnsw.ef_construct"].new == 128
    for change in finding.changes:
        # What the thin graph finds at that width already.
        assert change.predicted[0].low == pytest.approx(0.496)


def test_a_usual_graph_that_is_still_too_thin_gets_twice_the_links() -> None:
    finding = keeps_contract(hnsw.m_too_low, run(0.55, THIN, m=16, ef=256), WELL)
    (change,) = finding.changes
    assert (change.knob, change.old, change.new) == ("qdrant.hnsw.m", 16, 32)


def test_a_thin_graph_that_takes_a_very_wide_search_gets_links_too() -> None:
    late = (0.5, 0.6, 0.7, 0.8, 0.97, 0.99)
    assert hnsw.m_too_low(run(0.4, late, m=8)) is not None
    assert hnsw.ef_too_low(run(0.4, late, m=8)) is None
    # The usual number of links: then it is the width.
    assert hnsw.m_too_low(run(0.4, late, m=16)) is None
    found = hnsw.ef_too_low(run(0.4, late, m=16))
    assert found is not None
    assert found.changes[0].new == 512


def test_the_collection_that_finds_least_decides() -> None:
    other = {"collection": "vectors_other_kato"}
    worse = (
        probe(0.6, **other),
        *(probe(found - 0.1, ef, **other) for ef, found in zip(EFS, GOOD, strict=True)),
    )
    evidence = run(0.99, ef=128, more=worse)
    found = recalled(evidence)
    assert found is not None
    assert found.now.collection == "vectors_other_kato"
    assert [one.collection for one in found.sweep] == ["vectors_other_kato"] * 6
    finding = keeps_contract(hnsw.m_too_low, evidence, WELL)
    assert finding.evidence["collection"] == "vectors_other_kato"


def test_a_width_that_not_every_collection_was_probed_with_promises_nothing() -> None:
    other = probe(0.6, collection="vectors_other_kato")
    found = recalled(run(0.7, more=(other,)))
    assert found is not None
    assert found.sweep == ()


def test_wide_searches_that_find_no_more_cost_time() -> None:
    wide = run(0.998, ef=512, seconds=5.2e-3)
    finding = keeps_contract(hnsw.ef_needlessly_high, wide, WELL)
    (change,) = finding.changes
    assert (change.old, change.new, change.purpose) == (512, 128, "cost")
    recall, seconds = change.predicted
    assert recall.low == pytest.approx(0.981)
    assert seconds.high < seconds.now
    # What it saves is nothing beside the rest of an observation.
    slow = replace(wide, counts=replace(wide.counts, service_p50={"observe": 0.2}))
    assert hnsw.ef_needlessly_high(slow) is None


def test_quantisation_that_costs_recall() -> None:
    plain = probe(0.99, quantisation_ignored=True)
    rough = run(0.7, (), more=(plain,)).with_knob("kato.KATO_QUANTIZATION_ENABLED", True)
    finding = keeps_contract(hnsw.quantisation_costs_recall, rough, run(0.7, ()))
    assert finding.changes[0].new is False
    no_better = replace(plain, recall=Estimate(0.702, 0.69, 0.71, 300))
    assert hnsw.quantisation_costs_recall(run(0.7, (), more=(no_better,))) is None


@pytest.mark.parametrize(
    "rule",
    [hnsw.ef_too_low, hnsw.m_too_low, hnsw.ef_needlessly_high, hnsw.quantisation_costs_recall],
    ids=lambda rule: rule.id,
)
def test_nothing_is_said_of_a_graph_that_is_not_there(rule: object) -> None:
    for sick in (run(0.16, THIN, m=4), run(0.7), run(0.998, ef=512)):
        scanned = tuple(replace(one, indexed=0) for one in sick.qdrant.recall)
        assert rule(replace(sick, qdrant=replace(sick.qdrant, recall=scanned))) is None  # type: ignore[operator]
        assert rule(replace(sick, qdrant=replace(sick.qdrant, recall=()))) is None  # type: ignore[operator]


def test_small_collections_are_scanned() -> None:
    small = replace(WELL, qdrant=QdrantUse((Collection("vectors_n_kato", 900, 0),)))
    finding = keeps_contract(hnsw.not_in_use, small, WELL)
    assert finding.severity == "info"
    assert not finding.changes
    assert "0 of the largest one's 900 vectors are indexed" in finding.sentence


def test_a_collection_that_is_being_rebuilt() -> None:
    busy = replace(WELL, qdrant=replace(WELL.qdrant, optimising=0.4))
    finding = keeps_contract(hnsw.optimising, busy, WELL)
    assert finding.severity == "info"
    assert "40 %" in finding.sentence


@given(
    now=st.floats(0.01, 0.99),
    steps=st.lists(st.floats(0.0, 0.3), min_size=6, max_size=6),
    m=st.integers(2, 128),
    ef=st.integers(4, 1000),
    target=st.floats(0.5, 0.999),
)
def test_one_rule_at_most_speaks_of_too_little_and_its_wish_silences_it(
    now: float, steps: list[float], m: int, ef: int, target: float
) -> None:
    reached = now
    sweep = []
    for step in steps:
        reached = min(0.996, reached + step)
        sweep.append(reached)
    evidence = run(now, tuple(sweep), m=m, ef=ef, target=target)
    spoken = [one for rule in (hnsw.ef_too_low, hnsw.m_too_low) if (one := rule(evidence)) is not None]
    assert len(spoken) <= 1
    for finding in spoken:
        for change in finding.changes:
            assert change.new > change.old
            assert change.predicted[0].low >= now - 0.01
            assert all(rule(change.expected(evidence)) is None for rule in (hnsw.ef_too_low, hnsw.m_too_low))
