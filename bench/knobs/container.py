"""Limits of the containers that hold KATO and its stores."""

from __future__ import annotations

from bench.knobs.knob import Knob

_HOLDS_FOR = "containers of Docker, Podman and Kubernetes"
_LEAST_MEMORY = 6 << 20
_FILES = "KATO 3.10.1 docker-compose.yml and deployment/docker-compose.yml"

#: Service -> (what its memory limit influences, what KATO's files say of it).
_MEMORY = {
    "kato": (
        "how many workers fit: 12 MB and about 236 MB each, and what they learn, which is never given back",
        f"{_FILES} do not limit it",
    ),
    "redis": (
        "where the kernel ends Redis: leave 1.5 times maxmemory, and twice with persistence",
        "KATO 3.10.1: 8 GB by deployment/docker-compose.yml, as much as maxmemory; none by the other file",
    ),
    "qdrant": (
        "vectors in memory: about 1.5 times their size, and the rest comes from the disk",
        f"{_FILES} do not limit it",
    ),
    "clickhouse": (
        "memory of queries and merges: the server takes 90 % of it, and max_memory_usage must be less",
        f"{_FILES} limit it to 8 GB; a query may take 10 GB by users.xml",
    ),
}


def _memory(service: str) -> Knob:
    influences, source = _MEMORY[service]
    return Knob(
        name=f"container.{service}.memory",
        system="container",
        kind="bytes",
        home="container limit",
        spelled=service,
        low=_LEAST_MEMORY,
        unit="bytes",
        influences=influences,
        holds_for=_HOLDS_FOR,
        source=source,
    )


def _cpus(service: str) -> Knob:
    return Knob(
        name=f"container.{service}.cpus",
        system="container",
        kind="float",
        home="container cpu limit",
        spelled=service,
        low=0.01,
        unit="cores",
        influences="throttling: a container that has used its share stands still for the rest of 100 ms; no "
        "more workers than cores" if service == "kato" else
        "throttling: a container that has used its share stands still for the rest of 100 ms",
        holds_for=_HOLDS_FOR,
        source=f"{_FILES} do not limit it; KATO's Kubernetes listings do",
    )  # fmt: skip


KNOBS = (*map(_memory, _MEMORY), *map(_cpus, _MEMORY))
