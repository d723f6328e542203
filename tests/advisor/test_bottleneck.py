"""Both sides of every threshold of the verdict on the binding resource."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.bottleneck import ID, LEAST_REQUESTS, binding_resource, rank
from advisor.evidence import Counts, Evidence, RedisUse
from advisor.findings import Finding


def run(
    *,
    kato: float | None = 1.0,
    workers: int | None = 1,
    cores: float | None = 4.0,
    requests: int = 200,
    backlog: bool | None = False,
    others: Mapping[str, float] | None = None,
    **more: object,
) -> Evidence:
    """Ten seconds of 20 requests/s."""
    cpu = {"kato": kato} if kato is not None else {}
    evidence = Evidence(
        Counts(requests, backlog_grows=backlog),
        10.0,
        cores=cores,
        workers=workers,
        cpu_seconds={**cpu, **(others or {})},
    )
    return replace(evidence, **more)  # type: ignore[arg-type]


def verdict(finding: Finding) -> tuple[object, object, str]:
    assert finding.id == ID
    return finding.evidence["verdict"], finding.evidence.get("resource"), finding.severity


STALLED = {"stalls": {"cpu_some": 0.20}}


@pytest.mark.parametrize(
    ("evidence", "expected"),
    [
        (run(kato=6.9), ("none", "kato", "info")),
        (run(kato=7.0), ("likely", "kato", "advice")),
        (run(kato=8.4, backlog=True), ("likely", "kato", "advice")),
        (run(kato=8.5, backlog=False), ("likely", "kato", "advice")),
        (run(kato=8.5, backlog=None), ("likely", "kato", "advice")),
        (run(kato=8.5, backlog=True), ("confirmed", "kato", "warning")),
        (run(kato=8.5, **STALLED), ("confirmed", "kato", "warning")),
        (run(kato=8.5, stalls={"cpu_some": 0.19}), ("likely", "kato", "advice")),
        (run(kato=8.5, run_delay_seconds={"kato": 2.0}), ("confirmed", "kato", "warning")),
        (run(kato=8.5, run_delay_seconds={"kato": 1.9}), ("likely", "kato", "advice")),
        (run(kato=17, workers=2, run_delay_seconds={"kato": 3.9}), ("likely", "kato", "advice")),
        (run(kato=8.5, stalls={"memory_full": 0.01}), ("confirmed", "kato", "warning")),
        (run(kato=8.5, stalls={"memory_full": 0.009, "io_full": 0.049}), ("likely", "kato", "advice")),
        (run(kato=8.5, stalls={"io_full": 0.05}), ("confirmed", "kato", "warning")),
        # Nothing is busy, and yet requests queue up: not the CPU.
        (run(kato=6.9, backlog=True), ("unknown", "kato", "warning")),
        # Too little to tell.
        (run(kato=9.0, requests=LEAST_REQUESTS - 1), ("unknown", None, "info")),
        (run(kato=9.0, requests=LEAST_REQUESTS), ("likely", "kato", "advice")),
        (run(requests=0), ("unknown", None, "info")),
        # KATO cannot be seen.
        (run(kato=None), ("unknown", None, "info")),
        (run(workers=None), ("unknown", None, "info")),
        (run(kato=None, others={"redis": 1.0}), ("unknown", None, "info")),
        (run(kato=None, others={"redis": 9.0}), ("likely", "redis", "advice")),
        # Another part binds.
        (run(kato=2.0, others={"redis": 7.0}), ("likely", "redis", "advice")),
        (run(kato=2.0, others={"clickhouse": 27.9}), ("likely", "machine", "advice")),
        (run(kato=None, others={"qdrant": 28.0}), ("likely", "qdrant", "advice")),
        (run(kato=20.0, workers=4, others={"clickhouse": 14.0}), ("likely", "machine", "advice")),
        # One worker is full while the others are not.
        (run(kato=12.0, workers=4, worker_cpu_seconds={"1": 8.5, "2": 3.5}), ("likely", "kato", "advice")),
        (
            run(kato=12.0, workers=4, worker_cpu_seconds={"1": 8.5, "2": 3.5}, **STALLED),
            ("confirmed", "kato", "warning"),
        ),
        (run(kato=12.0, workers=4, worker_cpu_seconds={"1": 8.4, "2": 3.6}), ("none", "kato", "info")),
        # The machine is full of other work.
        (run(kato=6.0, machine_busy=0.85), ("unknown", None, "info")),
        (run(kato=6.0, machine_busy=0.85, backlog=True), ("unknown", None, "warning")),
        (run(kato=6.0, machine_busy=0.84), ("none", "kato", "info")),
        (run(kato=8.0, machine_busy=0.99), ("likely", "kato", "advice")),
    ],
)
def test_verdicts(evidence: Evidence, expected: tuple[object, object, str]) -> None:
    assert verdict(binding_resource(evidence)) == expected


def test_the_sentence_when_nothing_binds() -> None:
    finding = binding_resource(run(kato=1.22, own_cpu_seconds={"load-0": 2.0, "recorder": 1.0}))

    assert finding.sentence == (
        "Nothing binds at 20 requests/s; KATO's worker would bind first, at about 164 requests/s, if a "
        "request keeps costing 6.1 ms of CPU time there (0.12 of 1 core used now). kato-bench itself used "
        "0.3 core, not counted here."
    )


def test_the_sentence_when_something_binds() -> None:
    finding = binding_resource(run(kato=9.7, backlog=True, **STALLED))

    assert finding.sentence == (
        "The binding resource is KATO's worker: 0.97 of 1 core used, and requests came faster than they were "
        "answered, and tasks waited for a CPU 20 % of the time. The ceiling is about 20.6 requests/s, if a "
        "request keeps costing 48.5 ms of CPU time there."
    )


def test_the_sentence_when_no_cpu_is_short() -> None:
    assert binding_resource(run(kato=1.0, backlog=True)).sentence == (
        "What binds is unknown: requests came faster than they were answered, but no CPU is short (0.1 of 1 "
        "core used). They wait for something else: a lock, a connection, or the answer of a part."
    )


def test_demands_follow_the_utilisation_law() -> None:
    evidence = run(
        kato=4.0,
        workers=2,
        others={"redis": 2.0, "qdrant": 1.0, "clickhouse": 8.0},
        redis=RedisUse(main_thread_cpu_seconds=1.5),
    )
    ranked = {demand.resource: demand for demand in rank(evidence)}

    assert {name: round(demand.demand, 6) for name, demand in ranked.items()} == {
        "kato": 0.02,
        "redis": 0.0075,
        "qdrant": 0.005,
        "clickhouse": 0.04,
        "machine": 0.075,
    }
    assert {name: demand.capacity for name, demand in ranked.items()} == {
        "kato": 2,
        "redis": 1,
        "qdrant": 4,
        "clickhouse": 4,
        "machine": 4,
    }
    assert ranked["kato"].ceiling == pytest.approx(100)
    assert rank(evidence)[0].resource == "machine"


@pytest.mark.parametrize(
    ("workers", "cores", "kato", "capacity"),
    [
        (2, 4.0, 5.0, 2.0),
        (2, 4.0, 20.0, 2.0),
        (2, 4.0, 20.1, 4.0),  # more than a core a worker: it works in processes of its own
        (8, 4.0, 5.0, 4.0),  # more workers than cores
        (2, 1.5, 5.0, 1.5),  # a CPU limit
        (2, None, 5.0, 2.0),
    ],
)
def test_what_kato_can_use(workers: int, cores: float | None, kato: float, capacity: float) -> None:
    ranked = rank(run(kato=kato, workers=workers, cores=cores))
    assert next(demand.capacity for demand in ranked if demand.resource == "kato") == capacity


@given(
    cpu=st.fixed_dictionaries(
        {part: st.floats(0.001, 100) for part in ("kato", "redis", "qdrant", "clickhouse")}
    ),
    workers=st.integers(1, 32),
    cores=st.floats(0.5, 64),
    requests=st.integers(1, 10**6),
)
def test_the_first_in_rank_is_the_ceiling_of_all(
    cpu: dict[str, float], workers: int, cores: float, requests: int
) -> None:
    evidence = Evidence(Counts(requests), 10.0, cores=cores, workers=workers, cpu_seconds=cpu)
    ranked = rank(evidence)

    assert ranked[0].ceiling == min(demand.ceiling for demand in ranked)
    assert ranked[0].utilisation == max(demand.utilisation for demand in ranked)
    for demand in ranked:
        # At its ceiling a resource uses exactly what it can use: U = X D.
        assert demand.ceiling * demand.demand == pytest.approx(demand.capacity)
        assert demand.used == pytest.approx(evidence.throughput * demand.demand)
