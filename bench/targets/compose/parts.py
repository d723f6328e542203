"""Which services of a project are KATO and its stores, and where this machine reaches them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from bench.errors import UsageError
from bench.targets.compose import invocation, settings
from bench.targets.compose.services import Project, Service
from bench.targets.stores import STORES

PARTS = ("kato", *STORES)

_IMAGES = {
    "kato": frozenset({"kato"}),
    "redis": frozenset({"redis", "redis-stack-server", "redis-stack", "valkey", "keydb", "dragonfly"}),
    "qdrant": frozenset({"qdrant"}),
    "clickhouse": frozenset({"clickhouse-server", "clickhouse"}),
}
_PROGRAMS: dict[str, tuple[str, ...]] = {
    "redis": settings.SERVERS,
    "qdrant": (),
    "clickhouse": ("clickhouse-server",),
}
#: Words of names that tell nothing of what runs there.
_FILLERS = frozenset(
    (
        "kato",
        "kb",
        "db",
        "server",
        "service",
        "api",
        "app",
        "store",
        "cache",
        "vector",
        "primary",
        "main",
        "0",
        "1",
    )
)
_PORTS = {"kato": 8000, "redis": 6379, "qdrant": 6333, "clickhouse": 8123}
_APPLICATION = "kato.services.kato_fastapi"

_EVERYWHERE = frozenset({None, "", "0.0.0.0", "::", "*"})
_LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True)
class Found:
    """A part. `service` is the one that it runs in, `port` the one that it listens at there. `host` and
    `published`: where this machine reaches it. `why` says in a sentence what is missing of these."""

    service: Service | None = None
    port: int = 0
    scheme: str = "http"
    host: str | None = None
    published: int | None = None
    why: str | None = None

    @property
    def address(self) -> str | None:
        """Its URL for this machine."""
        if self.host is None or self.published is None:
            return None
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.published}"


def find(project: Project, told: str | None = None) -> dict[str, Found]:
    """The parts by name. `told`: the service that is KATO, where the user says so.

    Raises UsageError where it cannot be told which service is KATO."""
    kato = _kato(project, told)
    found = {"kato": _reached(project, kato, settings.kato_port(kato), "http")}
    return found | {store: _store(project, kato, store) for store in STORES}


def _kato(project: Project, told: str | None) -> Service:
    names = ", ".join(project.services)
    if told is not None:
        if told not in project.services:
            raise UsageError(f"{project.files[0]} has no service {told}: it has {names}.")
        return project.services[told]
    found = _most_likely(project, "kato")
    published = [one for one in found if one.ports or one.network_mode == "host"]
    found = published if len(published) == 1 else found
    if len(found) == 1:
        return found[0]
    example = f"compose:{project.files[0]}#{found[0].name if found else 'SERVICE'}"
    if found:
        several = " and ".join(one.name for one in found)
        raise UsageError(
            f"Several services of {project.files[0]} may be KATO, {several}: name one, as {example}."
        )
    raise UsageError(
        f"None of the services of {project.files[0]} is known to be KATO: name it, as {example}; there are "
        f"{names}."
    )


def _store(project: Project, kato: Service, store: str) -> Found:
    """The store that KATO's own variables name, else the one that looks like it."""
    host, port, scheme = _wiring(store, kato.environment)
    port = port or _PORTS[store]
    if host is None:
        likely = _most_likely(project, store)
        if len(likely) == 1:
            return _reached(project, likely[0], port, scheme)
        several = " and ".join(one.name for one in likely)
        why = f"{several} may both be it" if likely else "no service of the Compose files is known to be it"
        return Found(port=port, scheme=scheme, why=f"{why}, and KATO's environment does not tell")
    service = _service_called(project, host)
    if service is not None:
        return _reached(project, service, port, scheme)
    if host in _LOOPBACK_NAMES and kato.network_mode == "host":
        return Found(None, port, scheme, "127.0.0.1", port)
    return Found(
        port=port, scheme=scheme, why=f"KATO is told to find it at {host}, which is no service of the files"
    )


def _wiring(store: str, environment: Mapping[str, str]) -> tuple[str | None, int | None, str]:
    """Host, port and scheme by which KATO's container reaches a store; None for what its variables do not say
    (kato: settings.py, vectordb_config.py)."""
    if store == "redis":
        try:
            url = urlsplit(environment.get("REDIS_URL", ""))
            host, port = url.hostname, url.port
        except ValueError:
            host, port = None, None
        if host is None:
            host, port = environment.get("REDIS_HOST") or None, _port(environment.get("REDIS_PORT"))
        return host, port, "redis"
    prefix, switch = store.upper(), {"qdrant": "QDRANT_HTTPS", "clickhouse": "CLICKHOUSE_SECURE"}[store]
    secure = environment.get(switch, "").lower() in ("true", "1", "yes", "on")
    host, port = environment.get(f"{prefix}_HOST") or None, _port(environment.get(f"{prefix}_PORT"))
    return host, port, "https" if secure else "http"


def _port(text: str | None) -> int | None:
    return int(text) if text and text.isdecimal() else None


def _service_called(project: Project, host: str) -> Service | None:
    named = [one for one in project.services.values() if host in one.aliases]
    return named[0] if named else None


def _most_likely(project: Project, part: str) -> list[Service]:
    """The services that the strongest kind of evidence speaks for: what they run, then what they are called,
    then the port."""
    services = [one for one in project.services.values() if one.enabled]
    for speaks_for in _EVIDENCE:
        found = [one for one in services if speaks_for(one, part)]
        if found:
            return found
    return []


def _runs(service: Service, part: str) -> bool:
    if part == "kato":
        return _image(service) in _IMAGES[part] or any(_APPLICATION in word for word in service.words)
    program = invocation.arguments(service.words, _PROGRAMS[part], service.environment)
    return _image(service) in _IMAGES[part] or program is not None


def _reaches_the_stores(service: Service, part: str) -> bool:
    """Only KATO is told where all three are."""
    return part == "kato" and all(_wiring(store, service.environment)[0] is not None for store in STORES)


def _is_called(service: Service, part: str) -> bool:
    """`redis`, `kato-redis`, `redis_kb`; not `redis-exporter`, and nothing whose image is known to be
    another."""
    if any(_image(service) in images for other, images in _IMAGES.items() if other != part):
        return False
    return any(_bare(name, part) for name in (service.name, service.container_name or ""))


def _bare(name: str, part: str) -> bool:
    words = set(name.lower().replace("_", "-").replace(".", "-").split("-"))
    return part in words and words <= _FILLERS | {part}


def _listens(service: Service, part: str) -> bool:
    return any(port.target == _PORTS[part] and port.protocol == "tcp" for port in service.ports)


_EVIDENCE: tuple[Callable[[Service, str], bool], ...] = (_runs, _reaches_the_stores, _is_called, _listens)


def _image(service: Service) -> str | None:
    """The last part of an image's name, without tag and digest."""
    if service.image is None:
        return None
    return service.image.partition("@")[0].rpartition("/")[2].partition(":")[0].lower()


def _reached(project: Project, service: Service, port: int, scheme: str) -> Found:
    """Where this machine reaches a port of a service."""
    holder = service
    mode = service.network_mode or ""
    if mode.startswith("service:") and (other := project.services.get(mode.removeprefix("service:"))):
        holder = other
    if holder.network_mode == "host":
        return Found(service, port, scheme, "127.0.0.1", port)
    there = [one for one in holder.ports if one.target == port and one.protocol == "tcp"]
    # Where it is published several times, an address of this machine itself comes first.
    for one in sorted(there, key=lambda one: _own_host(one.host) is None):
        if one.published is not None:
            return Found(service, port, scheme, _own_host(one.host) or one.host, one.published)
    if there:
        why = f"the engine chooses where port {port} of its service {service.name} is published"
    else:
        why = f"its service {service.name} publishes no port {port} on this machine"
    return Found(service, port, scheme, why=why)


def _own_host(host: str | None) -> str | None:
    """The loopback address that a published address includes or is; None for another one of this machine."""
    if host in _EVERYWHERE:
        return "127.0.0.1"
    assert host is not None
    return host if host in ("127.0.0.1", "::1") or host.startswith("127.") else None
