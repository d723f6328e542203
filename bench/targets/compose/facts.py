"""What is kept of a Compose deployment: its containers, and its knobs with who set them. No secret gets
in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from bench.knobs import catalogue
from bench.knobs.knob import UnknownKnob
from bench.secrecy import redacted, redacted_words, secret_values, without
from bench.targets.base import ContainerFacts
from bench.targets.compose import settings
from bench.targets.compose.live import Container
from bench.targets.compose.parts import Found
from bench.targets.compose.services import Project, Service
from bench.targets.compose.settings import ReadFile, Settings


def containers(
    stated: Project,
    project: Project,
    parts: Mapping[str, Found],
    running: Sequence[Container],
    notes: Mapping[str, str],
) -> tuple[ContainerFacts, ...]:
    """Every service that is on. `stated`: as the files say it; `project`: as it is; `notes`: by service, what
    is to be said of it."""
    names = {found.service.name: part for part, found in parts.items() if found.service is not None}
    secrets = stated.secrets | {
        value
        for services in (stated.services, project.services)
        for service in services.values()
        for value in secret_values(service.environment)
    }
    return tuple(
        ContainerFacts(
            name=name,
            part=names.get(name),
            image=service.image,
            replicas=service.replicas,
            cpu_limit=service.cpu_limit,
            memory_limit=service.memory_limit,
            environment=_environment(service, stated.services[name].environment, secrets),
            command=tuple(without(word, secrets) for word in redacted_words(service.words)),
            ports={
                f"{port.target}/{port.protocol}": port.published
                for port in service.ports
                if port.published is not None
            },
            instances=tuple(one.id for one in running if one.service == name and one.running),
            note=notes.get(name),
        )
        for name, service in project.services.items()
        if service.enabled
    )


def _environment(service: Service, stated: Mapping[str, str], secrets: Iterable[str]) -> dict[str, str]:
    """The variables that the files name or that are knobs: an image brings many that say nothing."""
    told = {name: text for name, text in service.environment.items() if name in stated or _is_knob(name)}
    return {name: without(text, secrets) for name, text in redacted(told).items()}


def _is_knob(name: str) -> bool:
    try:
        catalogue.find(name)
    except UnknownKnob:
        return False
    return True


def knobs(project: Project, parts: Mapping[str, Found], read_file: ReadFile) -> Settings:
    """The knobs of all parts that have a service, and those that are variables of the files."""
    found = settings.variables(project)
    for part, one in parts.items():
        if one.service is None:
            continue
        found |= settings.limits(part, one.service)
        if part == "kato":
            found |= settings.kato(one.service)
        elif part == "redis":
            found |= settings.redis(one.service, read_file)
        elif part == "qdrant":
            found |= settings.qdrant(one.service)
        elif part == "clickhouse":
            found |= settings.clickhouse(one.service, read_file)
    return found
