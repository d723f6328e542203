"""Redis' knobs: what is in force against what its file says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.inspection.seen import SetBy, Setting
from bench.inspection.settings.files import RedisConf
from bench.inspection.settings.reading import value_of
from bench.knobs import catalogue
from bench.knobs.knob import Knob, Value

#: What nobody but an operator changes while the server runs; it adapts others by itself, such as maxclients.
_DELIBERATE = frozenset({"maxmemory", "maxmemory-policy", "appendonly", "appendfsync"})
_HIDDEN = "by CONFIG SET, or by its command line, which the server hides behind a title"


@dataclass(frozen=True)
class Origin:
    """`config`: CONFIG GET *, None = it is not told, and `why` says why. `file`: what its file says, None =
    it cannot be read, and `file_why` says why; empty where it was started without one. `command`: what its
    command line says after the file's name; None = that is not known."""

    config: Mapping[str, str] | None
    why: str | None = None
    file: RedisConf | None = None
    file_why: str | None = None
    command: Mapping[str, str] | None = None


def settings_of(origin: Origin) -> dict[str, Setting]:
    """Every knob of the server's that it has; wiring is left out."""
    knobs = [knob for knob in catalogue.knobs() if knob.system == "redis" and not knob.wiring]
    if origin.config is None:
        return {knob.name: Setting(knob.name, default=knob.usual, why=origin.why) for knob in knobs}
    found = {}
    for knob in knobs:
        if (text := origin.config.get(knob.spelled)) is not None:
            found[knob.name] = _setting(knob, value_of(knob, text), origin)
    return found


def command_options(arguments: Sequence[str]) -> dict[str, str]:
    """`--name value …` of a command line, by name."""
    found: dict[str, list[str]] = {}
    name = None
    for word in arguments:
        if word.startswith("--"):
            name = word.removeprefix("--").lower()
            # --save 900 1 --save 300 10 add up.
            found.setdefault(name, [])
        elif name is not None:
            found[name].append(word)
    return {name: " ".join(words).strip("\"'") for name, words in found.items()}


def _setting(knob: Knob, value: Value, origin: Origin) -> Setting:
    def held(set_by: SetBy | None, stored: Value | None = None, why: str | None = None) -> Setting:
        return Setting(knob.name, value, knob.usual, set_by, stored, why)

    if origin.command is not None and knob.spelled in origin.command:
        said = value_of(knob, origin.command[knob.spelled])
        return held("command line") if said == value else held("runtime", said)
    changed_why = None if origin.command is not None else _HIDDEN
    if origin.file is None:
        return held(None, why=origin.file_why)
    if knob.spelled in origin.file.values:
        said = value_of(knob, origin.file.values[knob.spelled])
        return held("file") if said == value else held("runtime", said, changed_why)
    if knob.own is not None and value == knob.own:
        return held("default")
    if origin.file.whole and knob.own is not None and knob.spelled in _DELIBERATE:
        return held("runtime", knob.own, changed_why)
    return held(None, why="its file does not name it")
