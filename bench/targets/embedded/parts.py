"""The four parts of the deployment: how each is started, when it is ready, what it says of itself."""

from __future__ import annotations

import importlib.metadata
import platform
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

from bench.addresses import Address
from bench.errors import UsageError
from bench.knobs.catalogue import find
from bench.knobs.knob import Value
from bench.targets.embedded import faults, redis, wiring
from bench.targets.embedded.ports import HOST
from bench.targets.embedded.probes import get, get_json

_EXTRA = "pip install 'kato-bench[embedded]'"
#: What uvicorn logs of each worker that is ready.
STARTED = "Application startup complete"


@dataclass(frozen=True)
class Part:
    """One process to start. `ready(log)` and `engine()` (name and version) raise OSError until it answers.

    `refusal`: what its log says where a setting of the user's keeps it from starting. `hopeless`: what it
    says where it will never be ready although its process lives. `explain(log)`: what the user has to mend,
    in a sentence, where the log of a part that did not start tells so. `links`: what its folder holds besides
    `files`, by name. `foreign`: its Python is not ours."""

    name: str
    title: str
    port: int
    address: str
    argv: tuple[str, ...]
    ready: Callable[[Path], bool]
    engine: Callable[[], tuple[str, str | None]]
    env: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    refusal: str | None = None
    hopeless: re.Pattern[str] | None = None
    explain: Callable[[str], str | None] | None = None
    links: Mapping[str, Path] = field(default_factory=dict)
    foreign: bool = False


#: What each part is made of, and what for. The Redis part says for itself what it lacks.
_PACKAGES = {
    "kato": {
        "uvicorn": "KATO's API is served by it",
        "fastapi": "KATO's API is built on it",
        "orjson": "KATO's API writes its answers with it",
        "rapidfuzz": "KATO's predictions are matched by it",
    },
    "qdrant": {
        "qdrant_edge": "vectors are kept and searched by Qdrant's engine in it",
        "uvicorn": "the engines are served by it",
    },
    "clickhouse": {
        "chdb": "patterns are kept in ClickHouse's engine in it, and without patterns KATO cannot run",
        "uvicorn": "the engines are served by it",
    },
}


def require_packages(names: Iterable[str] = tuple(_PACKAGES)) -> None:
    """Raises UsageError where a package of these parts is missing; the sentence names the extra and what
    needs it."""
    needs = {package: why for name in names for package, why in _PACKAGES.get(name, {}).items()}
    for package, reason in needs.items():
        if find_spec(package) is None:
            raise UsageError(
                f"The embedded deployment needs the package {package}, for {reason}: run {_EXTRA}"
                + (f"; {_no_wheel()}" if package == "chdb" else "")
                + "."
            )


def _no_wheel() -> str:
    return (
        "its wheels are for Linux with glibc and macOS, on x86_64 and arm64, "
        f"and this is {platform.system()} on {platform.machine()}; elsewhere measure a deployment of yours "
        "with --target URL"
    )


def redis_part(port: int, folder: Path, values: Mapping[str, Value]) -> Part:
    directives = {find(name).spelled: value for name, value in values.items() if name.startswith("redis.")}

    def engine() -> tuple[str, str | None]:
        server = redis.info(port, "server")
        if "valkey_version" in server:
            return "Valkey", server["valkey_version"]
        return "Redis", server.get("redis_version")

    file = folder / "redis.conf"
    return Part(
        name="redis",
        title="The Redis server",
        port=port,
        address=f"{HOST}:{port}",
        argv=(redis.find_server(), str(file)),
        files={file.name: redis.configuration(directives, port, folder)},
        ready=lambda _: redis.ask(port, "PING") == "PONG",
        engine=engine,
        refusal="FATAL CONFIG FILE ERROR",
    )


def vectors_part(port: int, folder: Path, values: Mapping[str, Value]) -> Part:
    collections = {
        knob.spelled: knob.write(value)
        for knob, value in ((find(name), value) for name, value in values.items())
        if knob.home == "qdrant collection" and value != knob.shipped
    }
    return Part(
        name="qdrant",
        title="The vector store (Qdrant engine)",
        port=port,
        address=f"http://{HOST}:{port}",
        argv=(
            *_module("bench.targets.embedded.vectors", port, folder),
            *(f"--set={name}={value}" for name, value in collections.items()),
        ),
        ready=lambda _: bool(get(port, "/healthz")),
        engine=lambda: (_engine_name("Qdrant engine", "qdrant-edge-py"), get_json(port, "/").get("version")),
    )


def patterns_part(port: int, folder: Path, values: Mapping[str, Value], *, with_tables: bool = True) -> Part:
    """`with_tables`: KATO's table is there from the start."""
    knobs = {find(name): value for name, value in values.items()}
    profile = {
        knob.spelled: knob.write(value) for knob, value in knobs.items() if knob.system == "clickhouse"
    }

    def engine() -> tuple[str, str | None]:
        version = get(port, f"/?query={quote('SELECT version()')}").strip()
        return _engine_name("ClickHouse engine", "chdb-core"), version

    return Part(
        name="clickhouse",
        title="The pattern store (ClickHouse engine)",
        port=port,
        address=f"http://{HOST}:{port}",
        argv=(
            *_module("bench.targets.embedded.patterns", port, folder),
            *(f"--set={name}={value}" for name, value in profile.items()),
            *(() if with_tables else ("--no-tables",)),
        ),
        ready=lambda _: get(port, "/ping").startswith("Ok."),
        engine=engine,
    )


def kato_part(
    port: int, values: Mapping[str, Value], planted: Mapping[str, str], stores: Mapping[str, Address]
) -> Part:
    """The API, wired to its stores; ready when every worker has finished its start-up."""
    workers = int(values["uvicorn.workers"])

    def ready(log: Path) -> bool:
        # One worker may answer every probe: only the log tells of all of them.
        return log.read_text("utf-8", "replace").count(STARTED) >= workers and bool(get(port, "/health"))

    return Part(
        name="kato",
        title="The KATO API",
        port=port,
        address=f"http://{HOST}:{port}",
        argv=uvicorn((sys.executable, "-P"), "bench.targets.embedded.kato.app:app", port, values),
        env={
            **wiring.variables(stores),
            "KATO_BENCH_SESSION_LOCKS": "session-locks",  # in the part's own folder
            **_chosen_variables(values),
            **faults.variables(planted),
        },
        ready=ready,
        engine=lambda: ("kato-bench reference API", get_json(port, "/").get("version")),
    )


def _module(name: str, port: int, folder: Path) -> tuple[str, ...]:
    # -P: the folder of the user must not shadow ours.
    return (sys.executable, "-P", "-m", name, "--port", str(port), "--data", str(folder))


def uvicorn(
    python: Sequence[str], application: str, port: int, values: Mapping[str, Value]
) -> tuple[str, ...]:
    """The command that serves an application as KATO's container does, on loopback."""
    command = [*python, "-m", "uvicorn", application, "--host", HOST, "--port", str(port)]
    for name, value in values.items():
        knob = find(name)
        if knob.home != "uvicorn command line":
            continue
        if knob.kind == "bool":
            command.append(knob.spelled if value else knob.spelled.replace("--", "--no-", 1))
        else:
            command += [knob.spelled, knob.write(value)]
    return tuple(command)


def _chosen_variables(values: Mapping[str, Value]) -> dict[str, str]:
    """Only what differs from KATO's own defaults, as an operator would set it."""
    variables = {}
    for name, value in values.items():
        knob = find(name)
        if knob.home == "environment" and value != knob.shipped:
            variables[knob.spelled] = knob.write(value)
    return variables


def _engine_name(title: str, package: str) -> str:
    try:
        return f"{title} ({package} {importlib.metadata.version(package)})"
    except importlib.metadata.PackageNotFoundError:
        return title
