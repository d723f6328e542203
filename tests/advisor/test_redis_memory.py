"""How much memory Redis may use, against what it was seen to need."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis_runs import GB, MB, QUIET, run, using
from rule_contract import keeps_contract

from advisor.evidence import KeyFamily, Load
from advisor.rules import redis_memory, redis_safety
from advisor.rules.redis_memory import maxmemory_too_small

FULL = using(
    used_memory_bytes=8e6, bytes_per_observation=0.0, keys=8000.0, evicted_keys=6000.0, lost_meanwhile=6000.0
)
LOADED = Load(learned=5000, sessions=100)


def test_a_redis_that_evicted_gets_what_the_run_wrote() -> None:
    sick = replace(run(FULL, maxmemory=8 * MB, maxmemory_policy="allkeys-lru"), load=LOADED)
    finding = keeps_contract(maxmemory_too_small, sick, run())

    assert finding.severity == "warning"
    assert finding.sentence == (
        "Redis may use 8 MiB, and 6 000 keys were evicted. The data of this run need about 34.5 MiB, at 1000 "
        "B a key."
    )
    (change,) = finding.changes
    # 36 MB, and an hour of the 200 KB a second that found no room; a quarter is left.
    assert (change.knob, change.new, change.purpose) == ("redis.maxmemory", 1 * GB, "objective")
    predicted = {claim.metric: claim for claim in change.predicted}
    assert predicted["evicted_keys"].now == 6000
    assert predicted["evicted_keys"].high == 0
    assert predicted["time_until_full"].low == pytest.approx((GB - 36.15e6) / 200e3, rel=0.01)
    assert "refused_writes" not in predicted


def test_keys_lost_in_the_preload_are_no_growth() -> None:
    before = replace(FULL, evicted_keys=20_000.0, lost_meanwhile=0.0)
    finding = maxmemory_too_small(replace(run(before, maxmemory=8 * MB), load=LOADED))
    assert finding is not None
    (change,) = finding.changes
    assert change.new <= 128 * MB


def test_refused_writes_are_the_same_want() -> None:
    refused = replace(FULL, evicted_keys=0.0, refused_writes=700.0, lost_meanwhile=700.0)
    finding = keeps_contract(maxmemory_too_small, replace(run(refused, maxmemory=8 * MB), load=LOADED), run())
    assert "700 writes were refused" in finding.sentence
    assert [claim.metric for claim in finding.changes[0].predicted] == ["refused_writes", "time_until_full"]


def test_more_memory_and_no_eviction_are_wanted_together() -> None:
    """Without the memory, noeviction turns what was evicted into writes that fail."""
    sick = run(FULL, maxmemory=8 * MB, maxmemory_policy="allkeys-lru")
    policy, memory = redis_safety.keys_evicted(sick), maxmemory_too_small(sick)
    assert policy is not None
    assert memory is not None
    assert {policy.changes[0].knob, memory.changes[0].knob} == {"redis.maxmemory-policy", "redis.maxmemory"}
    still = maxmemory_too_small(policy.changes[0].expected(sick))
    assert still is not None
    assert still.changes[0].new == memory.changes[0].new
    both = memory.changes[0].expected(policy.changes[0].expected(sick))
    assert (
        maxmemory_too_small(both)
        is redis_safety.keys_evicted(both)
        is redis_safety.may_evict_patterns(both)
        is None
    )


def test_growth_without_end_is_seen_ahead() -> None:
    endless = run(using(bytes_per_observation=20e3), KATO_BENCH_STREAM_MAXLEN=None)
    finding = keeps_contract(maxmemory_too_small, endless, run(using(bytes_per_observation=20e3)))
    assert finding.severity == "advice"
    assert finding.sentence == (
        "Redis uses 32.4 MiB of 8 GiB and grows by 391 KiB a second: at this rate it is full in 5.9 hours."
    )
    # A day of it would want 64 GB; the machine has 24, of which Redis may hold three quarters.
    assert finding.changes[0].new == 18 * GB
    (claim,) = finding.changes[0].predicted
    assert claim.now == pytest.approx(21_387, rel=0.01)
    assert claim.low == pytest.approx(48_232, rel=0.01)


def test_streams_that_are_cut_are_no_growth_without_end() -> None:
    """Vectors make entries of 33 KiB: what fills the streams once is not what comes each hour."""
    filling = using(
        stream_entries=1200.0, stream_bytes=1200 * 33e3, stream_growth=600.0, bytes_per_observation=67e3
    )
    assert maxmemory_too_small(run(filling)) is None
    finding = maxmemory_too_small(run(filling, maxmemory=512 * MB))
    assert finding is not None
    assert finding.evidence["needed_bytes"] == pytest.approx(34e6 + 2 * 8800 * 33e3)
    assert finding.evidence["growth_bytes_per_second"] == 20e3
    assert finding.changes[0].new == GB
    assert maxmemory_too_small(run(filling, KATO_BENCH_STREAM_MAXLEN=0)) is not None


def test_a_machine_without_the_memory_gets_no_promise() -> None:
    small = replace(FULL, system_memory_bytes=40.0 * MB)
    finding = keeps_contract(maxmemory_too_small, replace(run(small, maxmemory=8 * MB), load=LOADED), run())
    assert finding.changes == ()
    # Nothing was lost yet, and nothing can be done here: the growth itself is another rule's matter.
    full = using(bytes_per_observation=20e3, system_memory_bytes=10.0 * GB)
    assert maxmemory_too_small(run(full, KATO_BENCH_STREAM_MAXLEN=None)) is None


def test_keys_have_the_size_that_was_sampled() -> None:
    families = {
        "prediction": KeyFamily(50, 0, 100e3),
        "frequency": KeyFamily(50, 50, 100.0),
        "stream": KeyFamily(1, 1, 9e9),
    }
    use = replace(FULL, families=families, stream_entries=10_000.0)
    finding = maxmemory_too_small(run(use, maxmemory=8 * MB))
    assert finding is not None
    assert finding.evidence["needed_bytes"] == 8e6 + 6000 * 50_050


@given(
    limit=st.integers(1, 1 << 12),
    evicted=st.floats(0, 1e7),
    refused=st.floats(0, 1e5),
    used=st.floats(1e6, 4e9),
    each=st.floats(0, 2e5),
    memory=st.none() | st.floats(64e6, 1e12),
)
def test_whatever_it_proposes_is_legal_larger_and_enough(
    limit: int, evicted: float, refused: float, used: float, each: float, memory: float | None
) -> None:
    use = using(
        evicted_keys=evicted,
        refused_writes=refused,
        used_memory_bytes=used,
        bytes_per_observation=each,
        system_memory_bytes=memory,
    )
    sick = run(use, maxmemory=limit * MB, KATO_BENCH_STREAM_MAXLEN=0)
    if maxmemory_too_small(sick) is None:
        return
    finding = keeps_contract(maxmemory_too_small, sick, run())
    for change in finding.changes:
        assert isinstance(change.new, int)
        assert change.new > limit * MB
        assert memory is None or change.new <= 0.75 * memory


def test_no_limit_is_worth_a_word_where_memory_may_run_out() -> None:
    unlimited = redis_memory.unlimited
    endless = run(using(bytes_per_observation=20e3), maxmemory=0)
    assert keeps_contract(unlimited, endless, run(maxmemory=0)).severity == "info"
    unmeasured = run(using(bytes_per_observation=None), maxmemory=0)
    keeps_contract(unlimited, unmeasured, run(using(container_limit_bytes=8e9), maxmemory=0))
    assert unlimited(run(maxmemory=None)) is None


def test_fragmentation_counts_from_a_ratio_and_from_bytes() -> None:
    torn = using(used_memory_bytes=400e6, fragmentation=1.6, wasted_bytes=240e6)
    finding = keeps_contract(redis_memory.fragmentation, run(torn), run())
    (change,) = finding.changes
    assert (change.knob, change.new) == ("redis.activedefrag", "yes")
    assert change.predicted[0].low == 1
    assert change.predicted[0].high == pytest.approx(1.262, rel=0.01)
    for less in (
        {"fragmentation": 1.3},
        {"used_memory_bytes": 5e6},
        {"wasted_bytes": 8e6},
        {"wasted_bytes": None},
    ):
        assert redis_memory.fragmentation(run(replace(torn, **less))) is None


def test_defragmentation_is_proposed_where_it_would_do_something() -> None:
    """Below 100 MiB the server leaves it alone, and a server without jemalloc does not name the switch."""
    torn = using(used_memory_bytes=100e6, fragmentation=1.6, wasted_bytes=60e6)
    assert keeps_contract(redis_memory.fragmentation, run(torn), run()).changes == ()
    big = replace(QUIET, used_memory_bytes=400e6, fragmentation=1.6, wasted_bytes=240e6)
    assert keeps_contract(redis_memory.fragmentation, run(big, activedefrag=None), run()).changes == ()


@pytest.mark.parametrize(
    ("held", "words", "severity"),
    [
        (8.0 * GB - 20e6, "50 seconds", "warning"),
        (8.0 * GB - 200e6, "8.3 minutes", "warning"),
        (4.0 * GB, "3 hours", "advice"),
    ],
)
def test_the_sooner_it_is_full_the_graver(held: float, words: str, severity: str) -> None:
    use = using(used_memory_bytes=held, bytes_per_observation=20e3)
    finding = maxmemory_too_small(run(use, KATO_BENCH_STREAM_MAXLEN=None))
    assert finding is not None
    assert finding.severity == severity
    assert finding.sentence.endswith(f"it is full in {words}.")
