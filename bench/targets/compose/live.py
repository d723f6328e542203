"""What the engine says of a project's containers, put over what the files say of its services."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from bench.targets.compose import engine
from bench.targets.compose.engine import Engine, EngineError
from bench.targets.compose.services import Project, Service
from bench.targets.compose.syntax import Port

_HEALTH = ("healthy", "unhealthy", "starting")


@dataclass(frozen=True)
class Container:
    """One container, as the engine tells it. Limits are None where there are none. `pid` is the first
    process, of the machine that the engine runs on; None while it does not run. `restarts`: by the engine,
    since it was made. `out_of_memory`: its last end was for want of memory. `health` is None where nothing
    checks it."""

    id: str
    name: str
    project: str
    service: str
    number: int = 1
    image: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    command: tuple[str, ...] = ()
    ports: tuple[Port, ...] = ()
    memory_limit: int | None = None
    cpu_limit: float | None = None
    running: bool = False
    pid: int | None = None
    restarts: int = 0
    out_of_memory: bool = False
    started: str = ""
    health: str | None = None


@dataclass(frozen=True)
class Survey:
    """The containers of a project. `note` says in a sentence why there are none."""

    containers: tuple[Container, ...] = ()
    note: str | None = None


def survey(project: Project, environment: Mapping[str, str]) -> Survey:
    """Ask the engines of this machine, one after the other, until one has containers of the project. Never
    raises for what they answer."""
    try:
        places = engine.sockets(environment)
    except EngineError as error:
        return Survey(note=f"nothing is known of running containers: {error}")
    said = []
    for place in places:
        asked = Engine(place)
        try:
            found = _containers(asked, project)
        except EngineError as error:
            said.append(str(error))
            continue
        finally:
            asked.close()
        if found:
            return Survey(tuple(found))
        said.append(f"{place} has no container of the project {project.name}")
    why = "; ".join(said) or "no Docker or Podman socket is on this machine"
    return Survey(note=f"nothing is known of running containers: {why}")


def _containers(asked: Engine, project: Project) -> list[Container]:
    listed = asked.containers([f"{engine.PROJECT_LABEL}={project.name}"])
    if not listed:
        listed = _started_from(asked.containers([engine.PROJECT_LABEL]), project)
    found = []
    for one in listed:
        try:
            found.append(container(asked.inspect(str(one.get("Id")))))
        except engine.NoSuchContainerError:
            continue
    return sorted(found, key=lambda one: (one.service, one.number))


def _started_from(listed: Sequence[dict[str, Any]], project: Project) -> list[dict[str, Any]]:
    """Containers of the one project, under whatever name, that was started from this project's first file."""
    mine: dict[str, list[dict[str, Any]]] = {}
    for one in listed:
        labels = _mapping(one.get("Labels"))
        if project.files[0] in str(labels.get(engine.FILES_LABEL, "")).split(","):
            mine.setdefault(str(labels.get(engine.PROJECT_LABEL)), []).append(one)
    return next(iter(mine.values())) if len(mine) == 1 else []


def container(told: Mapping[str, Any]) -> Container:
    """From `GET /containers/{id}/json`; fields that an engine leaves out are as if nothing was set."""
    config, host, state = (_mapping(told.get(key)) for key in ("Config", "HostConfig", "State"))
    labels = _mapping(config.get("Labels"))
    number = str(labels.get(engine.NUMBER_LABEL, "1"))
    running = state.get("Running") is True
    health = _mapping(state.get("Health") or state.get("Healthcheck")).get("Status")
    return Container(
        id=str(told.get("Id", "")),
        name=str(told.get("Name", "")).lstrip("/"),
        project=str(labels.get(engine.PROJECT_LABEL, "")),
        service=str(labels.get(engine.SERVICE_LABEL, "")),
        number=int(number) if number.isdecimal() else 1,
        image=_image(config.get("Image")),
        environment=dict(one.split("=", 1) for one in _texts(config.get("Env")) if "=" in one),
        command=(*_texts(config.get("Entrypoint")), *_texts(config.get("Cmd"))),
        ports=tuple(_ports(_mapping(_mapping(told.get("NetworkSettings")).get("Ports")))),
        memory_limit=_whole(host.get("Memory")) or None,
        cpu_limit=_cores(host),
        running=running,
        pid=(_whole(state.get("Pid")) or None) if running else None,
        restarts=_whole(told.get("RestartCount")),
        out_of_memory=state.get("OOMKilled") is True,
        started=str(state.get("StartedAt", "")),
        health=health if health in _HEALTH else None,
    )


def _image(value: Any) -> str | None:
    """Its name; one that has lost it to a newer image is told by its digest."""
    name = _text(value)
    return None if name is None or name.startswith("sha256:") else name


def _cores(host: Mapping[str, Any]) -> float | None:
    if nanos := _whole(host.get("NanoCpus")):
        return nanos / 1e9
    quota, period = _whole(host.get("CpuQuota")), _whole(host.get("CpuPeriod")) or 100_000
    return quota / period if quota > 0 else None


def _ports(told: Mapping[str, Any]) -> Iterator[Port]:
    """`{"8000/tcp": [{"HostIp": "0.0.0.0", "HostPort": "8000"}, ...], "9000/tcp": null}`."""
    for name, bindings in told.items():
        target, _, protocol = name.partition("/")
        if not target.isdecimal():
            continue
        for binding in bindings if isinstance(bindings, list) else []:
            published = str(_mapping(binding).get("HostPort", ""))
            if published.isdecimal():
                host = _text(_mapping(binding).get("HostIp"))
                yield Port(int(target), int(published), host or None, protocol or "tcp")


def over(service: Service, containers: Sequence[Container]) -> tuple[Service, str | None]:
    """The service as its first running container really is, and what is to be said of it."""
    running = [one for one in containers if one.running]
    if not running:
        notes = ["its container does not run" if containers else "it has no container"]
        return service, "; ".join([*notes, *_history(containers)])
    live = running[0]
    changed = sorted(
        name for name, value in service.environment.items() if live.environment.get(name) != value
    )
    names = ", ".join(changed)
    notes = [f"its container was made with other values than the files have now for {names}"] if names else []
    found = replace(
        service,
        image=live.image or service.image,
        environment=live.environment,
        command=live.command,
        entrypoint=None,
        command_of_image=not service.words,
        ports=live.ports if service.network_mode != "host" else service.ports,
        memory_limit=live.memory_limit,
        cpu_limit=live.cpu_limit,
        enabled=True,
    )
    return found, "; ".join([*notes, *_history(containers)]) or None


def _history(containers: Sequence[Container]) -> Iterator[str]:
    restarts = sum(one.restarts for one in containers)
    if restarts:
        yield f"the engine has restarted it {restarts} {'time' if restarts == 1 else 'times'}"
    if any(one.out_of_memory for one in containers):
        yield "it was ended for want of memory"
    if any(one.health == "unhealthy" for one in containers):
        yield "its health check fails"


def visible_pid(found: Container) -> int | None:
    """The container's first process, if this machine shows it under that number: an engine in a virtual
    machine tells numbers of its own."""
    if found.pid is None or not found.id:
        return None
    try:
        groups = Path(f"/proc/{found.pid}/cgroup").read_text()
    except OSError:
        return None
    return found.pid if found.id in groups else None


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _whole(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0
