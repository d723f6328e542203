"""One inspection: ask everything at once, put the answers together, judge."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from bench.inspection import checks
from bench.inspection.asking import Answer, Question, ask_all
from bench.inspection.findings import Inspection
from bench.inspection.kato_origin import Started, expected_workers, look
from bench.inspection.questions import clickhouse, kato, machine, qdrant, redis
from bench.inspection.redis_origin import origin_of
from bench.inspection.seen import (
    ClickHouse,
    Kato,
    Part,
    Qdrant,
    Redis,
    Seen,
    Setting,
    Unknown,
    Workers,
)
from bench.inspection.settings import kato as of_kato
from bench.inspection.settings import redis as of_redis
from bench.inspection.settings import stores
from bench.knobs import catalogue
from bench.knobs.knob import KnobError
from bench.targets.base import TargetFacts

#: Seconds for all questions, and the share of them that the few which follow from their answers get.
PATIENCE, _MORE = 2.5, 0.25
_STORES = {"redis": redis.about, "qdrant": qdrant.about, "clickhouse": clickhouse.about}
_FIELDS = {"redis": Redis, "qdrant": Qdrant, "clickhouse": ClickHouse}


def inspect(facts: TargetFacts, patience: float = PATIENCE) -> Inspection:
    """Review a deployment that runs. Reads only. Takes less than a second where all answer, and whatever does
    not within `patience` seconds is said to be unknown."""
    began = time.monotonic()
    started = look(facts)
    servers = machine.Servers(started.pid) if started.pid is not None else None
    expected, expected_by = expected_workers(started)
    answers = ask_all(_questions(facts, expected), patience)
    seen = _put_together(
        facts, started, answers, _workers(answers["workers"], expected, expected_by, servers)
    )
    seen = _compared(facts, seen, _MORE * patience)
    return Inspection(
        facts.base_url, facts.kind, seen, checks.judge(seen), round(time.monotonic() - began, 3)
    )


def _questions(facts: TargetFacts, expected: int | None) -> dict[str, Question]:
    questions: dict[str, Question] = {
        "kato": partial(kato.about, facts.base_url),
        "workers": partial(kato.workers, facts.base_url, expected),
        "machine": partial(_of_machine, facts),
    }
    for name, about in _STORES.items():
        part = facts.part(name)
        if part is not None and part.address is not None:
            questions[name] = partial(about, part.address)
    return questions


def _of_machine(facts: TargetFacts) -> Any:
    """What the system says of the stores: where they listen, and what limits them."""
    listeners = machine.listeners()
    for name in _STORES:
        part = facts.part(name)
        if part is None or part.address is None:
            continue
        where = urlsplit(part.address if "://" in part.address else f"//{part.address}")
        # At an address of another machine the ports of this one say nothing.
        if part.pid is not None or where.hostname in ("localhost", "127.0.0.1", "::1"):
            yield f"{name}.listens", listeners.get(where.port or 0, ())
        yield f"{name}.limit", machine.memory_limit(part.pid)


def _workers(
    answer: Answer, expected: int | None, expected_by: str | None, servers: machine.Servers | None
) -> Workers:
    polls: tuple[kato.Poll, ...] = answer.values.get("polls", ())
    uptimes = {poll.worker: poll.uptime or 0.0 for poll in polls if poll.worker is not None}
    return Workers(
        expected=expected,
        expected_by=expected_by,
        uptimes=tuple(sorted(uptimes.values(), reverse=True)),
        polls=len(polls),
        refused=sum(poll.refused for poll in polls),
        silent=sum(poll.worker is None and not poll.refused for poll in polls),
        processes=servers.after() if servers is not None else None,
    )


def _put_together(
    facts: TargetFacts, started: Started, answers: Mapping[str, Answer], workers: Workers
) -> Seen:
    of_machine = answers["machine"].values
    found: dict[str, Any] = {}
    for name, kind in _FIELDS.items():
        if name in answers and answers[name].values:
            values = {
                key: value for key, value in answers[name].values.items() if key in kind.__annotations__
            }
            if f"{name}.listens" in of_machine:
                values["listens"] = of_machine[f"{name}.listens"]
            if "container_limit" in kind.__annotations__:
                values["container_limit"] = of_machine.get(f"{name}.limit")
            found[name] = kind(**values)
    seen = Seen(
        parts=_parts(facts, started, answers),
        workers=workers,
        kato=_kato(answers["kato"].values, started),
        containers=facts.containers,
        unknown=_unknown(facts, started, answers),
        **found,
    )
    return replace(seen, settings=_settings(facts, started, seen, answers))


def _parts(facts: TargetFacts, started: Started, answers: Mapping[str, Answer]) -> tuple[Part, ...]:
    parts = []
    for fact in facts.parts:
        answer = answers.get(fact.name)
        values = answer.values if answer is not None else {}
        version = values.get("version") or (values.get("about") or {}).get("version")
        engine, told = _engine(fact.name, values)
        if fact.name == "kato" and started.stand_in:
            engine = "kato-bench reference API"
        parts.append(
            Part(
                fact.name,
                fact.engine or engine,
                told or version or fact.version,
                fact.address,
                None if answer is None else bool(values),
                (answer.failure if answer is not None else None) or fact.note,
            )
        )
    return tuple(parts)


def _engine(part: str, values: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """(engine, version) as Redis or Valkey tells them; of the others only the protocol is known."""
    info = values.get("info") or {}
    if "valkey_version" in info:
        return "Valkey", str(info["valkey_version"])
    if "redis_version" in info:
        return "Redis", str(info["redis_version"])
    return {"kato": "KATO", "qdrant": "Qdrant", "clickhouse": "ClickHouse"}.get(part), None


def _kato(values: Mapping[str, Any], started: Started) -> Kato:
    status, concurrency = values.get("status") or {}, values.get("concurrency") or {}
    processors = status.get("processors") or {}
    return Kato(
        defects=started.defects,
        service_name=values.get("service_name"),
        password_shown=kato.shows_password(status),
        session_ttl=_whole(processors.get("eviction_ttl_seconds")),
        nodes_loaded=_whole(processors.get("total_processors")),
        reported_workers=_whole((concurrency.get("configuration") or {}).get("workers")),
        reported_limit=_whole((concurrency.get("limits") or {}).get("per_worker")),
        cores=started.cores,
    )


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _settings(
    facts: TargetFacts, started: Started, seen: Seen, answers: Mapping[str, Answer]
) -> dict[str, Setting]:
    found = of_kato.settings_of(started.origin)
    redis_answer = answers.get("redis")
    if redis_answer is None:
        origin = of_redis.Origin(None, "the address of Redis is not given")
    else:
        origin = origin_of(facts, redis_answer)
    found |= of_redis.settings_of(origin)
    if seen.qdrant is not None:
        found |= stores.of_qdrant(seen.qdrant)
    if seen.clickhouse is not None:
        found |= stores.of_clickhouse(seen.clickhouse)
    found |= stores.of_containers(facts.containers)
    found |= _of_compose(facts)
    found |= _of_kato_itself(seen, found)
    return {**found, **_of_facts(facts, found)}


def _of_compose(facts: TargetFacts) -> dict[str, Setting]:
    """What KATO's compose file gives to Redis, and no other part reads."""
    name, variable = "kato.REDIS_PERSISTENCE", "REDIS_PERSISTENCE"
    given = next((one.environment.get(variable) for one in facts.containers if one.part == "redis"), None)
    return {name: Setting(name, given, None, "manifest")} if given else {}


def _of_kato_itself(seen: Seen, found: Mapping[str, Setting]) -> dict[str, Setting]:
    """Two settings stand in KATO's answers, so that they are known of a KATO anywhere."""
    told = {"kato.SESSION_TTL": seen.kato.session_ttl, "kato.SERVICE_NAME": seen.kato.service_name}
    return {
        name: replace(found[name], value=value)
        for name, value in told.items()
        if value is not None and found[name].value is None
    }


def _of_facts(facts: TargetFacts, found: Mapping[str, Setting]) -> dict[str, Setting]:
    """What the target knows of settings that nobody else could tell, or of who set them."""
    known = {}
    for name, declared in facts.knobs.items():
        setting = found.get(name)
        set_by: Any = facts.set_by.get(name)
        if declared is None or (setting is not None and setting.set_by is not None):
            continue
        try:
            knob = catalogue.find(name)
        except KnobError:
            continue
        if setting is None or setting.value is None:
            by: Any = set_by or ("default" if declared == knob.usual else None)
            known[name] = Setting(name, declared, knob.usual, by)
        elif set_by is not None and declared == setting.value:
            known[name] = replace(setting, set_by=set_by, why=None)
        elif set_by not in (None, "default"):
            known[name] = replace(setting, set_by="runtime", stored=declared, why=None)
    return known


def _unknown(facts: TargetFacts, started: Started, answers: Mapping[str, Answer]) -> tuple[Unknown, ...]:
    found = [Unknown("the deployment", note) for note in facts.notes]
    if started.origin.why is not None:
        found.append(Unknown("KATO's settings", started.origin.why))
    for name in _STORES:
        part, answer = facts.part(name), answers.get(name)
        if answer is None:
            found.append(
                Unknown(f"all of {name}", (part.note if part else None) or "its address is not given")
            )
        elif answer.failure is not None:
            found.append(Unknown(f"some of {name}" if answer.values else f"all of {name}", answer.failure))
        elif "refused" in answer.values:
            found.append(Unknown(f"settings of {name}", answer.values["refused"]))
    if answers["kato"].failure is not None:
        found.append(Unknown("what KATO says of itself", answers["kato"].failure))
    return tuple(found)


def _compared(facts: TargetFacts, seen: Seen, seconds: float) -> Seen:
    """With what Redis counts for the nodes that ClickHouse has patterns of."""
    part = facts.part("redis")
    if seen.redis is None or seen.clickhouse is None or part is None or part.address is None:
        return seen
    nodes = [node.kb for node in seen.clickhouse.nodes]
    if not nodes:
        return seen
    answer = ask_all({"redis": partial(redis.unique_patterns, part.address, nodes)}, seconds)["redis"]
    return replace(seen, redis=replace(seen.redis, unique_patterns=answer.values.get("unique_patterns", {})))
