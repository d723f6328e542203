"""From the flags of `kato-bench run` to a plan. Every refusal is a UsageError of one sentence."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from bench.errors import UsageError
from bench.gate import objectives
from bench.knobs import catalogue as knobs
from bench.knobs.knob import KnobError
from bench.loadgen.catalogue import Scenario, option_values
from bench.plan import Arrivals, Phases, Plan, TargetPlan, session_value
from bench.targets.embedded import faults

#: Where CI says what it builds: tag -> environment names, the first that is set counts.
_CI = {
    "commit": ("GITHUB_SHA", "CI_COMMIT_SHA", "BUILDKITE_COMMIT", "CIRCLE_SHA1", "GIT_COMMIT"),
    "branch": ("GITHUB_REF_NAME", "CI_COMMIT_REF_NAME", "BUILDKITE_BRANCH", "CIRCLE_BRANCH", "GIT_BRANCH"),
}

#: A load process sends some thousand requests a second.
_LEAST_RATE, _MOST_RATE, _MOST_USERS = 0.001, 100_000, 20_000
#: Seconds. Shorter, no request has a chance to be answered; longer, a mistyped number is more likely.
SHORTEST, LONGEST = 0.1, 7 * 86_400.0
_LONGEST_TIMEOUT = 3600.0

_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(s|m|h|min)?")
_SECONDS = {"s": 1, None: 1, "m": 60, "min": 60, "h": 3600}

Profile = Literal["healthy", "shipped"]


@dataclass(frozen=True)
class RunFlags:
    """The flags as they were typed; None = not given."""

    target: str = "embedded"
    #: Addresses by `redis`, `qdrant`, `clickhouse`.
    stores: Mapping[str, str | None] = field(default_factory=dict)
    rate: float | None = None
    users: int | None = None
    arrivals: str | None = None
    think: float | None = None
    warmup: float = 5.0
    duration: float = 30.0
    seed: int = 1
    timeout: float = 30.0
    connections: int | None = None
    workers: int | None = None
    profile: str | None = None
    set: Sequence[str] = ()
    fault: Sequence[str] = ()
    data: Sequence[str] = ()
    session: Sequence[str] = ()
    tag: Sequence[str] = ()
    objective: Sequence[str] = ()
    corpus: Path | None = None
    keep_data: bool = False
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ)


def make_plan(scenario: Scenario, flags: RunFlags) -> Plan:
    """Raises UsageError for what is wrong, malformed, or does not go together."""
    within("--duration", flags.duration, SHORTEST, LONGEST, "seconds")
    within("--warmup", flags.warmup, 0, LONGEST, "seconds")
    within("--timeout", flags.timeout, 0.001, _LONGEST_TIMEOUT, "seconds")
    if flags.connections is not None and flags.connections < 1:
        raise UsageError(f"--connections {flags.connections}: give 1 or more.")
    for text in flags.objective:
        _require_measurable(objectives.parse(text), scenario)
    target = target_plan(flags)
    require_stores(scenario, target)
    data = option_values(scenario.about, pairs("--data", flags.data))
    session = {key: _session_value(key, value) for key, value in pairs("--session", flags.session).items()}
    predicts = session.get("process_predictions", False)
    if not isinstance(predicts, bool):
        raise UsageError(f"--session process_predictions={predicts}: say true or false.")
    if predicts and "deadlock" not in target.faults and _sessions(flags, data) > data["nodes"]:
        raise UsageError(
            "--session process_predictions=true: with predictions at observe time, two sessions of one node "
            f"that observe at once stop a KATO worker for ever; give at most one session per node "
            f"(--data sessions={data['nodes']})."
        )
    return Plan(
        scenario=scenario.name,
        arrivals=_arrivals(scenario, flags),
        phases=Phases(warmup=flags.warmup, measure=flags.duration),
        target=target,
        data=data,
        session=session,
        corpus=str(flags.corpus.absolute()) if flags.corpus else None,
        objectives=list(flags.objective),
        connections=flags.connections,
        timeout=flags.timeout,
        seed=flags.seed,
        tags={**_ci_tags(flags.environment), **pairs("--tag", flags.tag)},
        keep_data=flags.keep_data,
    )


def _require_measurable(objective: objectives.Objective, scenario: Scenario) -> None:
    """Raises UsageError for an objective that no run of the scenario can tell anything about."""
    objectives.require_sent(objective, scenario.about["operations"])
    if objective.kind == "recall" and not scenario.about.get("recall"):
        raise UsageError(
            f'objective "{objective.text}": the scenario {scenario.name} probes no recall; the scenario '
            "vectors does."
        )


def require_stores(scenario: Scenario, target: TargetPlan) -> None:
    """Raises UsageError where a running KATO's store that the scenario reaches for has no address."""
    if target.kind != "url":
        return
    for store in scenario.about.get("stores", ()):
        if store not in target.stores:
            raise UsageError(
                f"The scenario {scenario.name} reaches for KATO's {store.capitalize()} itself: say where "
                f"it is with --{store}-url URL."
            )


def target_plan(flags: RunFlags) -> TargetPlan:
    assignments = list(flags.set)
    given = {name: url for name, url in flags.stores.items() if url is not None}
    if flags.workers is not None:
        assignments.append(f"uvicorn.workers={flags.workers}")
    if flags.profile not in (None, "healthy", "shipped"):
        raise UsageError(f"--profile {flags.profile}: there are healthy and shipped.")
    if flags.target == "embedded":
        if given:
            raise UsageError(
                f"--{next(iter(given))}-url tells where a store of a running KATO is, so it goes with "
                "--target URL."
            )
        profile: Profile = "shipped" if flags.profile == "shipped" else "healthy"
        chosen, planted = parse_knobs(assignments), faults.parse(flags.fault)
        faults.require_free(planted, chosen)
        return TargetPlan(kind="embedded", profile=profile, knobs=chosen, faults=planted)
    if assignments or flags.fault or flags.profile is not None:
        raise UsageError(
            "--set, --workers, --profile and --fault shape the embedded target; a target given by URL runs "
            "already."
        )
    return TargetPlan(kind="url", url=flags.target, stores=given)


def parse_knobs(assignments: Sequence[str]) -> dict[str, str]:
    """Canonical knob name -> value, from `KNOB=VALUE` texts."""
    try:
        return knobs.parse(assignments)
    except KnobError as error:
        raise UsageError(f"--set: {str(error).rstrip('.')}.") from error


def seconds_of(flag: str, text: str) -> float:
    """`900`, `900s`, `15m` or `1h` in seconds. Raises UsageError for another text, for 0, and for years."""
    match = _DURATION.fullmatch(text.strip())
    found = float(match[1]) * _SECONDS[match[2]] if match else 0.0
    if not 0 < found <= LONGEST:
        raise UsageError(f"{flag} {text}: give a time from 1s to 168h, such as 20m or 900s.")
    return found


def pairs(flag: str, texts: Sequence[str]) -> dict[str, str]:
    """KEY=VALUE texts of a flag that may be given many times; a key may not have two values."""
    found: dict[str, str] = {}
    for text in texts:
        key, sign, value = text.partition("=")
        if not sign or not key.strip():
            raise UsageError(f"{flag} {text!r}: write KEY=VALUE.")
        if not _encodable(text):
            raise UsageError(f"{flag} {text!r}: this is not valid UTF-8.")
        if found.setdefault(key.strip(), value) != value:
            raise UsageError(f"{flag} {key}: given two values, {found[key.strip()]!r} and {value!r}.")
    return found


def _arrivals(scenario: Scenario, flags: RunFlags) -> Arrivals:
    if flags.users is not None and flags.rate is not None:
        raise UsageError(
            "--rate and --users exclude each other: an open model has a rate, a closed one users."
        )
    if flags.users is not None or flags.arrivals == "closed":
        if flags.users is None:
            raise UsageError("--arrivals closed needs --users N.")
        if not 1 <= flags.users <= _MOST_USERS:
            raise UsageError(f"--users {flags.users}: give 1 to {_MOST_USERS}.")
        if flags.arrivals not in (None, "closed"):
            raise UsageError(f"--arrivals {flags.arrivals} needs --rate, not --users.")
        think = flags.think or 0.0
        within("--think", think, 0, LONGEST, "seconds")
        return Arrivals(kind="closed", users=flags.users, think=think)
    if flags.think is not None:
        raise UsageError("--think goes with --users: only a closed model has think time.")
    rate = scenario.about["defaults"]["rate"] if flags.rate is None else flags.rate
    require_rate("--rate", rate)
    if flags.arrivals == "constant":
        return Arrivals(kind="constant", rate=rate)
    if flags.arrivals in (None, "poisson"):
        return Arrivals(kind="poisson", rate=rate)
    raise UsageError(f"--arrivals {flags.arrivals}: there are poisson, constant and closed.")


def require_rate(flag: str, number: float) -> None:
    within(flag, number, _LEAST_RATE, _MOST_RATE, "requests a second")


def within(flag: str, number: float, least: float, most: float, what: str) -> None:
    """Raises UsageError that says from where to where the flag's number goes."""
    if not least <= number <= most:
        raise UsageError(f"{flag} {number:g}: give {what} from {least:g} to {most:,.0f}.")


def _sessions(flags: RunFlags, data: Mapping[str, object]) -> int:
    return flags.users if flags.users is not None else int(str(data["sessions"]))


def _session_value(key: str, text: str) -> object:
    """Raises UsageError for a number that JSON cannot hold, and for lists in lists without end."""
    try:
        return session_value(text)
    except RecursionError:
        raise UsageError(f"--session {key}: the value is nested too deeply.") from None
    except ValueError:
        raise UsageError(f"--session {key}={text[:40]}: give a number that is finite.") from None


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _ci_tags(environment: Mapping[str, str]) -> dict[str, str]:
    found = {
        tag: next((environment[name] for name in names if environment.get(name)), "")
        for tag, names in _CI.items()
    }
    return {tag: value for tag, value in found.items() if value}
