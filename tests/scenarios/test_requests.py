"""What each scenario sends: its mix as stated, on nodes and sessions as promised, and nothing that hurts."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from scipy import stats

from bench.loadgen.catalogue import scenarios
from bench.loadgen.contract import SHAPES
from bench.loadgen.world import MAX_NODES

ROOT = Path(__file__).parents[2]

#: Scenarios with options that keep the test short, and requests a user.
SMALL = {
    "chat": ({"patterns": "20"}, 200),
    "train": ({}, 40),
    "vectors": ({"patterns": "5", "vectors": "50", "dimension": "16", "sessions": "6"}, 100),
    "smoke": ({}, 150),
    "recommend": ({"patterns": "20"}, 200),
    "hierarchy": ({"sessions": "4"}, 400),
    "score": ({"patterns": "20"}, 40),
    "hypotheses": ({"patterns": "20"}, 60),
    "churn": ({}, 200),
    "stream": ({"patterns": "20"}, 60),
    "mixed": ({"patterns": "20"}, 200),
    "growth": ({"patterns": "20"}, 100),
}

#: Share of each operation, as the scenarios say it.
MIXES: dict[str, dict[str, float]] = {
    name: one.about["mix"] for name, one in scenarios().items() if "mix" in one.about
}

Job = dict[str, Any]


def generate(*jobs: Job) -> list[Job]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.scenarios.generate"],
        input=json.dumps(jobs),
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr
    answers: list[Job] = json.loads(done.stdout)
    return answers


def job(name: str, **more: Any) -> Job:
    options, requests = SMALL[name]
    return {"scenario": name, "options": options, "requests": requests, **more}


#: Weights of single operations, as an access log may show them.
LOG_MIX = {
    "observe": 540,
    "predict": 210,
    "sequence": 60,
    "learn": 55,
    "stm": 40,
    "clear": 35,
    "create": 20,
    "delete": 16,
    "config": 10,
    "extend": 8,
    "lookup": 5,
    "finalize": 1,
}
SCENARIO_MIX = {"chat": "6", "train": "2", "score": "2"}


@cache
def generated() -> dict[str, Any]:
    """All that the tests below look at, made in one process: importing Locust takes a second."""
    names = list(SMALL)
    jobs = {f"{name}": job(name) for name in names}
    jobs |= {f"{name} again": job(name, requests=20) for name in names}
    jobs |= {f"{name} failing": job(name, failing=0.3, requests=100) for name in names}
    jobs |= {f"{name} in vain": job(name, failing=1.0, requests=50) for name in names}
    jobs["mixed by log"] = job(
        "mixed", options={"patterns": "20"} | {name: str(n) for name, n in LOG_MIX.items()}, requests=300
    )
    jobs["mixed by scenario"] = job("mixed", options={"patterns": "20", **SCENARIO_MIX}, requests=300)
    jobs["other seed"] = job("chat", seed=2)
    jobs["too many learns"] = job("mixed", options={"learn": "2", "observe": "1"})
    jobs["too many deletes"] = job("mixed", options={"delete": "2", "create": "1"})
    jobs["no node for a part"] = job("mixed", options={"nodes": "2"})
    jobs["no whole group"] = job("hypotheses", options={"sessions": "20"})
    jobs["nobody asks"] = job("growth", options={"learners": "16"})
    jobs["few users"] = job("hypotheses", users=5)
    return dict(zip(jobs, generate(*jobs.values()), strict=True))


def requests_of(name: str) -> list[Job]:
    found: list[Job] = generated()[name]["requests"]
    return found


def texts(value: object) -> list[str]:
    """All strings in a JSON value, keys left out."""
    if isinstance(value, str):
        return [value]
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [text for one in inner for text in texts(one)]


def test_every_scenario_is_looked_at() -> None:
    assert set(SMALL) == set(scenarios())


@pytest.mark.parametrize("name", SMALL)
def test_nothing_is_sent_that_hurts_kato(name: str) -> None:
    sent = requests_of(name)
    about = scenarios()[name].about
    nodes = int(SMALL[name][0].get("nodes", about["options"]["nodes"]["default"]))
    assert {request["node"] for request in sent} <= set(range(nodes))
    assert nodes <= MAX_NODES
    assert {lesson["node"] for lesson in generated()[name]["lessons"]} <= set(range(nodes))
    assert {request["operation"] for request in sent} <= set(about["operations"])
    for request in sent:
        body = request["body"] or {}
        assert not any("'" in text or "\\" in text for text in texts(body)), body
        config = body.get("config", {})
        if request["operation"] == "create":
            assert config["process_predictions"] is False
        assert config.get("process_predictions", False) is False
        assert request["error"] == ""
    for lesson in generated()[name]["lessons"]:
        assert not any("'" in text or "\\" in text for text in texts(lesson["events"]))


@pytest.mark.parametrize("name", SMALL)
def test_all_nodes_learn_from_the_beginning(name: str) -> None:
    """So they learn at the same time, and none is left out where Locust itself runs only some lessons."""
    nodes = [lesson["node"] for lesson in generated()[name]["lessons"]]
    assert set(nodes[: 2 * len(set(nodes))]) == set(nodes)


@pytest.mark.parametrize("name", SMALL)
def test_the_same_seed_sends_the_same(name: str) -> None:
    again = requests_of(f"{name} again")
    users = 1 + max(request["user"] for request in again)
    assert again == requests_of(name)[: 20 * users]


def test_another_seed_sends_something_else() -> None:
    assert requests_of("other seed") != requests_of("chat")


@pytest.mark.parametrize("name", MIXES)
def test_the_mix_is_as_stated(name: str) -> None:
    counted = Counter(request["operation"] for request in requests_of(name))
    total = counted.total()
    for operation, share in MIXES[name].items():
        assert counted[operation] / total == pytest.approx(share, abs=0.03), operation
    rest = total - sum(counted[operation] for operation in MIXES[name])
    assert rest / total < 0.01


def test_only_the_mixed_one_has_no_mix_of_its_own() -> None:
    assert set(SMALL) - set(MIXES) == {"mixed"}


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("how", ["failing", "in vain"])
def test_no_failure_ends_a_script(name: str, how: str) -> None:
    """The generator ran to its end; a script still sends, and what it sends is of its own kinds."""
    sent = requests_of(f"{name} {how}")
    expected = 100 if how == "failing" else 50
    users = 1 + max(request["user"] for request in sent)
    assert len(sent) == expected * users
    assert {request["operation"] for request in sent} <= set(scenarios()[name].about["operations"])
    if how == "failing":
        assert any(not request["error"] for request in sent[-users * 10 :])


@pytest.mark.parametrize("name", SMALL)
def test_sessions_are_used_only_while_they_are_open(name: str) -> None:
    open_sessions: set[str] = set()
    ever: set[str] = set()
    for request in requests_of(name):
        parts = request["path"].split("?")[0].split("/")
        if parts[1] != "sessions" or len(parts) == 2 or parts[2] == "count":
            continue
        session = parts[2]
        if session.startswith("session-") and session not in ever:
            ever.add(session)
            open_sessions.add(session)
        assert session.startswith("open-") or session in open_sessions
        if request["operation"] == "delete":
            open_sessions.discard(session)


def test_smoke_asks_for_everything() -> None:
    first = [request["contract"] for request in requests_of("smoke") if request["user"] == 0]
    beginnings = [place for place, name in enumerate(first) if name == "POST /sessions"]
    for begin, end in pairwise(beginnings):
        assert set(first[begin:end]) == set(SHAPES)


def test_the_pattern_learned_below_is_the_token_above() -> None:
    above: Counter[int] = Counter()
    for request in requests_of("hierarchy"):
        if request["operation"] == "observe":
            (token,) = request["body"]["strings"]
            assert token.startswith("PTRN|")
            above[request["node"]] += 1
        elif request["operation"] == "sequence":
            assert request["node"] == 0
            assert all(len(one["strings"]) == 1 for one in request["body"]["observations"])
    assert above.keys() == {1, 2, 3}
    assert above[1] > above[2] > above[3] > 0


def test_alternatives_share_their_history() -> None:
    sent = requests_of("hypotheses")
    rounds = [request for request in sent if request["operation"] == "sequence"]
    groups = 24 // 8
    for group in range(groups):
        members = [[r for r in rounds if r["user"] == group + groups * member] for member in range(8)]
        assert len({member[0]["node"] for member in members}) == 1
        for same in zip(*members, strict=True):
            told = [[one["strings"] for one in request["body"]["observations"]] for request in same]
            assert all(one[:-1] == told[0][:-1] for one in told)
            assert len({str(one[-1]) for one in told}) > 4


def test_growth_asks_the_same_and_learns_what_is_new() -> None:
    sent = requests_of("growth")
    learners = {r["user"] for r in sent if r["body"] and r["body"].get("learn_at_end")}
    assert len(learners) == 4
    new = [json.dumps(r["body"]) for r in sent if r["user"] in learners]
    assert len(set(new)) == len(new)
    known = {json.dumps(lesson["events"]) for lesson in generated()["growth"]["lessons"]}
    learned = {
        json.dumps([one["strings"] for one in r["body"]["observations"]])
        for r in sent
        if r["user"] in learners
    }
    assert not learned & known
    for user in set(range(16)) - learners:
        mine = [r["operation"] for r in sent if r["user"] == user]
        assert mine == ["sequence"] + ["predict"] * (len(mine) - 1)


def chi_square(counted: Mapping[str, int], weights: Mapping[str, float]) -> float:
    """Chance of shares as far from the weights as these."""
    assert set(counted) == set(weights)
    total, whole = sum(counted.values()), sum(weights.values())
    observed = [counted[name] for name in weights]
    expected = [total * weight / whole for weight in weights.values()]
    return float(stats.chisquare(observed, expected).pvalue)


def test_the_mix_reproduces_the_shares_of_a_log() -> None:
    counted = Counter(request["operation"] for request in requests_of("mixed by log"))
    assert counted.total() == 6000
    assert chi_square(counted, LOG_MIX) > 0.001


def test_the_mix_reproduces_the_shares_of_scenarios() -> None:
    """Each part has nodes of its own: `mixed` gives the first ones to chat, then train, then score."""
    sent = requests_of("mixed by scenario")
    part_of = {**dict.fromkeys(range(3), "chat"), **dict.fromkeys(range(3, 6), "train")}
    counted = Counter(part_of.get(request["node"], "score") for request in sent)
    assert chi_square(counted, {name: float(weight) for name, weight in SCENARIO_MIX.items()}) > 0.001
    assert {r["operation"] for r in sent if part_of.get(r["node"]) == "train"} == {"sequence", "learn"}


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("too many learns", "--data learn=2: give no more than observe and sequence"),
        ("too many deletes", "--data delete=2: give no more than create"),
        ("no node for a part", "--data nodes=2: give 3 or more"),
        ("no whole group", "--data sessions=20: give a multiple of 8"),
        ("nobody asks", "--data learners=16: give fewer than sessions (16)"),
    ],
)
def test_what_cannot_be_sent_is_refused(name: str, words: str) -> None:
    assert words in generated()[name]["refused"]


def test_a_group_may_lack_company() -> None:
    assert len(requests_of("few users")) == 5 * 60


@pytest.mark.parametrize("name", SMALL)
def test_the_docstring_tells_what_one_must_know(name: str) -> None:
    told = " ".join((ast.get_docstring(ast.parse(scenarios()[name].path.read_text())) or "").split())
    for word in ("Stands for: ", "Mix: ", "Data: ", "Must not: "):
        assert word in told, word
