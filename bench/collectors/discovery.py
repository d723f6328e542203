"""Ask every part of a target once what it is and how it is set, before the load begins."""

from __future__ import annotations

import queue
import threading
import time
from dataclasses import fields, replace

from bench.collectors import registry
from bench.collectors.base import Collector, Context, Discovery, Knob, describe
from bench.targets.base import PartFacts, TargetFacts

_Answer = tuple[str, Discovery | BaseException]

#: Who set a knob that is otherwise than what set it says (`TargetFacts.set_by`).
RUNTIME = "runtime"


def discover_all(facts: TargetFacts, timeout: float = 3.0) -> tuple[TargetFacts, dict[str, Knob]]:
    """The facts with what the parts say of themselves, and the live value of every knob they could tell.

    All parts are asked at the same time; after `timeout` seconds the rest counts as silent. A part that
    fails or stays silent gets a `note` and changes nothing else. Live values win over those in
    `facts.knobs`, which are what was asked for. Never raises because of a part."""
    failed: dict[str, str] = {}

    def note(kind: str, /, **fields: object) -> None:
        if kind == "collector_failed":
            failed[str(fields["source"])] = str(fields["error"])

    collectors = registry.make(Context(facts, note=note))
    for source, error in failed.items():
        facts = _with_note(facts, source, f"cannot be asked: {error}")
    answers: queue.SimpleQueue[_Answer] = queue.SimpleQueue()
    for collector in collectors:
        # Daemon threads: a part that hangs must delay neither this call nor the end of the process.
        threading.Thread(target=_ask, args=(collector, answers), daemon=True).start()

    waiting = {collector.source for collector in collectors}
    knobs: dict[str, Knob] = {}
    deadline = time.monotonic() + timeout
    while waiting:
        try:
            source, answer = answers.get(timeout=max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            break
        waiting.discard(source)
        if isinstance(answer, Discovery):
            knobs.update(answer.knobs)
            facts = _merge(facts, answer)
        else:
            facts = _with_note(facts, source, f"did not answer: {describe(answer)}")
    for source in waiting:
        facts = _with_note(facts, source, f"did not answer within {timeout:g} s")
    changed = {name: RUNTIME for name, value in knobs.items() if _differs(facts, name, value)}
    told = replace(facts, knobs={**facts.knobs, **knobs}, set_by={**facts.set_by, **changed})
    return told, knobs


def _differs(facts: TargetFacts, name: str, value: Knob) -> bool:
    """Whether a knob that the deployment's files set has another value in force."""
    return name in facts.set_by and value is not None and facts.knobs.get(name) != value


def _ask(collector: Collector, answers: queue.SimpleQueue[_Answer]) -> None:
    try:
        answers.put((collector.source, collector.discover()))
    except Exception as error:
        answers.put((collector.source, error))
    finally:
        collector.close()


def _merge(facts: TargetFacts, answer: Discovery) -> TargetFacts:
    if answer.kato_version is not None:
        facts = replace(facts, kato_version=answer.kato_version)
    return facts if answer.part is None else _with_part(facts, answer.part)


def _with_part(facts: TargetFacts, part: PartFacts) -> TargetFacts:
    """`facts` with the fields of `part` that are known; a part that is new is added.

    An engine that is already named stays: a target knows what it started, while the part itself only tells
    whose protocol it speaks."""
    known = facts.part(part.name)
    if known is None:
        return replace(facts, parts=(*facts.parts, part))
    values = {item.name: getattr(part, item.name) for item in fields(part)}
    values["engine"] = known.engine or part.engine
    merged = replace(known, **{name: value for name, value in values.items() if value is not None})
    return replace(facts, parts=tuple(merged if old is known else old for old in facts.parts))


def _with_note(facts: TargetFacts, source: str, note: str) -> TargetFacts:
    return facts if facts.part(source) is None else _with_part(facts, PartFacts(source, note=note))
