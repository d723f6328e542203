"""Growth against a deployment on paper whose costs are known."""

import math
from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from bench.capacity import laws
from bench.capacity.growth import GrowthOutcome, GrowthRuns, SizeOutcome, parse_bounds, parse_sizes
from bench.errors import UnreachableError, UsageError
from bench.stats.growth import Law
from bench.stats.quantiles import Estimate

SIZES = (100, 200, 500, 1000, 2000, 5000)
OPERATIONS = ("create", "observe", "predict", "clear")
BOUNDS = parse_bounds(["p95(predict)<300ms"], OPERATIONS)
PREDICT = Law("linear", 0.008, 6e-5, 1)


@dataclass
class Paper:
    """Predictions cost `law` seconds; a pattern takes 1 200 bytes of Redis and a session 2 000."""

    law: Law = PREDICT
    noise: float = 0.03
    seed: int = 0
    calls: list[tuple[int, int, float, float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._rng = np.random.default_rng(self.seed)

    def __call__(self, patterns: int, sessions: int, rate: float, seconds: float) -> SizeOutcome:
        self.calls.append((patterns, sessions, rate, seconds))
        n = int(0.45 * rate * seconds)
        return SizeOutcome(
            patterns,
            sessions,
            rate,
            seconds,
            statistics={
                "service p50(predict)": self._near(self.law(patterns), n, 6),
                "service p50(observe)": self._near(0.002, n, 6),
                "response p95(predict)": self._near(1.3 * self.law(patterns), n, 72),
            },
            requests={"observe": n, "predict": n, "clear": n // 5},
            slowest=self.law(patterns),
            learned={"redis": 1e6 + 1200 * patterns + 2000 * sessions},
            final={"redis": 1e6 + 1200 * patterns + 2000 * sessions + self._rng.normal(0, 3000)},
        )

    def _near(self, value: float, n: int, least: int) -> Estimate:
        if n < least:
            return Estimate(None, None, None, n)
        seen = value * math.exp(self._rng.normal(0, self.noise))
        return Estimate(seen, seen * (1 - 2 * self.noise), seen * (1 + 2 * self.noise), n)


def grow(
    paper: Paper, sizes: tuple[int, ...] = SIZES, rate: float = 10, sessions: int | None = 20
) -> GrowthOutcome:
    return GrowthRuns(sizes, BOUNDS, rate, sessions, paper).run()


@pytest.mark.parametrize("seed", range(8))
def test_the_break_is_predicted(seed: int) -> None:
    outcome = grow(Paper(seed=seed))
    (found,) = laws.breaks(outcome, BOUNDS)
    truth = PREDICT.reaches(0.3 / 1.3)
    assert found.sizes.value == pytest.approx(truth, rel=0.25)
    assert found.sizes.low <= found.sizes.value
    assert "breaks at about" in found.sentence


def test_requests_find_the_deployment_idle_at_every_size() -> None:
    paper = Paper()
    grow(paper)
    for patterns, _, rate, _ in paper.calls:
        assert rate * PREDICT(patterns) <= 0.5 + 1e-9
    assert [call[0] for call in paper.calls[:6]] == list(SIZES)


def test_a_first_rate_that_is_too_high_is_lowered() -> None:
    paper = Paper(Law("linear", 1.0, 1e-3, 1))
    outcome = grow(paper)
    assert [run.patterns for run in outcome.sizes] == list(SIZES)
    assert paper.calls[1][0] == SIZES[0]
    assert paper.calls[1][2] < 1


def test_bytes_per_pattern_and_session_are_slopes() -> None:
    slopes = {slope.metric: slope for slope in laws.memory(grow(Paper()), nodes=1)}
    assert slopes["Redis memory"].bytes.value == pytest.approx(1200, rel=0.01)
    sessions = slopes[laws.SESSION_METRIC]
    assert sessions.bytes.value == pytest.approx(2000, rel=0.1)
    assert len(sessions.points) == 3


def test_memory_that_bends_counts_by_its_largest_sizes() -> None:
    """An event stream that is full from 2 000 patterns on."""
    outcome = grow(Paper())
    outcome.sizes = [
        replace(run, learned={"redis": 1e6 + 1000 * run.patterns + 1400 * min(run.patterns, 2000)})
        for run in outcome.sizes
    ]
    slope = laws.memory(outcome, nodes=1)[0]
    assert (slope.bytes.value, slope.bytes.low, slope.bytes.high) == pytest.approx((1000, 1000, 2400))
    assert slope.base == pytest.approx(1e6 + 2.8e6)
    assert "not on a line" in slope.source


def test_patterns_count_over_all_nodes() -> None:
    slopes = {slope.metric: slope for slope in laws.memory(grow(Paper()), nodes=4)}
    assert slopes["Redis memory"].bytes.value == pytest.approx(300, rel=0.01)


def test_beyond_twice_the_largest_size_no_number_is_given() -> None:
    outcome = grow(Paper(Law("linear", 0.01, 1e-6, 1)))
    (found,) = laws.breaks(outcome, BOUNDS)
    assert found.sizes.value is None
    assert found.at_least == 5000
    assert ">= 5000" in found.sentence


def test_a_miss_that_was_measured_is_believed_before_any_law() -> None:
    """A flat law never reaches the bound, whatever the last size showed."""
    outcome = grow(Paper(Law("constant", 0.225, 0.0, 1), noise=0.005))
    last = outcome.sizes[-1]
    missed = Estimate(0.301, 0.298, 0.304, 99)
    late = replace(last, statistics={**last.statistics, "response p95(predict)": missed})
    (found,) = laws.breaks(replace(outcome, sizes=[*outcome.sizes[:-1], late]), BOUNDS)
    assert (found.sizes.low, found.sizes.value, found.sizes.high) == (2000, None, 5000)
    assert found.at_least is None
    assert "holds at 2000" in found.sentence
    assert "missed at 5000" in found.sentence


def test_what_is_missed_at_the_smallest_size_is_said() -> None:
    outcome = grow(Paper(Law("linear", 0.3, 1e-3, 1)))
    (found,) = laws.breaks(outcome, BOUNDS)
    assert (found.sizes.value, found.sizes.high) == (None, 100)


def test_an_interrupt_keeps_the_sizes_measured() -> None:
    paper = Paper()

    def measure(patterns: int, sessions: int, rate: float, seconds: float) -> SizeOutcome:
        if len(paper.calls) == 3:
            raise KeyboardInterrupt
        return paper(patterns, sessions, rate, seconds)

    outcome = GrowthRuns(SIZES, BOUNDS, 10, 20, measure).run()
    assert outcome.ended == "interrupted"
    assert [run.patterns for run in outcome.sizes] == [100, 200, 500]
    assert laws.series(outcome)[0].law is not None


def test_a_failure_keeps_the_sizes_measured() -> None:
    def measure(patterns: int, sessions: int, rate: float, seconds: float) -> SizeOutcome:
        raise UnreachableError("gone")

    outcome = GrowthRuns(SIZES, BOUNDS, 10, 20, measure).run()
    assert outcome.ended == "failed"
    assert isinstance(outcome.error, UnreachableError)
    (found,) = laws.breaks(outcome, BOUNDS)
    assert found.sizes.value is None
    assert "unknown" in found.sentence


def test_a_size_that_is_never_sound_is_left_out_and_named() -> None:
    paper = Paper()

    def measure(patterns: int, sessions: int, rate: float, seconds: float) -> SizeOutcome:
        outcome = paper(patterns, sessions, rate, seconds)
        if patterns != 500:
            return outcome
        return SizeOutcome(patterns, sessions, rate, seconds, level="unsound", reasons=("steal",))

    outcome = GrowthRuns(SIZES, BOUNDS, 10, None, measure).run()
    assert [run.patterns for run in outcome.sizes] == [100, 200, 1000, 2000, 5000]
    assert any("500 patterns" in note and "steal" in note for note in outcome.notes)
    assert any("no option for sessions" in note for note in outcome.notes)


@pytest.mark.parametrize(("unsound", "kept"), [(2, 3), (3, 2)])
def test_a_session_run_that_is_unsound_is_repeated_and_then_named(unsound: int, kept: int) -> None:
    paper, spoiled = Paper(), list[SizeOutcome]()

    def measure(patterns: int, sessions: int, rate: float, seconds: float) -> SizeOutcome:
        outcome = paper(patterns, sessions, rate, seconds)
        if sessions == 120 and len(spoiled) < unsound:
            spoiled.append(outcome)
            return replace(outcome, level="unsound", reasons=("steal",))
        return outcome

    outcome = GrowthRuns(SIZES, BOUNDS, 10, 20, measure).run()
    assert len(outcome.sessions) == kept
    assert any("120 sessions" in note and "steal" in note for note in outcome.notes) == (kept < 3)


def full_from(limit: int, **lost: float) -> tuple[Paper, GrowthOutcome]:
    """The outcome where Redis is full from so many patterns on, and holds no more than that."""
    paper = Paper()

    def measure(patterns: int, sessions: int, rate: float, seconds: float) -> SizeOutcome:
        outcome = paper(patterns, sessions, rate, seconds)
        if patterns < limit:
            return outcome
        return replace(outcome, learned={"redis": 1e6 + 1200 * limit}, **lost)  # type: ignore[arg-type]

    return paper, GrowthRuns(SIZES, BOUNDS, 10, 20, measure).run()


@pytest.mark.parametrize(
    ("lost", "said"),
    [
        ({"evicted": 2735.0}, "threw 2 735 keys away"),
        ({"refused": 12.0}, "refused 12 writes"),
        ({"evicted": 5.0, "refused": 12.0}, "threw 5 keys away and refused 12 writes"),
    ],
)
def test_sizes_at_which_redis_is_full_are_left_out_of_every_law(lost: dict[str, float], said: str) -> None:
    paper, outcome = full_from(2000, **lost)
    assert [run.patterns for run in outcome.sizes] == [100, 200, 500, 1000]
    (note,) = outcome.notes
    assert note == (
        f"2000 and 5000 patterns are left out: at 2000 Redis was full and {said}; raise redis.maxmemory to "
        "measure further."
    )
    slopes = {slope.metric: slope for slope in laws.memory(outcome, nodes=1)}
    assert slopes["Redis memory"].bytes.value == pytest.approx(1200, rel=0.01)
    assert all(len(series.values) == 4 for series in laws.series(outcome))
    # It is full at every larger size, and again on a second try.
    assert [call[0] for call in paper.calls].count(2000) == 1
    assert 5000 not in [call[0] for call in paper.calls]


def test_a_redis_that_is_full_from_the_start_tells_nothing() -> None:
    _, outcome = full_from(100, refused=3.0)
    assert outcome.sizes == outcome.sessions == []
    assert laws.memory(outcome, nodes=1) == []
    (note,) = outcome.notes
    assert note.startswith("100, 200, 500, 1000, 2000 and 5000 patterns are left out: at 100 Redis was full")


def test_sessions_that_fill_redis_are_left_out_of_what_a_session_costs() -> None:
    paper = Paper()

    def measure(patterns: int, sessions: int, rate: float, seconds: float) -> SizeOutcome:
        outcome = paper(patterns, sessions, rate, seconds)
        return replace(outcome, evicted=40.0) if sessions > 200 else outcome

    outcome = GrowthRuns(SIZES, BOUNDS, 10, 20, measure).run()
    assert [run.sessions for run in outcome.sessions] == [20, 120]
    (note,) = outcome.notes
    assert note == (
        "220 sessions are left out of what a session costs: Redis was full and threw 40 keys away; raise "
        "redis.maxmemory."
    )


@pytest.mark.parametrize(
    "text", ["", "abc", "100,200", "100,100,100", "0,10,20", "1.5,2,3", "1,2,99999999999"]
)
def test_wrong_sizes_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match="--sizes"):
        parse_sizes(text)


@pytest.mark.parametrize("text", ["errors<1%", "rate>3/s", "max<3s", "p95(predict)>3ms", "p95(learn)<3ms"])
def test_objectives_that_size_cannot_break_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match="objective"):
        parse_bounds([text], OPERATIONS)


def test_a_machine_that_is_busy_with_other_work_is_noted() -> None:
    def measure(patterns: int, sessions: int, rate: float, seconds: float) -> SizeOutcome:
        return replace(
            Paper()(patterns, sessions, rate, seconds), machine_busy=0.97 if patterns == 500 else 0.3
        )

    outcome = GrowthRuns(SIZES, BOUNDS, 10, 20, measure).run()
    (note,) = (note for note in outcome.notes if "busy" in note)
    assert note.startswith("At 500 patterns the machine was 97 % busy")


def test_a_break_whose_doubt_has_no_end_gets_no_number() -> None:
    """A cost that hardly grows, measured so roughly that most draws never reach the bound."""
    outcome = grow(Paper(Law("linear", 0.2, 4e-6, 1), noise=0.15))
    (found,) = laws.breaks(outcome, BOUNDS)
    assert found.sizes.value is None or found.sizes.high is None
    assert found.sentence
