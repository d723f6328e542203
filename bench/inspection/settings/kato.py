"""KATO's own knobs: from the arguments and the environment of its process, or of its container."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from bench.inspection.seen import SetBy, Setting
from bench.inspection.settings.reading import value_of
from bench.knobs import catalogue
from bench.knobs.kato_dead import FAMILIES
from bench.knobs.knob import Knob

_SERVER = "uvicorn"
#: By what KATO is told of files of settings.
CONFIG_FILE, VECTOR_FILE = "KATO_CONFIG_FILE", "KATO_VECTOR_CONFIG_FILE"
_OF_VECTORS = frozenset(
    {
        "QDRANT_HOST", "QDRANT_PORT", "QDRANT_API_KEY", "QDRANT_HTTPS", "KATO_SIMILARITY_METRIC",
        "KATO_QUANTIZATION_ENABLED", "KATO_QUANTIZATION_TYPE",
    }
)  # fmt: skip


@dataclass(frozen=True)
class Origin:
    """Where KATO's settings were read. `arguments`: of its process, None = not seen. `environment`: free of
    secrets, None = not seen; `by`: whose it is, that of a process or of a manifest. `files`: variable that
    names a file -> the settings in it by their last names in capitals, None = it cannot be read. `shipped`:
    it runs as KATO's image starts it. `why`: what was not seen, in a clause."""

    arguments: Sequence[str] | None = None
    environment: Mapping[str, str] | None = None
    by: SetBy = "environment"
    files: Mapping[str, Mapping[str, str] | None] = field(default_factory=dict)
    shipped: bool = False
    why: str | None = None


def settings_of(origin: Origin) -> dict[str, Setting]:
    """Every knob of KATO's environment and of uvicorn that acts, and those without effect that are set."""
    found = [*_of_server(origin), *_of_environment(origin)]
    return {setting.name: setting for setting in found}


def _of_server(origin: Origin) -> Iterator[Setting]:
    arguments, why = origin.arguments, origin.why
    if arguments is not None and not any(_SERVER in one for one in arguments):
        program = arguments[0].rpartition("/")[2] if arguments else "nothing"
        arguments, why = None, f"its process is no uvicorn, but {program}"
    environment = origin.environment or {}
    for knob in _knobs("uvicorn command line"):
        variable = next((name for name in knob.aliases if name.isupper()), "")
        text = None if arguments is None else argument(arguments, knob)
        if text is not None:
            yield Setting(knob.name, value_of(knob, text), knob.usual, "command line")
        elif arguments is None and not origin.shipped:
            yield Setting(knob.name, default=knob.usual, why=why)
        elif variable in environment and (origin.shipped or variable.startswith("UVICORN_")):
            yield Setting(knob.name, value_of(knob, environment[variable]), knob.usual, origin.by)
        else:
            held = knob.usual if origin.shipped else knob.own
            yield Setting(
                knob.name, held, knob.usual, "default", why=None if held is not None else "none is set"
            )


def argument(arguments: Sequence[str], knob: Knob) -> str | None:
    """What a command line says of a flag, in either spelling; None where it does not name it. The last one
    counts."""
    found = None
    negation = knob.spelled.replace("--", "--no-", 1)
    for position, one in enumerate(arguments):
        name, sign, text = one.partition("=")
        if knob.kind == "bool" and one in (knob.spelled, negation):
            found = str(one == knob.spelled).lower()
        elif name == knob.spelled and sign:
            found = text
        elif one == knob.spelled and position + 1 < len(arguments):
            found = arguments[position + 1]
    return found


def _of_environment(origin: Origin) -> Iterator[Setting]:
    environment = origin.environment
    for knob in _knobs("environment"):
        setting = _of_file(knob, origin)
        if setting is not None:
            yield setting
        elif environment is None:
            if knob.acts:
                yield Setting(knob.name, default=knob.usual, why=origin.why)
        elif environment.get(knob.spelled):
            yield Setting(knob.name, value_of(knob, environment[knob.spelled]), knob.usual, origin.by)
        elif knob.acts:
            yield Setting(knob.name, knob.usual, knob.usual, "default")
    for name in environment or {}:
        # Members of the families that no list can hold; the listed ones were told above.
        if name.startswith(FAMILIES) and name.isidentifier() and f"kato.{name}" not in _listed():
            knob = catalogue.find(name)
            yield Setting(knob.name, (environment or {})[name], None, origin.by)


def _of_file(knob: Knob, origin: Origin) -> Setting | None:
    """What a file says in place of the environment: KATO_CONFIG_FILE where it names the setting,
    KATO_VECTOR_CONFIG_FILE always, and with KATO's defaults for what it leaves out."""
    if CONFIG_FILE in origin.files and not knob.wiring:
        values = origin.files[CONFIG_FILE]
        if values is None and knob.acts:
            return Setting(knob.name, default=knob.usual, why=f"{CONFIG_FILE} wins, and cannot be read")
        if values is not None and knob.spelled in values:
            return Setting(knob.name, value_of(knob, values[knob.spelled]), knob.usual, "file")
    if VECTOR_FILE in origin.files and knob.spelled in _OF_VECTORS:
        values = origin.files[VECTOR_FILE]
        if values is None:
            return Setting(knob.name, default=knob.usual, why=f"{VECTOR_FILE} wins, and cannot be read")
        if knob.spelled in values:
            return Setting(knob.name, value_of(knob, values[knob.spelled]), knob.usual, "file")
        return Setting(knob.name, knob.usual, knob.usual, "default")
    return None


def _knobs(home: str) -> Iterator[Knob]:
    return (knob for knob in catalogue.knobs() if knob.home == home)


def _listed() -> frozenset[str]:
    return frozenset(knob.name for knob in catalogue.knobs())
