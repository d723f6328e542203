"""From flags and plan files to the plan of a checkout, and what does not go together."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from bench.errors import UsageError
from bench.flags import RunFlags, make_plan, target_plan
from bench.loadgen.catalogue import find
from bench.plan import Plan, SourcePlan, TargetPlan
from bench.planfile.reading import parse
from bench.record.manifest import plan_hash
from bench.report.model import plan_line
from bench.sides import parse as side

MEASURE = '[[phase]]\nphase = "measure"\nduration = "30s"\npoisson = { rate = 40 }\n'
CI = {"GITHUB_SHA": "f" * 40}


def plan_of(**flags: Any) -> Plan:
    return make_plan(find("chat"), RunFlags(environment=CI, **flags))


def test_flags(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(checkout.parent)
    target = plan_of(
        kato_source=Path(checkout.name),
        kato_python="env/bin/python",
        workers=2,
        profile="shipped",
        set=["RECALL_THRESHOLD=0.1", "env.NEW=a b", "redis.maxmemory=1gb", "qdrant.hnsw.m=4"],
        fault=["slow-redis", "kill-kato-worker=3s"],
        stores={"clickhouse": "http://127.0.0.1:8123"},
    ).target
    assert target.kind == "source"
    assert target.source == SourcePlan(
        folder=str(checkout), python=str(checkout.parent / "env" / "bin" / "python")
    )
    assert target.knobs == {
        "uvicorn.workers": "2",
        "kato.RECALL_THRESHOLD": "0.1",
        "env.NEW": "a b",
        "redis.maxmemory": str(1 << 30),
        "qdrant.hnsw.m": "4",
    }
    assert target.stores == {"clickhouse": "http://127.0.0.1:8123"}
    assert plan_of(kato_source=checkout, kato_python="python3", kato_venv=True).target.source == SourcePlan(
        folder=str(checkout), python="python3", venv=True
    )


def test_what_ci_builds_is_not_what_a_checkout_is(checkout: Path) -> None:
    assert plan_of().tags == {"commit": "f" * 40}
    assert plan_of(kato_source=checkout).tags == {}
    assert plan_of(kato_source=checkout, tag=["commit=mine"]).tags == {"commit": "mine"}


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ({"target": "http://127.0.0.1:8000"}, "a target given by URL runs already"),
        ({"fault": ["deadlock"]}, "--fault deadlock is one of kato-bench's reference API"),
        ({"fault": ["unbounded-streams"]}, "--fault unbounded-streams is one of kato-bench's reference API"),
        ({"fault": ["store-hang"]}, "--fault store-hang is one of kato-bench's reference API"),
        ({"set": ["kato.KATO_BENCH_STREAM_MAXLEN=1"]}, "only kato-bench's reference API has it"),
        ({"set": ["env.QDRANT_HOST=x"]}, "kato.QDRANT_HOST cannot be set on a KATO checkout"),
        ({"set": ["env.MY_API_KEY=x"]}, "--set env.MY_API_KEY: a secret would be kept in the record"),
        ({"set": ["env.NO-NAME=x"]}, "no knob is called 'env.NO-NAME'"),
    ],
)
def test_what_does_not_go_with_a_checkout(checkout: Path, flags: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError) as caught:
        plan_of(kato_source=checkout, **flags)
    assert words in str(caught.value)
    assert "=x" not in str(caught.value)


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ({"kato_source": Path("/nowhere")}, "/nowhere is no folder"),
        ({"kato_python": "python3"}, "name it with --kato-source DIR"),
        ({"kato_venv": True}, "name it with --kato-source DIR"),
        ({"kato_venv": True, "target": "http://127.0.0.1:8000"}, "a target given by URL runs already"),
        ({"set": ["env.NEW=1"]}, "given by --kato-source DIR"),
    ],
)
def test_what_takes_a_checkout(flags: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError) as caught:
        plan_of(**flags)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("store", "url", "knob"),
    [
        ("redis", "redis://127.0.0.1:6379", "redis.maxmemory=1gb"),
        ("qdrant", "http://127.0.0.1:6333", "qdrant.hnsw.m=4"),
        ("clickhouse", "http://127.0.0.1:8123", "clickhouse.max_threads=2"),
    ],
)
@pytest.mark.parametrize("from_source", [False, True])
def test_a_server_that_runs_already_has_settings_of_its_own(
    checkout: Path, store: str, url: str, knob: str, from_source: bool
) -> None:
    flags: dict[str, Any] = {"kato_source": checkout} if from_source else {}
    assert plan_of(stores={store: url}, **flags).target.keeps_data
    with pytest.raises(UsageError, match=f"--{store}-url, which runs already with settings of its own"):
        plan_of(stores={store: url}, set=[knob], **flags)
    with pytest.raises(UsageError, match=f"--fault kill-{store} is one of the embedded {store}"):
        plan_of(stores={store: url}, fault=[f"kill-{store}"], **flags)
    with pytest.raises(UsageError, match=f"--fault slow-{store} is one of the embedded {store}"):
        plan_of(stores={store: url}, fault=[f"slow-{store}"], **flags)
    # What KATO itself is told goes on.
    assert plan_of(stores={store: url}, set=["kato.MAX_PREDICTIONS=5"], **flags).target.knobs


def test_an_address_that_is_none(checkout: Path) -> None:
    with pytest.raises(UsageError, match="--redis-url 'http://h' is not a URL such as redis://"):
        plan_of(stores={"redis": "http://h"})


class TestPlanFile:
    def test_paths_count_from_its_folder(self, checkout: Path) -> None:
        text = (
            f"[target]\nsource = '{checkout.name}'\npython = 'env/bin/python'\nvenv = true\nworkers = 2\n"
            "[target.stores]\nredis = 'redis://127.0.0.1:6379'\n" + MEASURE
        )
        target = parse(text, "plan.toml", checkout.parent).target
        assert target == TargetPlan(
            kind="source",
            source=SourcePlan(
                folder=str(checkout), python=f"{checkout.parent}{os.sep}env/bin/python", venv=True
            ),
            stores={"redis": "redis://127.0.0.1:6379"},
            knobs={"uvicorn.workers": "2"},
        )

    @pytest.mark.parametrize(
        ("lines", "said"),
        [
            ("[target.knobs]\n'kato.KATO_BENCH_STREAM_MAXLEN' = 5\n", "plan.toml, line 4: "),
            ("[target.faults]\ndeadlock = true\n", "plan.toml, line 4: "),
            ("url = 'http://h'\n", "plan.toml, line 2: source shapes the embedded target"),
        ],
    )
    def test_a_refusal_names_the_line(self, checkout: Path, lines: str, said: str) -> None:
        text = f"[target]\nsource = '{checkout}'\n{lines}{MEASURE}"
        with pytest.raises(UsageError) as caught:
            parse(text, "plan.toml", Path("/plans"))
        assert str(caught.value).startswith(said)

    def test_flags_hold_against_it(self, checkout: Path) -> None:
        stated = TargetPlan(
            kind="source", source=SourcePlan(folder=str(checkout)), knobs={"redis.maxmemory": "5"}
        )
        assert target_plan(RunFlags(), stated) == stated
        changed = target_plan(RunFlags(kato_venv=True, kato_python="python3", workers=1), stated)
        assert changed.source == SourcePlan(folder=str(checkout), python="python3", venv=True)
        assert changed.knobs == {"redis.maxmemory": "5", "uvicorn.workers": "1"}
        assert target_plan(RunFlags(target="embedded"), stated) == TargetPlan()
        url = TargetPlan(kind="url", url="http://h")
        assert target_plan(RunFlags(kato_source=checkout), url).url is None
        assert target_plan(RunFlags(target="http://h"), stated).source is None


def test_sides_of_a_gate(checkout: Path) -> None:
    target = side(
        "baseline", f"--kato-source {checkout} --kato-venv --kato-python python3 --workers 1 --set env.A=b"
    )
    assert target.source == SourcePlan(folder=str(checkout), python="python3", venv=True)
    assert target.knobs == {"env.A": "b", "uvicorn.workers": "1"}


def test_two_checkouts_of_one_load_have_one_hash(checkout: Path, make_checkout: Any) -> None:
    a, b = (plan_of(kato_source=folder) for folder in (checkout, make_checkout()))
    assert plan_hash(a) == plan_hash(b) != plan_hash(plan_of())


def test_the_plan_in_one_line(checkout: Path) -> None:
    plan = plan_of(kato_source=checkout, workers=1, stores={"redis": "redis://127.0.0.1:7"})
    assert (
        f"on the KATO of the checkout {checkout} (healthy), Redis at redis://127.0.0.1:7, uvicorn.workers=1"
        in plan_line(plan)
    )
