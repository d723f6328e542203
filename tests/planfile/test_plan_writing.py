"""A plan that is written as TOML reads back as the same plan."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.courses import Ramp, Sine, Spike, Step
from bench.errors import UsageError
from bench.flags import RunFlags, make_plan
from bench.loadgen.catalogue import find
from bench.plan import Arrivals, CollectorsPlan, LoadersPlan, Part, Plan, SourcePlan, TargetPlan, load_of
from bench.planfile.reading import parse
from bench.planfile.writing import to_toml

DATA = {"nodes": 4, "sessions": 20, "patterns": 200, "events": 5, "symbols": 2}
NUMBERS = st.floats(0.001, 1e5)
RATES = st.floats(0, 1e5)
SECONDS = st.floats(0.1, 1e4)
SPACINGS = st.sampled_from(["poisson", "constant"])
COURSES = st.one_of(
    st.builds(Ramp, start=RATES, end=NUMBERS, spacing=SPACINGS),
    st.builds(Step, rates=st.lists(NUMBERS, min_size=1, max_size=4).map(tuple), spacing=SPACINGS),
    st.builds(
        Spike, base=st.floats(0, 10), peak=st.floats(11, 1e5), at=st.floats(0, 9), length=st.floats(0.1, 9)
    ),
    NUMBERS.flatmap(
        lambda mean: st.builds(Sine, mean=st.just(mean), amplitude=st.floats(0, mean), period=SECONDS)
    ),
)
OPEN = st.one_of(
    st.builds(Arrivals, kind=st.sampled_from(["poisson", "constant"]), rate=NUMBERS),
    COURSES.map(Arrivals.along),
)
CLOSED = st.builds(Arrivals, kind=st.just("closed"), users=st.integers(1, 20_000), think=st.floats(0, 1e3))
NAMES = st.none() | st.text(st.characters(codec="utf-8", categories=("L", "N", "P")), min_size=1, max_size=9)


def parts(arrivals: st.SearchStrategy[Arrivals]) -> st.SearchStrategy[list[Part]]:
    def stretch(phase: str, **size: int) -> st.SearchStrategy[list[Part]]:
        one = st.builds(Part, phase=st.just(phase), name=NAMES, seconds=st.floats(20, 1e4), arrivals=arrivals)
        return st.lists(one, **size)

    return st.builds(
        lambda before, measured: before + measured,
        stretch("warmup", max_size=2),
        stretch("measure", min_size=1, max_size=3),
    )


TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)
JSON = st.recursive(
    st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=5,
)
TARGETS = st.one_of(
    st.builds(
        TargetPlan,
        profile=st.sampled_from(["healthy", "shipped"]),
        knobs=st.just({}) | st.just({"redis.maxmemory": "67108864", "uvicorn.workers": "2"}),
        faults=st.just({}) | st.just({"cpu": "15%"}),
    ),
    st.builds(
        TargetPlan,
        kind=st.just("url"),
        url=st.just("http://127.0.0.1:8000"),
        stores=st.just({}) | st.just({"redis": "redis://127.0.0.1:6379"}),
    ),
    st.builds(
        TargetPlan,
        kind=st.just("source"),
        source=st.builds(
            SourcePlan,
            folder=st.just(str(Path(__file__).parents[1] / "source" / "checkout")),
            python=st.none() | st.just("/opt/kato/bin/python") | st.just("python3"),
            venv=st.booleans(),
        ),
        stores=st.just({}) | st.just({"qdrant": "http://127.0.0.1:6333"}),
        knobs=st.just({}) | st.just({"redis.maxmemory": "67108864", "env.NEW": "1"}),
    ),
)


LOADERS = st.one_of(
    st.just(LoadersPlan()),
    st.just(LoadersPlan(number=2)),
    st.builds(LoadersPlan, number=st.just(2), bind=st.just("127.0.0.1:5557"), wait=st.floats(1, 1e4)),
)


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    stretches = draw(parts(OPEN) | parts(CLOSED))
    arrivals, phases = load_of(stretches, draw(st.none() | st.floats(0, 3600)))
    return Plan(
        arrivals=arrivals,
        phases=phases,
        target=draw(TARGETS),
        data=DATA | draw(st.just({}) | st.just({"patterns": 7})),
        session=draw(
            st.dictionaries(
                st.from_regex(r"[a-z]{1,6}", fullmatch=True) | st.text(max_size=4), JSON, max_size=3
            )
        ),
        corpus=draw(st.none() | st.just("/tmp/a text; 'quoted' \\ \x7f.txt")),
        objectives=draw(st.just([]) | st.just(["p95(predict) < 50ms", "errors < 0.1%"])),
        connections=draw(st.none() | st.integers(1, 500)),
        timeout=draw(st.floats(0.001, 3600)),
        collectors=CollectorsPlan(interval=draw(st.just(1.0) | st.floats(1, 60))),
        loaders=draw(LOADERS) if (arrivals.users or 2) > 1 else LoadersPlan(),
        seed=draw(st.integers(min_value=0)),
        tags=draw(st.dictionaries(TEXT, TEXT, max_size=3)),
        keep_data=draw(st.booleans()),
        verify=draw(st.booleans()),
    )


@settings(deadline=None, max_examples=150)
@given(plans())
def test_a_written_plan_reads_back_as_itself(plan: Plan) -> None:
    text = to_toml(plan)
    again = make_plan(find("chat"), RunFlags(environment={}), parse(text, "plan.toml", Path("/elsewhere")))
    assert again == plan, text


def test_it_is_pleasant_to_read() -> None:
    arrivals, phases = load_of(
        [
            Part(phase="warmup", seconds=10, arrivals=Arrivals(rate=20)),
            Part(phase="measure", name="climb", seconds=90, arrivals=Arrivals.along(Ramp(start=20, end=200))),
        ]
    )
    plan = Plan(arrivals=arrivals, phases=phases, data=DATA, objectives=["errors < 1%"])
    assert to_toml(plan) == (
        'scenario = "chat"\nseed = 1\ntimeout = "30s"\nobjectives = [\n    "errors < 1%",\n]\n'
        '\n[target]\nprofile = "healthy"\n'
        "\n[data]\nnodes = 4\nsessions = 20\npatterns = 200\nevents = 5\nsymbols = 2\n"
        '\n[[phase]]\nphase = "warmup"\nduration = "10s"\npoisson = { rate = 20 }\n'
        '\n[[phase]]\nphase = "measure"\nname = "climb"\nduration = "90s"\nramp = { from = 20, to = 200 }\n'
    )


@pytest.mark.parametrize("value", [None, [1, None], {"a": {"b": None}}])
def test_what_toml_has_no_value_for_is_named(value: Any) -> None:
    plan = Plan(arrivals=Arrivals(rate=1), session={"x": value})
    with pytest.raises(UsageError, match="--session x=null"):
        to_toml(plan)
