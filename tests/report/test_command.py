"""The command of a report makes the plan of its run again."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

import bench.running
from bench.cli import app
from bench.courses import Ramp
from bench.flags import RunFlags, make_plan
from bench.loadgen.catalogue import find
from bench.plan import (
    Arrivals,
    CollectorsPlan,
    ComposePlan,
    LoadersPlan,
    Part,
    Phases,
    Plan,
    SourcePlan,
    TargetPlan,
    load_of,
)
from bench.previewing import plan_from
from bench.report.command import arguments, command_line, with_changes

DATA = {"nodes": 4, "sessions": 20, "patterns": 200, "events": 5, "symbols": 2}
EVERYTHING = Plan(
    scenario="chat",
    arrivals=Arrivals(kind="constant", rate=12.5),
    phases=Phases(warmup=0, measure=1.5),
    target=TargetPlan(
        profile="shipped",
        knobs={"redis.maxmemory": "67108864", "uvicorn.workers": "2"},
        faults={"cpu": "15%"},
    ),
    data={**DATA, "patterns": 7},
    session={"recall_threshold": 0.5, "stm_mode": "ROLLING", "filter_pipeline": ["length"], "word": "true"},
    corpus="/tmp/a text; with 'quotes'.txt",
    objectives=["p95(predict) < 50ms", "errors < 0.1%"],
    connections=9,
    loaders=LoadersPlan(number=2),
    timeout=2.25,
    seed=77,
    tags={"commit": "abc", "note": "$(rm -rf ~) `x` \"y\" 'z' \\"},
    keep_data=True,
    verify=True,
)
CLOSED = Plan(arrivals=Arrivals(kind="closed", users=3, think=0.5), data=DATA)
URL = Plan(
    arrivals=Arrivals(rate=40.0),
    loaders=LoadersPlan(number=2, bind="127.0.0.1:5557", wait=9.5),
    data=DATA,
    target=TargetPlan(
        kind="url",
        url="http://127.0.0.1:8000",
        stores={"redis": "redis://127.0.0.1:6379", "qdrant": "http://[::1]:6333"},
    ),
)
CHECKOUT = Path(__file__).parents[1] / "source" / "checkout"
SOURCE = Plan(
    arrivals=Arrivals(rate=40.0),
    data=DATA,
    target=TargetPlan(
        kind="source",
        source=SourcePlan(folder=str(CHECKOUT), python="python3", venv=True),
        stores={"redis": "redis://127.0.0.1:6379"},
        knobs={"kato.RECALL_THRESHOLD": "0.5"},
    ),
)
_RAMP, _PHASES = load_of(
    [
        Part(phase="warmup", seconds=5, arrivals=Arrivals(rate=2)),
        Part(phase="measure", name="it's up", seconds=9, arrivals=Arrivals.along(Ramp(start=2, end=8))),
    ]
)
#: Flags cannot tell it.
IN_A_FILE = EVERYTHING.model_copy(
    update={
        "arrivals": _RAMP,
        "phases": _PHASES,
        "collectors": CollectorsPlan(interval=2),
        "loaders": LoadersPlan(number=3, bind="127.0.0.1:5557", wait=20),
        "session": {**EVERYTHING.session, "nothing": None},
        "tags": {"a": "PLAN", "PLAN": "$x"},
    }
)


def parsed(words: list[str], monkeypatch: pytest.MonkeyPatch, stdin: str | None = None) -> Plan:
    """The plan that the real command line makes of these words."""
    plans: list[Plan] = []

    def take(scenario: str | None, flags: RunFlags, *_: object, plan: str | None = None, **__: object) -> int:
        plans.append(plan_from(scenario, flags, plan))
        return 0

    monkeypatch.setattr(bench.running, "run_plan", take)
    monkeypatch.setattr("os.environ", {})
    result = CliRunner().invoke(app, words[1:], input=stdin, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return plans[0]


def shell_words(line: str) -> list[str]:
    """What a POSIX shell makes of a command line."""
    script = 'kato-bench() { for word in kato-bench "$@"; do printf "%s\\0" "$word"; done; }\n' + line
    # Only bash allows a hyphen in a function's name.
    output = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True).stdout
    return output.split("\0")[:-1]


@pytest.mark.parametrize(
    "plan", [EVERYTHING, CLOSED, URL, SOURCE], ids=["everything", "closed", "url", "source"]
)
def test_the_command_makes_an_equal_plan(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    assert parsed(arguments(plan), monkeypatch) == plan


@pytest.mark.parametrize("in_a_file", [False, True])
@pytest.mark.parametrize("service", [None, "kato-2"])
def test_the_command_of_a_compose_target(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, service: str | None, in_a_file: bool
) -> None:
    files = (str(tmp_path / "it's.yml"), str(tmp_path / "b.yml"))
    for file in files:
        Path(file).write_text("services: {kato: {image: kato, ports: ['8000:8000']}, kato-2: {image: x}}")
    stores = {"redis": "redis://127.0.0.1:6379"}
    target = TargetPlan(kind="compose", compose=ComposePlan(files=files, service=service), stores=stores)
    drain = Phases().drain + in_a_file
    plan = URL.model_copy(update={"target": target, "phases": Phases(drain=drain)})
    line = command_line(plan)
    assert ("<<" in line) == in_a_file
    words = shlex.split(line.partition("<<")[0]) if in_a_file else arguments(plan)
    assert parsed(words, monkeypatch, heredoc(line) if in_a_file else None) == plan


def test_every_part_of_a_plan_differs_from_its_default_in_these_tests() -> None:
    """A part that is added to the plan must be added here, and so to the command."""
    plain = Plan(arrivals=Arrivals(rate=40.0))
    for name in Plan.model_fields:
        if name not in ("scenario", "collectors"):
            assert getattr(EVERYTHING, name) != getattr(plain, name), name
        if name != "scenario":
            assert getattr(IN_A_FILE, name) != getattr(plain, name), name
    compose = TargetPlan(kind="compose", compose=ComposePlan(files=("/a.yml",)))
    targets = (EVERYTHING.target, URL.target, SOURCE.target, compose)
    seen = {name for target in targets for name in target.model_fields_set}
    assert seen == set(TargetPlan.model_fields)


def test_a_plan_that_flags_cannot_tell_is_the_commands_input(monkeypatch: pytest.MonkeyPatch) -> None:
    line = command_line(IN_A_FILE)
    words = shlex.split(line.partition("<<")[0])
    assert parsed(words, monkeypatch, heredoc(line)) == IN_A_FILE


def heredoc(line: str) -> str:
    """What a POSIX shell gives the command as its input."""
    script = "kato-bench() { cat; }\n" + line
    return subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize(
    "plan", [EVERYTHING, CLOSED, URL, SOURCE], ids=["everything", "closed", "url", "source"]
)
def test_a_shell_reads_the_line_as_the_words(plan: Plan) -> None:
    line = command_line(plan)
    assert shell_words(line) == arguments(plan)
    assert all(len(part) <= 95 for part in line.splitlines())


# The first one imports what the others have.
@settings(deadline=None)
@given(
    tags=st.dictionaries(
        st.from_regex(r"[a-z_]{1,8}", fullmatch=True),
        st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=30),
        max_size=3,
    ),
    rate=st.floats(1e-3, 1e5),
    session=st.dictionaries(
        st.from_regex(r"[a-z_]{1,8}", fullmatch=True),
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(max_size=8),
        max_size=3,
    ),
)
def test_whatever_is_in_a_plan_comes_back(
    tags: dict[str, str], rate: float, session: dict[str, object]
) -> None:
    plan = Plan(arrivals=Arrivals(rate=rate), data=DATA, tags=tags, session=session)
    words = iter(arguments(plan)[2:])
    given = {flag: [] for flag in ("--tag", "--session", "--rate")}
    for flag in words:
        value = next(words)
        if flag in given:
            given[flag].append(value)
    flags = RunFlags(
        rate=float(given["--rate"][0]), tag=given["--tag"], session=given["--session"], environment={}
    )
    again = make_plan(find("chat"), flags)
    assert (again.arrivals, again.tags, again.session) == (plan.arrivals, plan.tags, plan.session)


def test_the_changes_of_an_advice_replace_what_the_run_had() -> None:
    target = TargetPlan(knobs={"redis.maxmemory-policy": "allkeys-lru", "qdrant.hnsw.m": "4"})
    plan = Plan(arrivals=Arrivals(rate=40.0), data=DATA, target=target, session={"max_predictions": 10})
    wanted = "--set redis.maxmemory-policy=noeviction\n--session 'filter_pipeline=[\"jaccard\"]'\n"
    changed = with_changes(plan, wanted)
    assert changed.target.knobs == {"redis.maxmemory-policy": "noeviction", "qdrant.hnsw.m": "4"}
    assert changed.session == {"max_predictions": 10, "filter_pipeline": ["jaccard"]}
    assert "--set redis.maxmemory-policy=noeviction" in command_line(changed)
    with pytest.raises(ValueError, match="--rate"):
        with_changes(plan, "--rate 3")


def test_a_checkout_is_asked_for_nothing_that_it_has_not() -> None:
    wanted = (
        "--set kato.KATO_BENCH_STREAM_MAXLEN=10000\n--set redis.maxmemory=1073741824\n"
        "--set kato.KATO_USE_INDEXING=false\n"
    )
    changed = with_changes(SOURCE, wanted)
    assert changed.target.knobs == {"kato.RECALL_THRESHOLD": "0.5", "kato.KATO_USE_INDEXING": "false"}
