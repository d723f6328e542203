"""What a plan will do, worked out beforehand."""

from __future__ import annotations

import json
import tomllib
from typing import Any

import pytest
from plan_texts import FULL, MEASURE, phase, plan_of

from bench.cli import main
from bench.flags import RunFlags, make_plan
from bench.loadgen.catalogue import find
from bench.plan import Plan
from bench.preview import Preview, preview


def made(scenario: str = "chat", **flags: Any) -> Plan:
    return make_plan(find(scenario), RunFlags(environment={}, **flags))


def previewed(plan: Plan) -> Preview:
    return preview(plan, find(plan.scenario).about)


def sizes(plan: Plan) -> dict[str, float]:
    return {one.store: one.bytes for one in previewed(plan).written}


def test_requests_come_from_the_integral() -> None:
    text = phase(phase='"warmup"', duration='"10s"') + phase("ramp = { from = 0, to = 20 }")
    found = previewed(plan_of(text))
    assert [part.requests for part in found.parts] == [400, 300]
    assert found.requests == 700
    assert found.spread == pytest.approx(2 * 700**0.5)
    assert (found.seconds, found.sessions, found.nodes, found.learned) == (40, 20, 4, 800)


def test_even_spacing_leaves_nothing_to_chance() -> None:
    assert previewed(made(arrivals="constant", rate=10.0)).spread == 0
    assert previewed(plan_of(phase("ramp = { from = 1, to = 3, spacing = 'constant' }"))).spread == 0


def test_users_send_at_most_so_much_or_nobody_knows() -> None:
    thinking = previewed(made(users=3, think=0.5, warmup=0.0, duration=30.0))
    assert (thinking.requests, thinking.most, thinking.sessions) == (183, True, 3)
    assert previewed(made(users=3)).requests is None


def test_what_a_pattern_and_an_observation_cost() -> None:
    """1.2 KB of metadata and 0.32 KB an observation in Redis, 0.7 KB in ClickHouse, for 10 tokens."""

    none = sizes(made(rate=0.001, data=["patterns=0"]))
    some = sizes(made(rate=0.001, data=["patterns=250"]))
    assert some["redis"] - none["redis"] == pytest.approx(1000 * (1214 + 5 * 322))
    assert some["clickhouse"] == pytest.approx(1000 * 700, rel=1e-3)
    assert "qdrant" not in some


def test_training_is_counted_by_what_it_learns() -> None:
    plan = made("train", rate=10.0, warmup=0.0, duration=100.0)
    assert sizes(plan)["clickhouse"] == 500 * 700


def test_vectors_are_four_bytes_a_component() -> None:
    plan = made("vectors", rate=0.001, warmup=0.0, duration=0.1, data=["vectors=1000", "patterns=1"])
    assert sizes(plan)["qdrant"] == pytest.approx(1005 * 384 * 4, rel=1e-3)


def test_stored_predictions_weigh_the_most() -> None:
    data = ["sessions=4", "patterns=0"]
    plain, storing = (
        sizes(made(data=data, session=session, target=None))
        for session in ([], ["process_predictions=true", "max_predictions=10"])
    )
    observed = 0.45 * 1400
    assert storing["redis"] - plain["redis"] == pytest.approx(observed * 12_200)


def test_a_scenario_that_does_not_tell_its_mix_gets_a_bound() -> None:
    plan = made(rate=10.0, duration=10.0, warmup=0.0)
    about = {name: value for name, value in find("chat").about.items() if name != "mix"}
    bound, told = preview(plan, about), previewed(plan)
    assert (bound.at_most, told.at_most) == (True, False)
    assert bound.written[0].bytes > told.written[0].bytes


def printed(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> str:
    with pytest.raises(SystemExit) as ended:
        main(["plan", *arguments])
    shown = capsys.readouterr()
    assert ended.value.code == code, shown.err
    return shown.err if code else shown.out


def on_one_line(text: str) -> str:
    return " ".join(text.split())


def test_the_command_tells_it_on_one_screen(capsys: pytest.CaptureFixture[str]) -> None:
    shown = on_one_line(printed(capsys, "ramp", "--data", "patterns=100", "--workers", "2"))
    for words in (
        "10 s warm-up, poisson 10/s: about 100 requests",
        "2 min measured, ramp from 10/s to 200/s: about 12 600 requests",
        "about 12 700, ± 225 by chance; up to 200/s",
        "2 min 10 s of load",
        "uvicorn.workers=2",
        "400 patterns are learned",
        "20, on 4 nodes",
        "Redis: about",
    ):
        assert words in shown, words


def test_the_command_as_json_and_toml(
    capsys: pytest.CaptureFixture[str], tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.environ", {})
    found = json.loads(printed(capsys, "spike", "--json"))
    assert found["plan"]["arrivals"]["course"]["peak"] == 200
    assert found["preview"]["requests"] == pytest.approx(20 * 10 + 20 * 60 + 180 * 5)
    text = printed(capsys, "spike", "--seed", "5", "--toml")
    assert tomllib.loads(text)["seed"] == 5
    path = tmp_path / "again.toml"
    path.write_text(text)
    assert printed(capsys, str(path), "--toml") == text


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (MEASURE.replace("rate", "rat"), "line 4: there is no 'rat' in poisson. Did you mean rate?"),
        (phase(duration=""), "line 1: this phase has no length"),
        ("objectives = ['p95(learn) < 5ms']\n" + MEASURE, "line 1: objective"),
        (phase("poisson = { rate = 4 }\nclosed = { users = 3 }"), "line 5: this phase has two arrivals"),
        ("scenario = \n", "line 1: this is not TOML"),
    ],
)
def test_wrong_files_are_refused_by_both_commands(
    content: str, words: str, tmp_path: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "plan.toml"
    path.write_text(content)
    for command in ("plan", "run"):
        with pytest.raises(SystemExit) as ended:
            main([command, str(path)])
        said = capsys.readouterr()
        assert ended.value.code == 2
        assert said.err.startswith(f"kato-bench: {path}, ")
        assert words in said.err
        assert said.out == ""


def test_everything_that_a_plan_says_is_shown(capsys: pytest.CaptureFixture[str], tmp_path: Any) -> None:
    path = tmp_path / "plan.toml"
    path.write_text(FULL)
    shown = on_one_line(printed(capsys, str(path)))

    for words in (
        *("seed 7", "embedded KATO (shipped)", "fault cpu=15%", "recall_threshold = 0.5", "“climb”"),
        *("p95(predict) < 50ms", "ticket=OPS-12", "5/s with a spike of 50/s from 20 s on for 2.5 s, evenly"),
    ):
        assert words in shown, words
