"""Flags hold against the file."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer
from plan_texts import FULL, MEASURE, phase, plan_of

from bench.commands.capacity import growth_, search_
from bench.commands.gating import gate
from bench.commands.planning import plan_
from bench.commands.running import run
from bench.courses import Ramp
from bench.errors import UsageError
from bench.flags import RunFlags, target_plan
from bench.plan import Arrivals, LoadersPlan
from bench.planfile.reading import parse

CLOSED = phase("closed = { users = 3, think = 0.5 }")
STEADY = phase("constant = { rate = 8 }")
RAMP = phase("ramp = { from = 1, to = 9 }")
GATES_OWN = (
    "baseline candidate pairs max_pairs budget tolerance error_tolerance on_inconclusive junit markdown "
    "save_baseline"
)
TWO = phase(duration='"10s"', phase='"warmup"') + RAMP + phase(duration='"60s"')


@pytest.mark.parametrize(
    ("text", "flags", "arrivals"),
    [
        (MEASURE, {}, Arrivals(rate=40)),
        (MEASURE, {"rate": 5.0}, Arrivals(rate=5)),
        (STEADY, {"rate": 5.0}, Arrivals(kind="constant", rate=5)),
        (STEADY, {"arrivals": "poisson"}, Arrivals(rate=8)),
        (MEASURE, {"arrivals": "constant"}, Arrivals(kind="constant", rate=40)),
        (MEASURE, {"users": 4}, Arrivals(kind="closed", users=4)),
        (CLOSED, {"users": 4}, Arrivals(kind="closed", users=4, think=0.5)),
        (CLOSED, {"think": 2.0}, Arrivals(kind="closed", users=3, think=2)),
        (CLOSED, {"arrivals": "closed", "think": 0.0}, Arrivals(kind="closed", users=3)),
        (CLOSED, {"rate": 6.0}, Arrivals(rate=6)),
        (RAMP, {"rate": 6.0}, Arrivals(rate=6)),
        (RAMP, {"rate": 6.0, "arrivals": "constant"}, Arrivals(kind="constant", rate=6)),
        (RAMP, {}, Arrivals.along(Ramp(start=1, end=9))),
    ],
)
def test_the_load(text: str, flags: dict[str, Any], arrivals: Arrivals) -> None:
    plan = plan_of(text, **flags)
    assert plan.arrivals == arrivals
    assert bool(plan.phases.parts) == (arrivals.course is not None)


@pytest.mark.parametrize(
    ("text", "flags", "words"),
    [
        (RAMP, {"arrivals": "constant"}, "--arrivals constant needs --rate"),
        (RAMP, {"arrivals": "ramp", "rate": 4.0}, "a load that changes takes a plan file"),
        (MEASURE, {"think": 1.0}, "--think needs --users"),
        (MEASURE, {"users": 1, "rate": 1.0}, "exclude each other"),
        (RAMP, {"warmup": 5.0}, "--warmup 5: the plan has no warmup; add a \\[\\[phase\\]\\]"),
        (
            phase("spike = { base = 1, peak = 5, at = 20, for = 2 }"),
            {"duration": 10.0},
            "spike ends after 22",
        ),
        (FULL, {"target": "http://h", "set": ["redis.maxmemory=1gb"]}, "runs already"),
        (FULL, {"stores": {"redis": "redis://h"}}, "Redis is the one of --redis-url, which runs already"),
    ],
)
def test_what_does_not_go_together(text: str, flags: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        plan_of(text, **flags)


def test_lengths_are_shared_out_over_the_parts() -> None:
    plan = plan_of(TWO, duration=30.0, warmup=5.0)
    assert [(part.phase, part.seconds) for part in plan.phases.parts] == [
        ("warmup", 5),
        ("measure", 10),
        ("measure", 20),
    ]
    assert (plan.phases.warmup, plan.phases.measure) == (5, 30)
    without = plan_of(TWO, warmup=0.0)
    assert [part.phase for part in without.phases.parts] == ["measure", "measure"]
    assert without.phases.warmup == 0


def test_everything_else() -> None:
    plan = plan_of(
        FULL,
        seed=9,
        timeout=4.0,
        connections=3,
        objective=["max < 5s"],
        data=["patterns=7", "nodes=2"],
        session=["recall_threshold=0.1"],
        tag=["ticket=X", "a=b"],
        workers=1,
        set=["redis.maxmemory=1mb"],
        fault=["cpu=30%"],
        profile="healthy",
    )
    assert (plan.seed, plan.timeout, plan.connections, plan.objectives) == (9, 4.0, 3, ["max < 5s"])
    assert (plan.data["patterns"], plan.data["nodes"]) == (7, 2)
    assert plan.session == {"recall_threshold": 0.1, "filter_pipeline": ["jaccard"]}
    assert plan.tags == {"ticket": "X", "a": "b"}
    assert plan.target.profile == "healthy"
    assert plan.target.knobs == {"redis.maxmemory": "1048576", "qdrant.hnsw.m": "32", "uvicorn.workers": "1"}
    assert plan.target.faults["cpu"] == "30%"


def test_who_loads() -> None:
    two = MEASURE + "[loaders]\nprocesses = 2\n"
    assert plan_of(two).loaders == LoadersPlan(number=2)
    assert plan_of(two, processes=1).loaders == LoadersPlan()
    workers = MEASURE + "[loaders]\nexpect_workers = 3\nmaster_bind = '127.0.0.1:6000'\n"
    assert plan_of(workers).loaders == LoadersPlan(number=3, bind="127.0.0.1:6000")
    assert plan_of(workers, worker_wait=5.0).loaders.wait == 5
    assert plan_of(workers, processes=2).loaders == LoadersPlan(number=2)


def test_another_target_replaces_the_files() -> None:
    assert plan_of(FULL, target="http://h").target.knobs == {}
    running = MEASURE + "[target]\nurl = 'http://h'\n[target.stores]\nredis = 'redis://h'\n"
    plan = plan_of(running, stores={"qdrant": "http://q"})
    assert (plan.target.url, plan.target.stores) == (
        "http://h",
        {"redis": "redis://h", "qdrant": "http://q"},
    )
    assert plan_of(running, target="embedded").target.kind == "embedded"


def test_compose_files_lie_beside_the_plan_file(tmp_path: Path) -> None:
    (tmp_path / "a.yml").write_text("services: {one: {image: kato}, two: {image: kato}}")
    path = tmp_path / "plan.toml"
    text = MEASURE + "[target]\ncompose = ['a.yml']\nservice = 'two'\nstores.redis = 'redis://h'\n"
    file = parse(text, str(path), tmp_path)
    assert file.target is not None
    assert file.target.where == f"compose:{tmp_path}/a.yml#two"
    assert file.target.stores == {"redis": "redis://h"}
    with pytest.raises(UsageError, match=r"plan\.toml, line 6: .*a\.yml may be KATO, one and two: name one"):
        parse(MEASURE + "[target]\ncompose = ['a.yml']\n", str(path), tmp_path)
    with pytest.raises(
        UsageError, match=r"line 7: workers shapes the embedded target; a KATO given by compose"
    ):
        parse(MEASURE + "[target]\ncompose = ['a.yml']\nworkers = 2\nservice = 'two'\n", str(path), tmp_path)


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("compose:", "write compose:FILE, compose:FILE,FILE or compose:FILE#SERVICE"),
        ("compose:a.yml,,b.yml", "write compose:FILE"),
        ("compose:a.yml#", "write compose:FILE"),
        ("compose:none.yml", "There is no Compose file"),
        ("compose:{}/a.yml#three", "a.yml has no service three: it has kato"),
        ("compose:{}/b.yml", "b.yml, line 2: this is not YAML"),
        ("compose:{}", "has no Compose file: name it"),
        ("compose:{}/with,comma.yml", "There is no Compose file"),
        ("compose:{}/a,b", "There is no Compose file"),
    ],
)
def test_a_compose_target_that_is_refused(tmp_path: Path, target: str, words: str) -> None:
    (tmp_path / "a.yml").write_text("services: {kato: {image: kato}}")
    (tmp_path / "b.yml").write_text("services:\n\tkato: {}")
    with pytest.raises(UsageError) as caught:
        target_plan(RunFlags(target=target.format(tmp_path)))
    assert words in str(caught.value)


def test_a_compose_target_runs_already(tmp_path: Path) -> None:
    (tmp_path / "docker-compose.yml").write_text("services: {kato: {image: kato, scale: $REPLICAS}}")
    flags = RunFlags(target=f"compose:{tmp_path}", environment={"REPLICAS": "2"})
    assert target_plan(flags).where == f"compose:{tmp_path}/docker-compose.yml"
    with pytest.raises(UsageError, match="a target given by Compose files runs already"):
        target_plan(RunFlags(target=f"compose:{tmp_path}", workers=2, environment={"REPLICAS": "2"}))
    (tmp_path / "a,b.yml").write_text("services: {kato: {image: kato}}")
    with pytest.raises(UsageError, match="a comma or # in a path"):
        parse(MEASURE + "[target]\ncompose = ['a,b.yml']\n", "plan.toml", tmp_path)


def test_another_scenario_has_other_options() -> None:
    with pytest.raises(UsageError, match=r"plan\.toml, line 6: patterns: this scenario has no such option"):
        plan_of(MEASURE + "[data]\npatterns = 4\n", scenario="train")
    assert plan_of(MEASURE + "[data]\nnodes = 2\n", scenario="train").data["nodes"] == 2


@pytest.mark.parametrize(
    ("command", "does", "others"),
    [
        (run, "bench.running.run_plan", "plan scenario out json_"),
        (plan_, "bench.previewing.show_plan", "plan scenario toml json_"),
        (search_, "bench.sizing.search", "scenario max_rate trial width budget confirm out json_"),
        (growth_, "bench.sizing.growth", "scenario sizes out json_"),
        (gate, "bench.gating.gate", f"{GATES_OWN} scenario out json_"),
    ],
)
def test_every_flag_arrives(
    command: Callable[..., None], does: str, others: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All but those of the command's own are flags of a run."""
    handed: list[object] = []
    monkeypatch.setattr(does, lambda *arguments, **_: handed.extend(arguments))
    given = {name: object() for name in inspect.signature(command).parameters}
    with pytest.raises(typer.Exit):
        command(**given)
    (flags,) = (one for one in handed if isinstance(one, RunFlags))
    for name in given.keys() - set(others.split()):
        store = name.removesuffix("_url")
        arrived = getattr(flags, name.removesuffix("_")) if store == name else flags.stores[store]
        assert arrived is given[name], name


def test_plan_takes_every_flag_of_run() -> None:
    """What a run would do can be asked with the very flags that it will get."""
    taken, previewed = (inspect.signature(command).parameters for command in (run, plan_))
    assert taken.keys() - {"out"} == previewed.keys() - {"toml"}
    assert all(previewed[name].annotation == taken[name].annotation for name in taken if name != "out")
