"""Settings that do nothing, that do harm, and that stop KATO at its next start."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

from bench.inspection.checks.base import check
from bench.inspection.findings import Finding
from bench.inspection.seen import Seen, Setting
from bench.knobs.catalogue import find, in_words
from bench.knobs.knob import Knob, KnobError, Value

_SOURCE = "KATO 3.10.1, every module that the service imports; bench/knobs"
_SCHEMES = ("redis", "rediss", "unix")


def _set(seen: Seen, *states: str) -> list[tuple[Knob, Setting]]:
    """The settings of KATO that somebody made, of knobs in one of these states."""
    found = [
        (find(setting.name), setting)
        for setting in seen.settings.values()
        if setting.chosen and setting.name.startswith("kato.")
    ]
    return [(knob, setting) for knob, setting in found if knob.state in states]


@check("kato.dead", source=_SOURCE)
def dead(seen: Seen) -> Iterator[Finding]:
    """A setting that is read and not used gives the comfort of having tuned something."""
    unused = _set(seen, "unused")
    if unused:
        yield Finding(
            "kato.dead",
            "advice",
            "Settings without effect",
            f"Set, and without effect: {', '.join(knob.spelled for knob, _ in unused)}. KATO reads and does "
            "not use them.",
            "Take them out, so that nobody believes in them.",
            tuple(setting.name for _, setting in unused),
        )


@check("kato.wrong-name", source=_SOURCE)
def wrong_name(seen: Seen) -> Iterator[Finding]:
    """Documents name settings that no code reads; often another name is the one that acts."""
    unread = _set(seen, "unread")
    if unread:
        better = [
            f"{knob.spelled} (what acts is {find(knob.instead).spelled})" if knob.instead else knob.spelled
            for knob, _ in unread
        ]
        yield Finding(
            "kato.wrong-name",
            "advice",
            "Names that KATO never reads",
            f"Set, and read by nothing: {', '.join(better)}.",
            "Use the names that act; `kato-bench knobs NAME` tells them.",
            tuple(setting.name for _, setting in unread),
        )


@check(
    "kato.reported-otherwise",
    source="KATO 3.10.1: GET /concurrency repeats UVICORN_*, the command line decides",
)
def reported_otherwise(seen: Seen) -> Iterator[Finding]:
    """GET /concurrency repeats these variables: where they differ from the command line, its numbers and its
    advice are of a server that does not exist."""
    for knob, setting in _set(seen, "reported"):
        real = seen.value(knob.instead or "")
        if real is not None and setting.value is not None and str(real) != str(setting.value):
            acting = find(knob.instead or "")
            yield Finding(
                "kato.reported-otherwise",
                "advice",
                "GET /concurrency tells of another server",
                f"{knob.spelled} is {setting.value}, and {acting.spelled} is {real}: KATO reports the first "
                "and runs with the second.",
                f"{knob.spelled}={real}.",
                (setting.name, acting.name),
                {"reported": setting.value, "real": real},
            )


@check("kato.crashes", source="KATO 3.10.1 [V]: pydantic aborts the start")
def crashes(seen: Seen) -> Iterator[Finding]:
    """An environment that KATO does not start with goes unnoticed until the next restart."""
    for setting in seen.settings.values():
        knob = find(setting.name)
        if (
            knob.crashes is None
            or not setting.chosen
            or setting.value is None
            or _starts(knob, setting.value)
        ):
            continue
        yield Finding(
            "kato.crashes",
            "critical",
            "KATO does not start with this",
            f"{knob.spelled} is {in_words(knob.name, setting.value)}, and KATO does not start with "
            f"{knob.crashes}" + (f" than {knob.legal}." if knob.crashes == "any other value" else "."),
            f"{knob.spelled} takes {knob.legal}."
            if knob.acts
            else f"Take {knob.spelled} out: nothing uses it.",
            (setting.name,),
            {"value": setting.value},
        )


def _starts(knob: Knob, value: Value) -> bool:
    special = _LEGAL.get(knob.spelled)
    if special is not None:
        return special(str(value))
    try:
        knob.read(knob.write(value))
    except KnobError:
        return False
    return True


def _is_json_list(text: str) -> bool:
    try:
        return isinstance(json.loads(text), list)
    except ValueError:
        return False


_LEGAL: dict[str, Callable[[str], bool]] = {"CORS_ORIGINS": _is_json_list}


@check("kato.dangerous-value", source="KATO 3.10.1 [V]; bench/knobs, dangers")
def dangerous_value(seen: Seen) -> Iterator[Finding]:
    """Some values break KATO without a word: another database for reads than for writes, a port that speaks
    another protocol, a switch whose default is off."""
    for setting in seen.settings.values():
        knob = find(setting.name)
        why = knob.danger(setting.value) if setting.value is not None else None
        if why is None or knob.system != "kato":
            continue
        yield Finding(
            "kato.dangerous-value",
            "critical",
            f"{knob.spelled} does harm",
            f"{knob.spelled} is {in_words(knob.name, setting.value)}"
            + (" (its default)" if not setting.chosen else "")
            + f": {why}.",
            f"kato-bench knobs {knob.spelled} tells what it takes.",
            (setting.name,),
            {"value": setting.value},
        )


@check("kato.redis-url", source="KATO 3.10.1: redis:// only; without an address sessions live in the process")
def redis_url(seen: Seen) -> Iterator[Finding]:
    """Sessions need a Redis that all workers share; sentinel and cluster addresses are not understood."""
    setting = seen.settings.get("kato.REDIS_URL")
    if setting is None or setting.set_by is None:
        return
    url = str(setting.value or "")
    if not url:
        many = (seen.workers.expected or 1) > 1
        yield Finding(
            "kato.redis-url",
            "critical" if many else "warning",
            "Sessions live in one worker's memory",
            "REDIS_URL is not set: a session is known to the worker that made it, and ends with it.",
            "REDIS_URL=redis://HOST:6379.",
            (setting.name,),
        )
    elif url.partition("://")[0] not in _SCHEMES:
        yield Finding(
            "kato.redis-url",
            "critical",
            "Sessions cannot reach Redis",
            f"REDIS_URL begins with {url.partition('://')[0]}://, and KATO understands redis:// only.",
            "REDIS_URL=redis://HOST:6379 of the server that is written to.",
            (setting.name,),
        )
