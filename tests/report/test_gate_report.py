"""A gate's verdict in words, JUnit XML and Markdown."""

from __future__ import annotations

import io
import sys
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

sys.path.append(str(Path(__file__).parents[1] / "gate"))
from made_values import made

from bench.gate.effects import every_effect
from bench.gate.noninferiority import Tolerance, judge, overall
from bench.gate.pairs import Outcome, Pair, Repeated, Rules
from bench.report import effects, junit, markdown
from bench.report.comparison import print_comparison, print_gate
from bench.report.gate import ComparisonReport, GateReport, comparison_json, gate_json, headline, notes

NOISE = (1.0, 1.02, 0.98, 1.01)


def report(factor: float = 1.0, *, treated_as: str | None = None, **changes: Any) -> GateReport:
    """A gate of four pairs whose candidate takes `factor` times as long."""
    pairs = [
        Pair("baseline", made(f"a{n}", one), made(f"b{n}", factor * one * (1 + n / 500)))
        for n, one in enumerate(NOISE)
    ]
    judged = judge(
        [pair.baseline for pair in pairs], [pair.candidate for pair in pairs], Tolerance(errors=0.02)
    )
    outcome = Outcome(overall(judged), judged, pairs)
    sides = {"baseline": "", "candidate": "--set uvicorn.workers=2"}
    made_of = GateReport(
        outcome=outcome,
        rules=Rules(pairs=4, max_pairs=4),
        sides=sides,  # type: ignore[arg-type]
        differences=["knobs.uvicorn.workers: none -> 2"],
        scenario="chat",
        load="chat, constant 30/s",
        seconds=217.4,
        treated_as=treated_as,
    )
    return replace(made_of, **changes)


def undecided(**changes: Any) -> GateReport:
    repeated = [Repeated("candidate", "run7", ["steal was 3 %"])]
    outcome = Outcome("inconclusive", [], [], repeated, why="the budget was used up")
    return report(outcome=outcome, **changes)


def test_the_sentence_names_operation_metric_change_and_tolerance() -> None:
    first, *_ = headline(report(1.12))
    assert first == "observe: service p50 is 12 % (12 to 13 %) slower, tolerance 7 %"
    assert headline(report()) == ["no gated metric got worse by more than the tolerance of 7 %"]
    assert headline(undecided()) == ["the budget was used up"]
    border = " ".join(headline(report(1.0697)))
    assert "predict: service p50 changed by +7.3 %" in border
    assert "does not decide about a tolerance of 7 %" in border


def test_cpu_that_belongs_to_no_operation_is_traced_by_their_times() -> None:
    failing = report()
    for pair in failing.outcome.pairs:
        pair.candidate.values["all"]["kato_cpu"] *= 1.3
        pair.candidate.values["predict"]["service_p50"] *= 1.05
    a, b = ([getattr(pair, side) for pair in failing.outcome.pairs] for side in ("baseline", "candidate"))
    judged = judge(a, b, Tolerance(errors=0.02))
    told = headline(replace(failing, outcome=replace(failing.outcome, verdict="fail", judged=judged)))
    assert told[0].startswith("KATO CPU per request is 30 % (")
    assert told[0].endswith(" %) higher, tolerance 7 %")
    assert told[1].startswith("by operation, service p50 changed: predict +5.3 %, observe +0.3")


def parsed(text: str) -> tuple[ET.Element, ET.Element]:
    """The root and its only suite, checked against what readers of the format expect."""
    root = ET.fromstring(text)
    assert root.tag == "testsuites"
    (suite,) = root
    assert next(child.tag for child in suite) == "properties"
    assert {child.tag for child in suite} <= {"properties", "testcase", "system-out"}
    cases = suite.findall("testcase")
    for element in (root, suite):
        assert element.get("tests") == str(len(cases))
        assert element.get("failures") == str(len(suite.findall("testcase/failure")))
        assert element.get("skipped") == str(len(suite.findall("testcase/skipped")))
        assert element.get("errors") == "0"
        assert float(element.get("time", "x")) >= 0
    for case in cases:
        assert case.get("name")
        assert case.get("classname")
        assert [child.tag for child in case] in ([], ["failure"], ["skipped"], ["system-out"]) or {
            child.tag for child in case
        } <= {"failure", "skipped", "system-out"}
    return root, suite


def test_junit_has_a_case_for_every_gated_metric_and_for_what_is_worse_beside() -> None:
    _, suite = parsed(junit.render(report(1.12)))
    cases = {(case.get("classname"), case.get("name")): case for case in suite.findall("testcase")}
    assert set(cases) == {
        ("gate.observe", "service p50"),
        ("gate.predict", "service p50"),
        ("gate.all operations", "KATO CPU per request"),
        ("gate.all operations", "target CPU per request"),
        ("gate.all operations", "error share"),
        ("gate.observe", "response p95"),
        ("gate.predict", "response p95"),
    }
    failure = cases["gate.predict", "service p50"].find("failure")
    assert failure is not None
    assert failure.get("message", "").startswith("predict: service p50 is 12 %")
    assert "candidate: 17.9 ms" in (failure.text or "")
    assert cases["gate.all operations", "error share"].find("failure") is None
    properties = {one.get("name"): one.get("value") for one in suite.iter("property")}
    assert properties["cpu_model"] == "EPYC"
    assert properties["engine.redis"] == "Valkey 9.1.2"
    assert properties["side.candidate"] == "--set uvicorn.workers=2"


@pytest.mark.parametrize(("treated_as", "tag"), [(None, "skipped"), ("pass", "skipped"), ("fail", "failure")])
def test_junit_says_when_nothing_was_decided(treated_as: str | None, tag: str) -> None:
    _, suite = parsed(junit.render(undecided(treated_as=treated_as)))
    (case,) = suite.findall("testcase")
    (found,) = case
    assert (found.tag, found.get("message")) == (tag, "the budget was used up")


def test_junit_carries_text_that_xml_cannot() -> None:
    wild = {"baseline": 'a<b>&"\x00\x1b[0m\ud800', "candidate": "ü – 中 \U0001f600"}
    _, suite = parsed(junit.render(report(sides=wild)))
    properties = {one.get("name"): one.get("value") for one in suite.iter("property")}
    assert properties["side.baseline"] == 'a<b>&"\ufffd\ufffd[0m\ufffd'
    assert properties["side.candidate"] == wild["candidate"]


def test_markdown_has_the_verdict_and_a_table() -> None:
    text = markdown.render(report(1.12))
    lines = text.splitlines()
    assert lines[0] == "## Gate failed"
    assert lines[2] == "- **observe: service p50 is 12 % (12 to 13 %) slower, tolerance 7 %**"
    rows = [line for line in lines if line.startswith("| ")]
    assert {row.count(" | ") for row in rows} == {7}
    (row,) = [row for row in rows if row.startswith("| predict | service p50 ")]
    assert row.endswith("❌ fail |")
    assert markdown.render(report()).startswith("## Gate passed")
    assert "the budget was used up" in markdown.render(undecided(treated_as="fail"))


def test_markdown_means_what_it_says() -> None:
    wild = {"baseline": "", "candidate": "--set a|b=<c> `d` *e*\nf"}
    text = markdown.render(report(sides=wild))
    assert r"- candidate: --set a\|b=\<c\> \`d\` \*e\* f" in text.splitlines()


@pytest.mark.parametrize("made_of", [report(), report(1.12), undecided()])
def test_the_terminal_and_json_say_the_same(made_of: GateReport) -> None:
    out = io.StringIO()
    print_gate(made_of, out)
    printed = " ".join(out.getvalue().split())
    found = gate_json(made_of)
    assert f"Gate: {found['verdict']}" in printed
    for sentence in found["sentences"]:
        assert sentence in printed
    assert max(map(len, out.getvalue().splitlines())) <= 120
    assert len(found["metrics"]) == len(made_of.outcome.judged)


def test_a_comparison_shows_what_it_could_not_have_seen() -> None:
    a, b = [made("a0"), made("a1", 1.02)], [made("b0", 1.01), made("b1", 0.99)]
    compared = ComparisonReport(a, b, every_effect(a, b, "independent"), ["kato: 1 -> 2"], ["a note"])
    out = io.StringIO()
    print_comparison(compared, out)
    text = out.getvalue()
    for words in ("kato: 1 -> 2", "no change", "a note", "detectable"):
        assert words in text
    found = comparison_json(compared)
    assert (found["a"], found["b"]) == (["a0", "a1"], ["b0", "b1"])
    by_name = {(one["operation"], one["metric"]): one for one in found["effects"]}
    assert by_name["predict", "service_p50"]["worse"] is None
    assert by_name["predict", "service_p50"]["detectable"] > 0


def test_numbers_read_well() -> None:
    slow, fast = [made("a")], [made("b", 0.996)]
    one = next(one for one in every_effect(slow, fast, "independent"))
    assert effects.change(one) == "-0.4 %"
    assert effects.interval(one) == "n/a"
    assert effects.value(one.metric, one.a) == "2.20 ms"


def test_it_says_how_far_the_machine_went_apart() -> None:
    pairs = [
        Pair(
            "baseline",
            made(f"a{number}", machine_seconds=2.7e-4),
            made(f"b{number}", machine_seconds=2.7e-4 * (1.2 if number == 3 else 1.0)),
        )
        for number in range(6)
    ]
    said = notes(report(outcome=Outcome("pass", [], pairs)))
    assert any("up to 20 % slower in one run than in another" in line for line in said)
    assert not any("slower in one run" in line for line in notes(report()))


def test_what_is_not_gated_and_worse_is_said_all_the_same() -> None:
    tail = [
        Pair("baseline", made(f"a{number}", noise), made(f"b{number}", noise))
        for number, noise in enumerate(NOISE)
    ]
    for number, pair in enumerate(tail):
        pair.candidate.values["predict"]["response_p95"] *= 3 * (1 + number / 200)
    judged = judge(
        [pair.baseline for pair in tail], [pair.candidate for pair in tail], Tolerance(errors=0.02)
    )
    passed = report(outcome=Outcome(overall(judged), judged, tail))
    assert passed.outcome.verdict == "pass"
    assert headline(passed)[0] == "no gated metric got worse by more than the tolerance of 7 %"
    assert headline(passed)[1].startswith("not gated, but worse: predict: response p95 changed by +20")
    suite = ET.fromstring(junit.render(passed))
    skipped = [case.get("name") for case in suite.iter("testcase") if case.find("skipped") is not None]
    assert skipped == ["response p95"]
    assert "not gated, but worse" in markdown.render(passed)
