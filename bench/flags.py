"""From a plan file and the flags of `kato-bench run` to a plan. Every refusal is a UsageError, one sentence.

What a flag says holds against the file; what neither says has its default.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from bench import compose_flags
from bench.errors import UsageError
from bench.gate import objectives
from bench.knobs import catalogue as knobs
from bench.knobs.knob import KnobError
from bench.limits import LEAST_TIMEOUT, LONGEST, LONGEST_TIMEOUT, SHORTEST, within
from bench.load_flags import load_from
from bench.loader_flags import loaders_from
from bench.loadgen.catalogue import Scenario, option_values
from bench.plan import CollectorsPlan, LoadersPlan, Option, Plan, TargetPlan, session_value
from bench.planfile.stated import PlanFile, told_at
from bench.planfile.table import shown
from bench.source_flags import require_settable, source_from
from bench.targets.embedded import faults

#: Where CI says what it builds: tag -> environment names, the first that is set counts.
_CI = {
    "commit": ("GITHUB_SHA", "CI_COMMIT_SHA", "BUILDKITE_COMMIT", "CIRCLE_SHA1", "GIT_COMMIT"),
    "branch": ("GITHUB_REF_NAME", "CI_COMMIT_REF_NAME", "BUILDKITE_BRANCH", "CIRCLE_BRANCH", "GIT_BRANCH"),
}
EMBEDDED = "embedded"
DEFAULT_SCENARIO = "chat"
_SEED, _TIMEOUT = 1, 30.0

Profile = Literal["healthy", "shipped"]


@dataclass(frozen=True)
class RunFlags:
    """The flags as they were typed; None or empty = not given."""

    target: str | None = None
    #: Addresses by `redis`, `qdrant`, `clickhouse`.
    stores: Mapping[str, str | None] = field(default_factory=dict)
    rate: float | None = None
    users: int | None = None
    arrivals: str | None = None
    think: float | None = None
    warmup: float | None = None
    duration: float | None = None
    seed: int | None = None
    timeout: float | None = None
    connections: int | None = None
    processes: int | None = None
    expect_workers: int | None = None
    master_bind: str | None = None
    worker_wait: float | None = None
    kato_source: Path | None = None
    kato_python: str | None = None
    kato_venv: bool = False
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
    verify: bool = False
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ)


def make_plan(scenario: Scenario, flags: RunFlags, file: PlanFile | None = None) -> Plan:
    """Raises UsageError for what is wrong, malformed, or does not go together."""
    if flags.duration is not None:
        within("--duration", flags.duration, SHORTEST, LONGEST, "seconds")
    if flags.warmup is not None:
        within("--warmup", flags.warmup, 0, LONGEST, "seconds")
    if flags.timeout is not None:
        within("--timeout", flags.timeout, LEAST_TIMEOUT, LONGEST_TIMEOUT, "seconds")
    if flags.connections is not None and flags.connections < 1:
        raise UsageError(f"--connections {flags.connections}: give 1 or more.")
    if flags.seed is not None and flags.seed < 0:
        raise UsageError(f"--seed {flags.seed}: give 0 or more.")
    wanted = _objectives(scenario, flags, file)
    target = target_plan(flags, file.target if file else None)
    require_stores(scenario, target)
    arrivals, phases = load_from(scenario, flags, file)
    corpus = str(flags.corpus.absolute()) if flags.corpus else None
    plan = Plan(
        scenario=scenario.name,
        arrivals=arrivals,
        phases=phases,
        target=target,
        data=_data(scenario, flags, file),
        session={**scenario.about.get("session", {}), **_session(flags, file)},
        corpus=_first(corpus, file and file.corpus),
        objectives=wanted,
        connections=_first(flags.connections, file and file.connections),
        timeout=_first(flags.timeout, file and file.timeout, _TIMEOUT),
        collectors=CollectorsPlan(interval=_first(file and file.interval, CollectorsPlan().interval)),
        seed=_first(flags.seed, file and file.seed, _SEED),
        tags={
            **({} if target.source is not None else _ci_tags(flags.environment)),
            **(file.tags if file else {}),
            **pairs("--tag", flags.tag),
        },
        keep_data=flags.keep_data or bool(file and file.keep_data),
        verify=_verifies(flags, file),
    )
    _require_no_deadlock(plan)
    return plan.model_copy(update={"loaders": _loaders(flags, file, plan.sessions)})


def _loaders(flags: RunFlags, file: PlanFile | None, sessions: int) -> LoadersPlan:
    """Those of the flags where they say whether processes or workers, else the file's."""
    if file is None or file.loaders is None or not (flags.processes is None and flags.expect_workers is None):
        return loaders_from(flags, sessions)
    stated = file.loaders
    given = replace(
        flags,
        processes=stated.processes,
        expect_workers=stated.expect_workers,
        master_bind=_first(flags.master_bind, stated.master_bind),
        worker_wait=_first(flags.worker_wait, stated.worker_wait),
    )
    with told_at(file.place("loaders")):
        return loaders_from(given, sessions)


def _verifies(flags: RunFlags, file: PlanFile | None) -> bool:
    return flags.verify or bool(file and file.verify)


def _first(*values: Any) -> Any:
    """The first value that was given."""
    return next((value for value in values if value is not None), None)


def _objectives(scenario: Scenario, flags: RunFlags, file: PlanFile | None) -> list[str]:
    """Those of the flags, if there are any, else those of the file."""
    verifies = _verifies(flags, file)
    for text in flags.objective:
        _require_measurable(objectives.parse(text), scenario, verifies=verifies)
    if flags.objective or file is None:
        return list(flags.objective)
    for number, text in enumerate(file.objectives):
        with told_at(file.place("objectives", number)):
            _require_measurable(objectives.parse(text), scenario, verifies=verifies)
    return list(file.objectives)


def _require_measurable(objective: objectives.Objective, scenario: Scenario, *, verifies: bool) -> None:
    """Raises UsageError for an objective that no run of the scenario can tell anything about."""
    objectives.require_sent(objective, scenario.about["operations"])
    if objective.kind == "recall" and not scenario.about.get("recall"):
        raise UsageError(
            f'objective "{objective.text}": the scenario {scenario.name} probes no recall; the scenario '
            "vectors does."
        )
    if objective.statistic == objectives.WRONG and not verifies:
        raise UsageError(f'objective "{objective.text}": wrong answers are looked for with --verify; add it.')


def _data(scenario: Scenario, flags: RunFlags, file: PlanFile | None) -> dict[str, Any]:
    """The scenario's options. A value of the file has the type that it is written in; a flag is text."""
    given = pairs("--data", flags.data)
    texts: dict[str, str] = {}
    for name, value in (file.data if file else {}).items():
        if file is None or name in given:
            continue
        texts[name] = str(value).lower() if isinstance(value, bool) else str(value)
        with told_at(file.place("data", name), "--data"):
            _require_type(scenario, name, value)
            option_values(scenario.about, {name: texts[name]})
    return option_values(scenario.about, {**texts, **given})


def _require_type(scenario: Scenario, name: str, value: Option) -> None:
    option = scenario.about["options"].get(name)
    if option is None:
        return
    kind = type(option["default"])
    if type(value) is not kind and not (kind is float and type(value) is int):
        wanted = {int: "a whole number", float: "a number", bool: "true or false"}.get(kind, "text in quotes")
        example = f"{name} = {shown(option['default'])}"
        raise UsageError(f"{name} = {shown(value)}: give {wanted}, such as {example}.")


def _session(flags: RunFlags, file: PlanFile | None) -> dict[str, object]:
    given = {key: _session_value(key, value) for key, value in pairs("--session", flags.session).items()}
    stated = dict(file.session) if file else {}
    predicts = "process_predictions"
    if file is not None and not isinstance(stated.get(predicts, False), bool):
        raise UsageError(
            f"{file.place('session', predicts)}: {predicts} = {shown(stated[predicts])}: say true or false."
        )
    if not isinstance(given.get(predicts, False), bool):
        raise UsageError(f"--session {predicts}={given[predicts]}: say true or false.")
    return {**stated, **given}


def _require_no_deadlock(plan: Plan) -> None:
    if plan.session.get("process_predictions") and "deadlock" not in plan.target.faults:
        nodes = int(plan.data["nodes"])
        if plan.sessions > nodes:
            raise UsageError(
                "--session process_predictions=true: with predictions at observe time, two sessions of one "
                "node that observe at once stop a KATO worker for ever; give at most one session per node "
                f"(--data sessions={nodes})."
            )


def require_stores(scenario: Scenario, target: TargetPlan) -> None:
    """Raises UsageError where a running KATO's store that the scenario reaches for has no address."""
    if target.url is None:
        return
    for store in scenario.about.get("stores", ()):
        if store not in target.stores:
            raise UsageError(
                f"The scenario {scenario.name} reaches for KATO's {store.capitalize()} itself: say where "
                f"it is with --{store}-url URL."
            )


def target_plan(flags: RunFlags, stated: TargetPlan | None = None) -> TargetPlan:
    """`stated`: the target of the plan file; --target puts another in its place, other flags change it."""
    assignments = list(flags.set)
    given = {name: url for name, url in flags.stores.items() if url is not None}
    if flags.workers is not None:
        assignments.append(f"uvicorn.workers={flags.workers}")
    if flags.profile not in (None, "healthy", "shipped"):
        raise UsageError(f"--profile {flags.profile}: there are healthy and shipped.")
    base = _base_target(flags, stated)
    if base.where is not None:
        if assignments or flags.fault or flags.profile is not None:
            given_by = "by Compose files" if base.kind == "compose" else "by URL"
            raise UsageError(
                "--set, --workers, --profile and --fault shape the embedded target; a target given "
                f"{given_by} runs already."
            )
        return base.model_copy(update={"stores": {**base.stores, **given}})
    profile: Profile = base.profile
    if flags.profile is not None:
        profile = "shipped" if flags.profile == "shipped" else "healthy"
    chosen = {**base.knobs, **parse_knobs(assignments)}
    planted = {**base.faults, **faults.parse(flags.fault)}
    faults.require_free(planted, chosen)
    target = TargetPlan(
        kind="embedded" if base.source is None else "source",
        source=base.source,
        stores={**base.stores, **given},
        profile=profile,
        knobs=chosen,
        faults=planted,
    )
    require_settable(target)
    return target


def _base_target(flags: RunFlags, stated: TargetPlan | None) -> TargetPlan:
    if flags.target not in (None, EMBEDDED):
        if flags.kato_source is not None or flags.kato_python is not None or flags.kato_venv:
            raise UsageError(
                "--kato-source, --kato-python and --kato-venv start a KATO; a target given by URL runs "
                "already."
            )
        if compose_flags.is_compose(str(flags.target)):
            return compose_flags.parse(str(flags.target), flags.environment)
        return TargetPlan(kind="url", url=flags.target)
    base = stated if flags.target is None and stated is not None else TargetPlan()
    source = source_from(flags, base.source)
    if base.where is not None:
        return base if source is None else TargetPlan(kind="source", source=source)
    return base.model_copy(update={"source": source})


def parse_knobs(assignments: Sequence[str]) -> dict[str, str]:
    """Canonical knob name -> value, from `KNOB=VALUE` texts."""
    try:
        return knobs.parse(assignments)
    except KnobError as error:
        raise UsageError(f"--set: {str(error).rstrip('.')}.") from error


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
