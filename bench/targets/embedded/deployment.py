"""A complete KATO deployment on loopback that lives as long as the command that started it."""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from bench.addresses import Address
from bench.errors import PartFailedError, UsageError
from bench.knobs.catalogue import find, knobs, resolve
from bench.knobs.knob import KnobError, Profile, Value
from bench.supervision.supervisor import Child, Supervisor, tail
from bench.targets.base import PartFacts, TargetFacts
from bench.targets.embedded import environment, faults, parts, redis
from bench.targets.embedded.api import Api, ReferenceApi
from bench.targets.embedded.faults import paths
from bench.targets.embedded.faults.timed import TimedFaults, blows
from bench.targets.embedded.parts import Part
from bench.targets.embedded.ports import free_ports, require_free
from bench.targets.embedded.replaced import Replaced
from bench.targets.embedded.wiring import on_loopback
from bench.targets.stores import STORES

_PART_NAMES = ("kato", *STORES)
_SCHEMES = {"redis": "redis", "qdrant": "http", "clickhouse": "http"}
_POLL = 0.02
_ATTEMPTS = 3
_LOG_LINES = 10
#: Seconds for the engines, where nobody says otherwise.
_PATIENCE = 60.0


class _PortLostError(Exception):
    """Another process took a port between our choice and the part's start."""


class EmbeddedDeployment:
    """Redis, Qdrant's engine, ClickHouse's engine and a KATO API, each in its own process.

    `chosen` maps canonical knob names to texts, as `bench.knobs.catalogue.parse` returns them; `faults` what
    `bench.targets.embedded.faults.parse` does. `api` is the KATO in front, our reference API unless it is
    given; `stores` are addresses (URLs by `redis`, `qdrant`, `clickhouse`) of servers that run already and
    take the place of an engine. Data and logs live below `folder`; `close` removes them unless `keep`. Logs
    written to a folder `logs` of the caller's always stay. `patience`: seconds that the parts have to become
    ready, instead of those that they are given otherwise."""

    def __init__(
        self,
        supervisor: Supervisor,
        folder: Path,
        profile: Profile,
        chosen: Mapping[str, str],
        kato_port: int | None = None,
        *,
        api: Api | None = None,
        stores: Mapping[str, str] | None = None,
        faults: Mapping[str, str] | None = None,
        keep: bool = False,
        logs: Path | None = None,
        patience: float | None = None,
    ) -> None:
        self._supervisor = supervisor
        self._folder = folder.absolute()
        self._profile = profile
        self._chosen = chosen
        self._kato_port = kato_port
        self._faults = dict(faults or {})
        self._api = api or ReferenceApi(self._faults)
        self._replaced = Replaced(stores or {})
        self._keep = keep
        self._patience = patience
        self._running: list[tuple[Part, Child]] = []
        self._logs = self._folder / "logs" if logs is None else logs.absolute()
        self._slowed = paths.slowed(self._faults)
        self._timed = TimedFaults([], {})
        names = (*_PART_NAMES, *map(paths.path_name, self._slowed))
        self._own_folders = [self._folder / name for name in names]
        if logs is None:
            self._own_folders.append(self._logs)

    @property
    def warnings(self) -> list[str]:
        """One sentence for each planted fault."""
        return faults.warnings(self._faults)

    def start(self) -> TargetFacts:
        """Start every part, wait until all are ready, and say what runs.

        Raises UsageError for a knob, port or package that cannot be had and for a server that is something
        else than it should be, UnreachableError for one that does not answer, PartFailedError, with the last
        lines of its log, for a part that does not come up."""
        values = self._values()
        parts.require_packages(name for name in STORES if name not in self._replaced.names)
        self._replaced.look()
        self._api.prepare()
        if self._kato_port is not None:
            require_free(self._kato_port)
        if not self._keep:
            self._supervisor.remove_if_killed(self._own_folders)
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                self._launch(values)
                break
            except _PortLostError as lost:
                self._stop()
                if attempt == _ATTEMPTS:
                    raise PartFailedError(str(lost)) from lost
                if self._kato_port is not None:
                    require_free(self._kato_port)
        try:
            facts = self._facts(values)
        except OSError as error:
            self.check()
            raise PartFailedError(f"A part does not say what it is: {error}.") from error
        pids = {part.name: child.pid for part, child in self._running}
        self._timed = TimedFaults(blows(self._faults), pids)
        return facts

    def check(self) -> None:
        """Raises PartFailedError, with the last lines of its log, if a part has died since it was ready,
        except of a planted fault."""
        for part, child in self._running:
            code = child.poll()
            if code is not None and part.name not in self._timed.killed:
                raise PartFailedError(_failure(part, child, f"died: {_ended(code)}"))

    def close(self) -> None:
        """End every part, the API before its stores, and remove data and logs unless they are to be kept."""
        self._stop()
        if not self._keep:
            for folder in self._own_folders:
                shutil.rmtree(folder, ignore_errors=True)
            with contextlib.suppress(OSError):
                self._folder.rmdir()

    def _values(self) -> dict[str, Value]:
        try:
            values = resolve(self._profile, self._chosen, environment.cores(), self._api.refusal)
        except KnobError as error:
            raise UsageError(f"{error}.") from error
        values |= faults.knobs(self._faults)
        return {
            name: value for name, value in values.items() if find(name).system not in self._replaced.names
        }

    def _launch(self, values: Mapping[str, Value]) -> None:
        for_redis, for_qdrant, for_clickhouse, for_kato, *for_paths = free_ports(4 + len(self._slowed))
        engines, addresses = self._stores((for_redis, for_qdrant, for_clickhouse), for_paths, values)
        kato = self._api.part(self._kato_port or for_kato, values, addresses)
        if self._api.makes_tables and "clickhouse" not in self._replaced.names:
            self._begin(engines)
            self._wait(self._patience or _PATIENCE)
            self._api.make_tables(addresses["clickhouse"].port)
            self._begin([kato])
        else:
            self._begin([*engines, kato])
        self._wait(self._patience or self._api.patience)

    def _begin(self, begun: Iterable[Part]) -> None:
        for part in begun:
            folder, log = self._prepare(part)
            settings = environment.for_foreign if part.foreign else environment.for_part
            child = self._supervisor.start(part.title, part.argv, env=settings(part.env), cwd=folder, log=log)
            self._running.append((part, child))

    def _prepare(self, part: Part) -> tuple[Path, Path]:
        """The part's folder with its files, and its empty log."""
        folder = self._folder / part.name
        log = self._logs / f"{part.name}.log"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            log.parent.mkdir(parents=True, exist_ok=True)
            for name, text in part.files.items():
                (folder / name).write_text(text)
            for name, there in part.links.items():
                (folder / name).unlink(missing_ok=True)
                (folder / name).symlink_to(there)
            log.write_bytes(b"")
        except OSError as error:
            raise UsageError(
                f"The embedded deployment cannot write below {self._folder} ({error.strerror})."
            ) from error
        return folder, log

    def _stores(
        self, free: tuple[int, int, int], for_paths: Sequence[int], values: Mapping[str, Value]
    ) -> tuple[list[Part], dict[str, Address]]:
        """The engines and slow paths to start, and where the API finds each store."""
        for_redis, for_qdrant, for_clickhouse = free
        started: dict[str, Part] = {}
        if "redis" not in self._replaced.names:
            started["redis"] = parts.redis_part(for_redis, self._folder / "redis", values)
        if "clickhouse" not in self._replaced.names:
            home, with_tables = self._folder / "clickhouse", not self._api.makes_tables
            started["clickhouse"] = parts.patterns_part(for_clickhouse, home, values, with_tables=with_tables)
        if "qdrant" not in self._replaced.names:
            started["qdrant"] = parts.vectors_part(for_qdrant, self._folder / "qdrant", values)
        detours = {
            name: paths.path_part(port, started[name], delay)
            for port, (name, delay) in zip(for_paths, self._slowed.items(), strict=True)
        }
        reached = {name: on_loopback(_SCHEMES[name], part.port) for name, part in (started | detours).items()}
        return [*started.values(), *detours.values()], {**reached, **self._replaced.addresses}

    def _wait(self, patience: float) -> None:
        deadline = time.monotonic() + patience
        waiting = list(self._running)
        while waiting:
            waiting = [(part, child) for part, child in waiting if not _is_ready(part, child)]
            if waiting and time.monotonic() > deadline:
                part, child = waiting[0]
                raise PartFailedError(
                    _failure(part, child, f"did not start: it was not ready after {patience:g} s")
                )
            if waiting:
                time.sleep(_POLL)

    def _facts(self, values: Mapping[str, Value]) -> TargetFacts:
        facts = {part.name: part for part in self._replaced.facts()}
        facts |= {part.name: _part_facts(part, child) for part, child in self._running}
        ports = {part.name: part.port for part, _ in self._running}
        version = facts["kato"].version
        live = _live_redis(ports["redis"], self._chosen) if "redis" in ports else {}
        return TargetFacts(
            kind=self._api.kind,
            base_url=facts["kato"].address or "",
            kato_version=version,
            workers=int(values["uvicorn.workers"]),
            limit_concurrency=int(values["uvicorn.limit_concurrency"]),
            parts=tuple(facts[name] for name in _PART_NAMES),
            knobs={**self._api.told(values, version), **live},
            profile=self._profile,
            source=self._api.source(),
        )

    def _stop(self) -> None:
        self._timed.cancel()
        while self._running:
            _, child = self._running[-1]
            with contextlib.suppress(PartFailedError):  # no guardian: its children are gone with it
                child.stop()
            self._running.pop()


def _is_ready(part: Part, child: Child) -> bool:
    code = child.poll()
    if code is not None:
        raise _start_failure(part, child, f"did not start: {_ended(code)}")
    if part.hopeless is not None and part.hopeless.search(_log(child)):
        raise _start_failure(part, child, "did not start: its workers end as they start")
    with contextlib.suppress(OSError):
        return part.ready(child.log)
    return False


def _start_failure(part: Part, child: Child, what: str) -> Exception:
    message = _failure(part, child, what)
    if "ddress already in use" in message:
        return _PortLostError(message)
    explained = part.explain(_log(child)) if part.explain is not None else None
    if explained is not None:
        return UsageError(explained)
    return UsageError(message) if part.refusal and part.refusal in message else PartFailedError(message)


def _log(child: Child) -> str:
    with contextlib.suppress(OSError):
        return child.log.read_text("utf-8", "replace")
    return ""


def _ended(code: int) -> str:
    return f"it ended with exit code {code}" if code >= 0 else f"signal {-code} ended it"


def _failure(part: Part, child: Child, what: str) -> str:
    log = tail(child.log, _LOG_LINES)
    return f"{part.title} {what}. " + (f"The end of its log:\n{log}" if log else "Its log is empty.")


def _part_facts(part: Part, child: Child) -> PartFacts:
    engine, version = part.engine()
    return PartFacts(part.name, engine, version, part.address, child.pid, str(child.log))


def _live_redis(port: int, chosen: Iterable[str]) -> dict[str, Value]:
    """What the server itself says of the directives that the catalogue or the user names."""
    wanted = {knob.name: knob for knob in knobs() if knob.system == "redis" and not knob.wiring}
    wanted |= {name: find(name) for name in chosen if name.startswith("redis.")}
    values: dict[str, Value] = {}
    for directive, text in redis.config(port).items():
        knob = wanted.get(f"redis.{directive}")
        if knob is not None:
            try:
                values[knob.name] = knob.read(text)
            except KnobError:
                values[knob.name] = text
    return values
