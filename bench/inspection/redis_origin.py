"""Where the settings of Redis come from: its file and its command line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bench.inspection.asking import Answer
from bench.inspection.kato_origin import words_of
from bench.inspection.questions import machine
from bench.inspection.settings import files
from bench.inspection.settings.redis import Origin, command_options
from bench.secrecy import redacted
from bench.targets.base import TargetFacts

#: Kinds of targets whose Redis kato-bench starts, with a file and nothing else; a server in its place has no
#: process that is known.
_STARTED_HERE = ("embedded", "source")


def origin_of(facts: TargetFacts, answer: Answer) -> Origin:
    config: Mapping[str, str] | None = answer.values.get("config")
    if config is None:
        return Origin(None, answer.values.get("refused") or answer.failure or "it does not tell")
    part = facts.part("redis")
    pid = part.pid if part is not None else None
    file, why = _file(str((answer.values.get("info") or {}).get("config_file") or ""), pid)
    return Origin(redacted(config), None, file, why, _command(facts, config, pid))


def _file(path: str, pid: int | None) -> tuple[files.RedisConf | None, str | None]:
    if not path:
        return files.RedisConf({}), None
    text, why = machine.read_file(pid, path)
    return (None, why) if text is None else (files.redis_conf(text), None)


def _command(facts: TargetFacts, config: Mapping[str, Any], pid: int | None) -> Mapping[str, str] | None:
    """What its command line sets; None where it cannot be known, as the server writes a title over it."""
    container = next((one for one in facts.containers if one.part == "redis"), None)
    if container is not None and container.command:
        words = words_of(container.command)
        # A script decides only when it runs.
        return None if "if" in words else command_options(words)
    if facts.kind in _STARTED_HERE and pid is not None:
        return {}
    if config.get("set-proc-title") == "no" and pid is not None:
        process = machine.look_at(pid)
        if process is not None and process.arguments is not None:
            return command_options(process.arguments)
    return None
