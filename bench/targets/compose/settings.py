"""The knobs of a Compose deployment, and who set them: variables, command lines, mounted files, limits."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from xml.etree import ElementTree

from bench.knobs import catalogue
from bench.knobs.knob import Knob, KnobError, UnknownKnob, Value
from bench.secrecy import HIDDEN, is_secret, redact
from bench.targets.compose import invocation
from bench.targets.compose.services import Project, Service

#: Reads a file of the deployment: its text, or None where it is not there or cannot be read.
ReadFile = Callable[[str], str | None]

#: Canonical knob name -> value and who set it (`bench.targets.base.TargetFacts.set_by`).
Settings = dict[str, tuple[Value, str]]

ENVIRONMENT, COMMAND_LINE, FILE, DEFAULT = "environment", "command line", "file", "default"
MANIFEST = "manifest"

SERVERS = ("redis-server", "valkey-server", "keydb-server")

#: What KATO's image runs where nobody says otherwise (KATO 3.10.1 Dockerfile).
_KATO_RUNS = (
    "sh",
    "-c",
    (
        "exec uvicorn kato.services.kato_fastapi:app --host 0.0.0.0 --port 8000 "
        "--workers ${KATO_WORKERS:-4} --limit-concurrency ${KATO_LIMIT_CONCURRENCY:-100} "
        "--timeout-keep-alive 5 --timeout-graceful-shutdown 30 --backlog 2048 --access-log"
    ),
)

_KATO_PORT = 8000

#: Stands for the value of every variable, to see what depends on one.
_MARK = "\x01"

#: Whoever may log in, and with what.
_LOGINS = "redis.user"

#: Directives of Redis that may be said more than once and then hold together.
_GATHERED = frozenset(
    {"save", "client-output-buffer-limit", "user", "include", "loadmodule", "rename-command"}
)

#: Where ClickHouse's image reads its settings: the files, the element that holds them, how knobs are called.
_CLICKHOUSE = (
    (r"/etc/clickhouse-server/users(\.d/[^/]+)?\.xml", "profiles/default/*", "clickhouse.{}"),
    (r"/etc/clickhouse-server/config(\.d/[^/]+)?\.xml", "*", "clickhouse.server.{}"),
)
_QDRANT_VARIABLE = "QDRANT__"


def kato(service: Service) -> Settings:
    """KATO's: its variables, and the command line of its server."""
    found: Settings = {}
    for name, text in service.environment.items():
        knob = _find(name)
        if knob is not None and knob.home == "environment":
            found[knob.name] = _value(knob, text), ENVIRONMENT
    return found | _uvicorn(service)


def kato_port(service: Service) -> int:
    """The port that KATO listens at in its container."""
    flags = _flags(_server(service, service.environment) or ())
    told = flags.get("--port", service.environment.get("UVICORN_PORT", ""))
    return int(told) if told.isdecimal() else _KATO_PORT


def _uvicorn(service: Service) -> Settings:
    """Nothing where the command is not understood."""
    arguments = _server(service, service.environment)
    if arguments is None:
        return {}
    said = _flags(arguments)
    marked = _flags(
        _server(service, {name: _MARK for name, text in service.environment.items() if text}) or ()
    )
    stated = bool(service.words) and not service.command_of_image
    found: Settings = {}
    for knob in catalogue.knobs():
        if knob.home != "uvicorn command line":
            continue
        if knob.spelled in said:
            by = COMMAND_LINE if stated else DEFAULT
            if _MARK in marked.get(knob.spelled, ""):
                by = ENVIRONMENT
            found[knob.name] = _value(knob, said[knob.spelled]), by
        elif (text := _own_variable(knob, service.environment)) is not None:
            found[knob.name] = _value(knob, text), ENVIRONMENT
    return found


def _own_variable(knob: Knob, environment: Mapping[str, str]) -> str | None:
    """What uvicorn itself takes from the environment for a flag that its command line leaves out."""
    names = ["UVICORN_" + knob.spelled.removeprefix("--").replace("-", "_").upper()]
    if knob.spelled == "--workers":
        names.append("WEB_CONCURRENCY")
    return next((environment[name] for name in names if environment.get(name)), None)


def _server(service: Service, environment: Mapping[str, str]) -> tuple[str, ...] | None:
    return invocation.arguments(service.words or _KATO_RUNS, ("uvicorn",), environment)


def _flags(arguments: Sequence[str]) -> dict[str, str]:
    """Flag -> value of an uvicorn command line; a switch is true or false under the name that turns it on."""
    found: dict[str, str] = {}
    waiting: str | None = None
    for word in arguments:
        if waiting is not None:
            found[waiting], waiting = word, None
            continue
        flag, equals, value = word.partition("=")
        if not flag.startswith("--"):
            continue
        if equals:
            found[flag] = value
        elif flag.startswith("--no-"):
            found["--" + flag.removeprefix("--no-")] = "false"
        elif flag in _SWITCHES:
            found[flag] = "true"
        else:
            waiting = flag
    return found


#: Flags of uvicorn that take no value.
_SWITCHES = frozenset(
    (
        "--access-log",
        "--reload",
        "--proxy-headers",
        "--server-header",
        "--date-header",
        "--use-colors",
        "--factory",
    )
)


def redis(service: Service, read_file: ReadFile) -> Settings:
    """Redis': the file that its command names, if it lies on this machine, then the command line itself."""
    arguments = invocation.arguments(service.words, SERVERS, service.environment)
    if arguments is None:
        return {}
    found: Settings = {}
    rest = list(arguments)
    if rest and not rest[0].startswith("--"):
        file = mounted(service, rest.pop(0))
        text = None if file is None else read_file(file)
        _gather(found, _directives(text or ""), FILE)
    _gather(found, _command_line(rest), COMMAND_LINE)
    return found


def _gather(found: Settings, directives: Iterator[tuple[str, str]], by: str) -> None:
    """Later directives hold; those that may be repeated hold together, until an empty one."""
    for directive, text in directives:
        knob = _find(f"redis.{directive}")
        if knob is None:
            continue
        before = str(found[knob.name][0]) if knob.name in found and directive in _GATHERED else ""
        found[knob.name] = _value(knob, f"{before} {text}".strip() if text else ""), by


def _directives(text: str) -> Iterator[tuple[str, str]]:
    """Those of a redis.conf."""
    for line in text.splitlines():
        line = line.strip()
        if line and not line.startswith("#"):
            try:
                name, *words = shlex.split(line)
            except ValueError:
                continue
            yield name.lower(), " ".join(words)


def _command_line(words: Sequence[str]) -> Iterator[tuple[str, str]]:
    """`--name word word` after the file's name."""
    name: str | None = None
    values: list[str] = []
    for word in words:
        if word.startswith("--"):
            if name is not None:
                yield name, " ".join(values)
            name, values = word.removeprefix("--").lower(), []
        else:
            values.append(word)
    if name is not None:
        yield name, " ".join(values)


def clickhouse(service: Service, read_file: ReadFile) -> Settings:
    """Those of the server and of the default profile in the files that are mounted."""
    found: Settings = {}
    for mount in sorted(service.mounts, key=lambda one: one.target):
        for files, inside, name in _CLICKHOUSE:
            if not re.fullmatch(files, mount.target):
                continue
            for tag, text in _elements(read_file(mount.source), inside):
                knob = _find(name.format(tag))
                if knob is not None:
                    found[knob.name] = _value(knob, text), FILE
    return found


def qdrant(service: Service) -> Settings:
    """Those of the server, of variables such as QDRANT__STORAGE__ON_DISK_PAYLOAD."""
    told = {
        name.removeprefix(_QDRANT_VARIABLE).lower().replace("__", "."): text
        for name, text in service.environment.items()
        if name.startswith(_QDRANT_VARIABLE)
    }
    return {
        knob.name: (_value(knob, told[knob.spelled]), ENVIRONMENT)
        for knob in catalogue.knobs()
        if knob.home == "qdrant server" and knob.spelled in told
    }


def _elements(text: str | None, inside: str) -> Iterator[tuple[str, str]]:
    try:
        root = ElementTree.fromstring(text or "<none/>")
    except ElementTree.ParseError:
        return
    for setting in root.iterfind(inside):
        if setting.text and setting.text.strip():
            yield setting.tag, setting.text.strip()


def limits(part: str, service: Service) -> Settings:
    """The limits of a container that are knobs."""
    stated: dict[str, float | None] = {"memory": service.memory_limit, "cpus": service.cpu_limit}
    found: Settings = {}
    for name, limit in stated.items():
        knob = _find(f"container.{part}.{name}")
        if knob is not None and limit is not None:
            found[knob.name] = limit, MANIFEST
    return found


def variables(project: Project) -> Settings:
    """The knobs that are variables of KATO's Compose files."""
    return {
        knob.name: (_value(knob, project.variables[knob.spelled]), ENVIRONMENT)
        for knob in catalogue.knobs()
        if knob.home == "compose variable" and knob.spelled in project.variables
    }


def mounted(service: Service, path: str) -> str | None:
    """Where on this machine a file of the container lies; None where it is not mounted."""
    wanted = PurePosixPath(path)
    for mount in service.mounts:
        target = PurePosixPath(mount.target)
        if wanted.is_relative_to(target):
            return str(PurePosixPath(mount.source) / wanted.relative_to(target))
    return None


def _find(name: str) -> Knob | None:
    try:
        return catalogue.find(name)
    except UnknownKnob:
        return None


def _value(knob: Knob, text: str) -> Value:
    """The value, or the text as it stands where it is not a legal one. Secrets are hidden."""
    if is_secret(knob.spelled) or knob.name == _LOGINS:
        return HIDDEN if text else ""
    try:
        value = knob.read(text)
    except KnobError:
        value = text
    return redact(value) if isinstance(value, str) else value
