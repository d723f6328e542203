"""What every rule must keep, as one call: `keeps_contract(rule, positive, negative)`.

The rules' own tests say what a rule finds; this says what makes any rule fit to be listened to."""

from __future__ import annotations

import copy
import math

from advisor.evidence import Evidence
from advisor.findings import PURPOSES, SEVERITIES, Change, Finding, Prediction
from advisor.resolve import Means, refusal
from advisor.rules.base import Rule
from bench.knobs.catalogue import find


def keeps_contract(rule: Rule, positive: Evidence, negative: Evidence) -> Finding:
    """The finding of `positive`, for further assertions. Raises AssertionError where the rule

    is silent on `positive` or speaks on `negative`; lacks what is to be known of it; is no pure function;
    proposes an illegal value, one that is in force already, one beyond the machine's means, or one for a knob
    that does not act; leaves out risk, verification or prediction; or is not silent on what it expects of its
    changes, each for itself and all together."""
    _says_what_it_is(rule)
    assert rule(negative) is None, f"{rule.id} speaks on its negative fixture: {rule(negative)}"
    finding = _finds(rule, positive)
    _says_what_is_wrong(rule, finding)
    for change in finding.changes:
        _is_a_legal_step(rule, change, positive)
        _says_what_follows(rule, change)
        _is_silent(rule, change.expected(positive), f"after {change.knob} became {change.new!r}")
    after = positive
    for change in finding.changes:
        after = change.expected(after)
    if finding.changes:
        _is_silent(rule, after, "after all of its changes together")
    return finding


def _says_what_it_is(rule: Rule) -> None:
    system, _, name = rule.id.partition(".")
    assert all((system, name)), f"{rule.id} is not written system.what-is-wrong"
    for what, text in (("docstring", rule.why), ("source", rule.source), ("holds_for", rule.holds_for)):
        assert text.strip(), f"{rule.id} has no {what}"


def _finds(rule: Rule, evidence: Evidence) -> Finding:
    before = copy.deepcopy(evidence)
    finding = rule(evidence)
    assert finding is not None, f"{rule.id} is silent on its positive fixture"
    assert rule(evidence) == finding, f"{rule.id} gives two answers to one question"
    assert evidence == before, f"{rule.id} changes its evidence"
    return finding


def _says_what_is_wrong(rule: Rule, finding: Finding) -> None:
    assert finding.id == rule.id, f"{rule.id} finds {finding.id}"
    assert finding.severity in SEVERITIES
    assert finding.title.strip()
    assert finding.sentence.rstrip().endswith("."), f"{rule.id}: {finding.sentence!r} is no sentence"
    assert finding.evidence, f"{rule.id} names no numbers"
    knobs = [change.knob for change in finding.changes]
    assert len(knobs) == len(set(knobs)), f"{rule.id} holds two values for one knob"


def _is_a_legal_step(rule: Rule, change: Change, evidence: Evidence) -> None:
    knob = find(change.knob)
    where = f"{rule.id}: {change.knob} {change.old!r} -> {change.new!r}"
    assert knob.name == change.knob, f"{where}: the canonical name is {knob.name}"
    assert knob.tunable, f"{where}: this knob is never tuned"
    assert change.new is not None, f"{where}: there is no new value"
    assert knob.read(knob.write(change.new)) == change.new, f"{where}: it takes {knob.legal}"
    assert change.new != change.old, f"{where}: nothing changes"
    if change.knob in evidence.knobs:
        assert change.old == evidence.knobs[change.knob], f"{where}: the value in force is another"
    assert change.purpose in PURPOSES
    means = Means(cores=evidence.cores, redis_limit_bytes=evidence.redis.container_limit_bytes)
    assert refusal(change, means) is None, f"{where}: {refusal(change, means)}"


def _says_what_follows(rule: Rule, change: Change) -> None:
    where = f"{rule.id}: {change.knob}"
    assert change.risk.strip().endswith("."), f"{where}: the risk is no sentence"
    assert change.verify.strip(), f"{where}: nobody can verify it"
    assert change.predicted, f"{where}: nothing is predicted"
    for prediction in change.predicted:
        _is_a_claim(where, prediction)


def _is_a_claim(where: str, prediction: Prediction) -> None:
    wanted = {"interval": (True, True), "at_least": (True, False), "at_most": (False, True)}
    given = (prediction.low is not None, prediction.high is not None)
    assert all((prediction.metric, prediction.unit)), f"{where}: a prediction of nothing"
    assert prediction.model.strip(), f"{where}: {prediction.metric} is predicted without a model"
    assert given == wanted[prediction.kind], f"{where}: {prediction.kind} with {given} of (low, high)"
    bounds = [bound for bound in (prediction.low, prediction.high) if bound is not None]
    assert bounds == sorted(bounds), f"{where}: low is above high"
    assert all(map(math.isfinite, bounds)), f"{where}: {prediction.metric} is not finite"


def _is_silent(rule: Rule, evidence: Evidence, when: str) -> None:
    again = rule(evidence)
    assert again is None, f"{rule.id} is not silent {when}: {again.sentence if again else ''}"
