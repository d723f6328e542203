"""The containers of a Compose deployment: what each has used, by the Docker Engine API on its Unix socket."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

from bench.collectors.base import Collector, Context, Discovery, Metric, Row, counter, gauge
from bench.targets.base import ContainerFacts
from bench.targets.compose import engine
from bench.targets.compose.engine import (
    Engine,
    EngineError,
    NoSuchContainerError,
    NotRunningError,
    RefusedError,
)
from bench.targets.compose.live import Container, container

#: The containers themselves are looked at this often, and where a reading says that one has changed.
_LOOK_SECONDS = 5.0

#: What an engine says of the time of a reading that it did not take.
_NEVER = "0001-01-01"


@dataclass
class _Watched:
    """A container under watch. `restarts` and `kills` only grow, whatever the engine forgets."""

    instance: str
    service: str
    latest: Container
    restarts: int
    kills: int
    cpu_seconds: float = 0.0


class DockerCollector:
    """The instance of a row is the container's service, with its number where there are several."""

    source: ClassVar[str] = "docker"
    metrics: ClassVar[Mapping[str, Metric]] = {
        "running": gauge("1 while the container runs"),
        "healthy": gauge("1 if its health check passes, 0 if it fails or has not passed yet"),
        "cpu_seconds_total": counter("user and system CPU of all its processes", "seconds"),
        "cpu_periods_total": counter("CFS enforcement periods, if it has a CPU limit"),
        "cpu_throttled_periods_total": counter("periods in which it had used up its CPU limit"),
        "cpu_throttled_seconds_total": counter("time that its threads were held back", "seconds"),
        "memory_working_set_bytes": gauge("its memory without file pages that were not used lately", "bytes"),
        "memory_limit_bytes": gauge("its memory limit, if it has one", "bytes"),
        "pids": gauge("processes and threads"),
        "network_received_bytes_total": counter("over all its networks but the machine's own", "bytes"),
        "network_sent_bytes_total": counter("over all its networks but the machine's own", "bytes"),
        "block_read_bytes_total": counter("from disks", "bytes"),
        "block_written_bytes_total": counter("to disks", "bytes"),
        "restarts_total": counter("starts after the first, those that the engine counted before included"),
        "oom_kills_total": counter("processes killed for want of memory, the end before the run included"),
    }
    min_interval: ClassVar[float] = 0.0

    def __init__(self, facts: tuple[ContainerFacts, ...], note: Callable[..., None]) -> None:
        self._facts = facts
        self._note = note
        self._engine: Engine | None = None
        self._watched: list[_Watched] = []
        self._looked = 0.0
        self._heard_until = time.time()
        self._hears = True

    @classmethod
    def create(cls, context: Context) -> Self | None:
        containers = tuple(one for one in context.facts.containers if one.instances)
        return cls(containers, context.note) if context.facts.kind == "compose" and containers else None

    def discover(self) -> Discovery:
        return Discovery()

    def sample(self) -> list[Row]:
        asked = self._connected()
        self._hear(asked)
        rows: list[Row] = []
        changed = time.monotonic() - self._looked >= _LOOK_SECONDS
        for one in self._watched:
            try:
                used = list(_used(one.instance, asked.stats(one.latest.id)))
            except (NoSuchContainerError, NotRunningError):
                rows.append(("running", one.instance, 0.0))
                changed |= one.latest.running
                continue
            cpu = next((value for metric, _, value in used if metric == "cpu_seconds_total"), 0.0)
            # A counter that fell has begun again.
            changed |= cpu < one.cpu_seconds or not one.latest.running
            one.cpu_seconds = cpu
            rows += [("running", one.instance, 1.0), *used]
        if changed:
            self._look(asked)
        for one in self._watched:
            rows.extend(_told(one))
        return rows

    def close(self) -> None:
        if self._engine is not None:
            self._engine.close()

    def _connected(self) -> Engine:
        """The engine that has the containers. Raises EngineError where none does."""
        if self._engine is not None:
            return self._engine
        failure = EngineError("no Docker or Podman socket is on this machine")
        for place in engine.sockets(os.environ):
            asked = Engine(place)
            try:
                self._watched = [
                    _watched(one.name, container(asked.inspect(instance)), len(one.instances))
                    for one in self._facts
                    for instance in one.instances
                ]
            except EngineError as error:
                failure = error
                asked.close()
                continue
            self._looked = time.monotonic()
            self._engine = asked
            return asked
        raise failure

    def _look(self, asked: Engine) -> None:
        """See what became of every container since the look before."""
        self._looked = time.monotonic()
        for one in self._watched:
            try:
                now = container(asked.inspect(one.latest.id))
            except NoSuchContainerError:
                found = self._successor(asked, one)
                if found is None:
                    if one.latest.running:
                        self._note("container_gone", source=self.source, container=one.instance)
                    one.latest = replace(one.latest, running=False)
                    continue
                now = found
            self._compare(one, now)

    def _successor(self, asked: Engine, gone: _Watched) -> Container | None:
        """The container that has been made in the place of another, as after `docker compose up`."""
        labels = [f"{engine.SERVICE_LABEL}={gone.service}", f"{engine.PROJECT_LABEL}={gone.latest.project}"]
        for listed in asked.containers(labels):
            found = container(asked.inspect(str(listed.get("Id"))))
            if found.number == gone.latest.number:
                return found
        return None

    def _compare(self, one: _Watched, now: Container) -> None:
        before = one.latest
        if now.started != before.started:
            again = now.restarts - before.restarts if now.id == before.id else 0
            one.restarts += max(1, again)
            self._note("restarted", source=self.source, container=one.instance, restarts=one.restarts)
        if now.out_of_memory and not before.out_of_memory and not self._hears:
            self._killed(one)
        if before.running and not now.running:
            self._note("container_stopped", source=self.source, container=one.instance, oom=now.out_of_memory)
        if now.health != before.health and "unhealthy" in (now.health, before.health):
            self._note("container_health", source=self.source, container=one.instance, health=now.health)
        one.latest = now

    def _hear(self, asked: Engine) -> None:
        """Count the kills that the engine has reported. Where it reports none, the containers' states tell of
        those that ended them."""
        if not self._hears:
            return
        until = time.time()
        watched = {one.latest.id: one for one in self._watched}
        try:
            told = asked.out_of_memory(list(watched), self._heard_until, until)
        except RefusedError as error:
            self._hears = False
            self._note("collector_limited", source=self.source, error=str(error))
            return
        self._heard_until = until
        for killed in told:
            if killed in watched:
                self._killed(watched[killed])

    def _killed(self, one: _Watched) -> None:
        one.kills += 1
        self._note("oom_killed", source=self.source, container=one.instance, kills=one.kills)


def _watched(service: str, found: Container, instances: int) -> _Watched:
    return _Watched(
        instance=service if instances == 1 else f"{service}-{found.number}",
        service=service,
        latest=found,
        restarts=found.restarts,
        kills=int(found.out_of_memory),
    )


def _told(one: _Watched) -> Iterator[Row]:
    yield "restarts_total", one.instance, float(one.restarts)
    yield "oom_kills_total", one.instance, float(one.kills)
    if one.latest.memory_limit is not None:
        yield "memory_limit_bytes", one.instance, float(one.latest.memory_limit)
    if one.latest.health is not None:
        yield "healthy", one.instance, float(one.latest.health == "healthy")


def _used(instance: str, stats: Mapping[str, Any]) -> Iterator[Row]:
    """The rows of one reading, of control groups of version 1 or 2. Raises NotRunningError where there was
    nothing to read."""
    if str(stats.get("read", "")).startswith(_NEVER):
        raise NotRunningError(f"{instance} does not run")
    cpu = _mapping(stats.get("cpu_stats"))
    if (used := _number(_mapping(cpu.get("cpu_usage")).get("total_usage"))) is not None:
        yield "cpu_seconds_total", instance, used / 1e9
    throttling = _mapping(cpu.get("throttling_data"))
    if periods := _number(throttling.get("periods")):
        yield "cpu_periods_total", instance, periods
        yield "cpu_throttled_periods_total", instance, _number(throttling.get("throttled_periods")) or 0.0
        yield (
            "cpu_throttled_seconds_total",
            instance,
            (_number(throttling.get("throttled_time")) or 0.0) / 1e9,
        )
    if (held := _working_set(_mapping(stats.get("memory_stats")))) is not None:
        yield "memory_working_set_bytes", instance, held
    if (pids := _number(_mapping(stats.get("pids_stats")).get("current"))) is not None:
        yield "pids", instance, pids
    networks = [_mapping(one) for one in _mapping(stats.get("networks")).values()]
    if networks:
        yield (
            "network_received_bytes_total",
            instance,
            sum(_number(one.get("rx_bytes")) or 0.0 for one in networks),
        )
        yield (
            "network_sent_bytes_total",
            instance,
            sum(_number(one.get("tx_bytes")) or 0.0 for one in networks),
        )
    yield from _blocks(instance, _mapping(stats.get("blkio_stats")).get("io_service_bytes_recursive"))


def _working_set(memory: Mapping[str, Any]) -> float | None:
    """As `docker stats` shows it: version 1 counts the group with its children under another name."""
    used = _number(memory.get("usage"))
    if used is None:
        return None
    details = _mapping(memory.get("stats"))
    unused = _number(details.get("total_inactive_file", details.get("inactive_file"))) or 0.0
    return used - unused if unused < used else used


def _blocks(instance: str, entries: Any) -> Iterator[Row]:
    """One entry a device and direction; version 1 writes the direction with a capital."""
    if not isinstance(entries, list):
        return
    sums = {"read": 0.0, "write": 0.0}
    for entry in map(_mapping, entries):
        direction = str(entry.get("op", "")).lower()
        if direction in sums:
            sums[direction] += _number(entry.get("value")) or 0.0
    yield "block_read_bytes_total", instance, sums["read"]
    yield "block_written_bytes_total", instance, sums["write"]


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


COLLECTOR: type[Collector] = DockerCollector
