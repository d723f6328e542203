"""Commands for `redis-cli` that change a running Redis."""

from __future__ import annotations

from advisor.patches.base import Changes, Deployment, Form, in_one_file
from bench.knobs.catalogue import find
from bench.record.advice import Patch

#: KATO has no setting for the length of its streams: an operator can only trim them.
_STREAM_LENGTH = "kato.KATO_BENCH_STREAM_MAXLEN"
_STREAM = "stm:global"


def write(changes: Changes, deployment: Deployment) -> Patch | None:
    knobs = ((find(name), value) for name, value in changes.items())
    commands = [
        f"CONFIG SET {knob.spelled} {quoted(knob.write(value))}"
        for knob, value in knobs
        if knob.home == "redis config" and knob.effect == "live"
    ]
    title = "At once and until the next restart, in redis-cli"
    if length := changes.get(_STREAM_LENGTH):
        commands.append(f"XTRIM {_STREAM} MAXLEN ~ {length}")
        title += "; KATO never trims, so repeat XTRIM, also for each stm:events:* key"
    return Patch(kind="redis", title=title, text="\n".join(commands) + "\n") if commands else None


def quoted(text: str) -> str:
    """As redis-cli and the configuration file read it; plain where it needs no quotes."""
    if text and not any(character.isspace() or character in "\"'\\" for character in text):
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


FORM = Form(write, in_one_file("redis.txt"))
