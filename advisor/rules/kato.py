"""KATO's own settings: what predictions read, when they are made, what is logged, what does nothing."""

from __future__ import annotations

from dataclasses import replace

from advisor.evidence import Evidence
from advisor.findings import Change, Finding, Prediction
from advisor.rules.base import known, rule
from bench import words
from bench.knobs.catalogue import find

_KATO = "KATO 3.10"
_PIPELINE = "session.filter_pipeline"
_AT_OBSERVE, _DEFAULT_AT_OBSERVE = "session.process_predictions", "kato.PROCESS_PREDICTIONS"
_LOG_LEVEL = "kato.LOG_LEVEL"

#: Below this many patterns of a node reading them all costs less than it matters.
MANY_PATTERNS = 500
#: A training load: at least this share of the answers were sequences or learns.
TRAINING_SHARE = 0.2
#: Requests that fail for other reasons than load; below this share they may be chance.
FAILING_SHARE = 0.001


@rule(
    "kato.reads-all-patterns",
    holds_for=_KATO,
    precondition=lambda evidence: (
        known(_PIPELINE)(evidence)
        and evidence.load.patterns_per_node is not None
        and bool(evidence.counts.answered.get("predict"))
    ),
    source="KATO 3.10.1: [] reads every pattern of a node; with jaccard 594 became 15 ms at 5 000 patterns",
)
def reads_all_patterns(evidence: Evidence) -> Finding | None:
    """Without a filter each prediction reads and compares every pattern of its node, and a worker does
    nothing else meanwhile: its cost grows with all that was ever learned."""
    patterns = evidence.load.patterns_per_node or 0.0
    now = evidence.counts.service_p50.get("predict")
    if patterns <= MANY_PATTERNS or evidence.knobs[_PIPELINE] != "[]" or now is None:
        return None
    floor = evidence.counts.service_p50.get("observe") or 0.0
    return Finding(
        "kato.reads-all-patterns",
        "advice",
        "Each prediction reads every pattern",
        f"A node holds {words.count(patterns)} patterns, and with an empty filter_pipeline each prediction "
        f"reads and compares all of them: {words.seconds(now)} (service time, median).",
        {"patterns_per_node": patterns, "service_p50_predict": now},
        (
            Change(
                _PIPELINE,
                "[]",
                '["jaccard"]',
                purpose="objective",
                risk="Patterns that share few symbols with the short-term memory are no candidates any more "
                "(jaccard_threshold 0.3): compare predictions before and after.",
                verify="run with --session 'filter_pipeline=[\"jaccard\"]': p50(predict) falls, and grows "
                "less with the patterns.",
                predicted=(
                    Prediction(
                        "service_p50(predict)", "s", "interval",
                        "what a prediction costs beyond an observation is reading and comparing candidates, "
                        "of which the filter leaves a part",
                        now=now, low=min(floor, now), high=now,
                    ),
                ),
            ),
        ),
    )  # fmt: skip


@rule(
    "kato.predicts-at-observe",
    holds_for=_KATO,
    precondition=known(_AT_OBSERVE),
    source="KATO 3.10.1: a process lock is held across an await; predictions kept without time to live",
)
def predicts_at_observe(evidence: Evidence) -> Finding | None:
    """Two sessions of one node that observe at once with predictions on stop a worker for ever, while its
    health still reads 200; and every observation stores its predictions in Redis without end."""
    if evidence.knobs[_AT_OBSERVE] is not True:
        return None
    now = evidence.counts.service_p50.get("observe")
    timeouts = evidence.counts.errors.get("timeout", 0)
    return Finding(
        "kato.predicts-at-observe",
        "critical" if timeouts else "warning",
        "Observations also predict",
        "Sessions observe with process_predictions on: two sessions of one node that observe at once stop "
        "their worker for ever, and each observation leaves its predictions in Redis"
        + (f". {words.count(timeouts)} requests timed out." if timeouts else "."),
        {"process_predictions": True, "service_p50_observe": now, "timeout": timeouts},
        (
            Change(
                _AT_OBSERVE,
                True,
                False,
                purpose="correctness",
                risk="Clients that read predictions from cognition-data, not from GET predictions, get none.",
                verify="run with --session process_predictions=false: observe is faster, nothing times out.",
                predicted=(
                    Prediction(
                        "errors(timeout)", "1", "at_most",
                        "the lock that stops a worker is taken only where an observation predicts",
                        now=float(timeouts), high=0.0,
                    ),
                ),
                effect=lambda after: replace(
                    after, counts=replace(after.counts, errors={**after.counts.errors, "timeout": 0})
                ),
            ),
        ),
    )  # fmt: skip


@rule(
    "kato.predicts-at-observe-by-default",
    holds_for=_KATO,
    precondition=known(_DEFAULT_AT_OBSERVE, _AT_OBSERVE),
    source="KATO 3.10.1 settings.py, PROCESS_PREDICTIONS true; see kato.predicts-at-observe",
)
def predicts_at_observe_by_default(evidence: Evidence) -> Finding | None:
    """kato-bench's sessions switch predictions at observe time off; other clients get the deployment's
    default, and with it the risk that a worker stops for ever."""
    if evidence.knobs[_DEFAULT_AT_OBSERVE] is not True or evidence.knobs[_AT_OBSERVE] is not False:
        return None
    return Finding(
        "kato.predicts-at-observe-by-default",
        "info",
        "Clients predict at observe time unless they say otherwise",
        "PROCESS_PREDICTIONS is true: a client that does not send process_predictions false can stop a "
        "worker by observing on one node in two sessions at once. This run's sessions did send it.",
        {"PROCESS_PREDICTIONS": True},
        (
            Change(
                _DEFAULT_AT_OBSERVE,
                True,
                False,
                purpose="correctness",
                risk="Clients that read predictions from cognition-data, not from GET predictions, get none.",
                verify="GET /sessions of a new session shows process_predictions false.",
                predicted=(
                    Prediction(
                        "errors(timeout)", "1", "at_most",
                        "the lock that stops a worker is taken only where an observation predicts", high=0.0,
                    ),
                ),
            ),
        ),
    )  # fmt: skip


@rule(
    "kato.logs-in-training",
    holds_for=_KATO,
    precondition=lambda evidence: known(_LOG_LEVEL)(evidence) and sum(evidence.counts.answered.values()) > 0,
    source="KATO 3.10.1: WARNING instead of INFO gave 60 % more sequences in training, little elsewhere",
)
def logs_in_training(evidence: Evidence) -> Finding | None:
    """At INFO KATO writes several lines a request, the whole short-term memory among them."""
    level = evidence.knobs[_LOG_LEVEL]
    answered = evidence.counts.answered
    training = (answered.get("sequence", 0) + answered.get("learn", 0)) / sum(answered.values())
    if level not in ("DEBUG", "INFO") or (level == "INFO" and training < TRAINING_SHARE):
        return None
    if not evidence.counts.requests or "kato" not in evidence.cpu_seconds:
        return None
    now = evidence.cpu_seconds["kato"] / evidence.counts.requests
    return Finding(
        "kato.logs-in-training",
        "advice" if level == "DEBUG" else "info",
        "KATO's log costs training time",
        f"LOG_LEVEL is {level}, and {words.percent(training)} of the requests taught KATO something: it "
        "writes several lines for each.",
        {"log_level": level, "training_share": training},
        (
            Change(
                _LOG_LEVEL,
                level,
                "WARNING",
                purpose="cost",
                risk="The log no longer says what was observed; uvicorn's access log stays.",
                verify="run the same training again: KATO's CPU time per request is no higher.",
                predicted=(
                    Prediction(
                        "cpu_per_request(kato)", "s", "interval",
                        "from no effect to that on KATO 3.10.1: 1.6 times the sequences in the same time",
                        now=now, low=now / 1.6, high=now,
                    ),
                ),
            ),
        ),
    )  # fmt: skip


@rule(
    "kato.dead-knobs",
    holds_for=_KATO,
    precondition=lambda evidence: bool(evidence.chosen),
    source="KATO 3.10.1, every module that the service imports; bench/knobs",
)
def dead_knobs(evidence: Evidence) -> Finding | None:
    """A setting that nothing reads gives the comfort of having tuned something."""
    dead = [find(name) for name in sorted(evidence.chosen) if not find(name).acts]
    if not dead:
        return None
    reasons = "; ".join(f"{knob.spelled}: {knob.why}" for knob in dead)
    return Finding(
        "kato.dead-knobs",
        "advice",
        "Settings without effect",
        f"Set, but without effect: {reasons}.",
        {"knobs": ", ".join(knob.name for knob in dead)},
    )


_CAUSES = {
    "lost_session": "KATO no longer knows sessions of this run: expired, lost by Redis, or its pool ran out",
    "server_error": "KATO failed (5xx): its log names the reason",
    "client_error": "KATO refused what was sent (4xx)",
    "not_found": "KATO does not know what was asked for (404)",
    "timeout": "no answer came in time",
    "reset": "the connection broke while a request was open: a worker may have died",
    "connect": "no connection could be made",
    "invalid": "answers with status 200 broke KATO's contract",
}


@rule(
    "kato.requests-fail",
    holds_for="KATO from 3.0",
    precondition=lambda evidence: evidence.counts.due > 0,
    source="errors by kind as recorded; causes by KATO 3.10.1's known failure modes",
)
def requests_fail(evidence: Evidence) -> Finding | None:
    """A fast error is no fast answer, and some failures of KATO look like a client's."""
    failed = {kind: number for kind, number in evidence.counts.errors.items() if kind in _CAUSES and number}
    share = sum(failed.values()) / evidence.counts.due
    if share <= FAILING_SHARE:
        return None
    gravest_first = sorted(failed.items(), key=lambda item: -item[1])
    reasons = "; ".join(f"{words.count(number)} {kind}: {_CAUSES[kind]}" for kind, number in gravest_first)
    return Finding(
        "kato.requests-fail",
        "warning",
        "Requests fail",
        f"{words.percent(share)} of {words.count(evidence.counts.due)} requests failed. {reasons}.",
        {"share": share, **failed},
    )
