"""An override file for Docker Compose: for the files that describe the deployment, or for KATO's two compose
bundles, whose services are both called `kato` and `redis`."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator

from advisor.patches.base import Changes, Deployment, Form, in_one_file
from advisor.patches.environment import variables
from bench.knobs.catalogue import find
from bench.record.advice import Patch

_MEBIBYTE = 1 << 20
_FILE = "compose.override.yaml"


def write(changes: Changes, deployment: Deployment) -> Patch | None:
    services: dict[str, list[str]] = {}
    for part, line in (*_kato(changes), *_limits(changes)):
        services.setdefault(_service(part, deployment), []).append(f"    {line}")
    if not services:
        return None
    lines = [line for name, inside in services.items() for line in (f"  {name}:", *inside)]
    return Patch(kind="compose", title=_title(deployment), text="\n".join(["services:", *lines]) + "\n")


def _title(deployment: Deployment) -> str:
    if not deployment.files:
        return "docker-compose.override.yml beside docker-compose.yml, then docker compose up -d"
    # With -f, Compose takes no override file by itself.
    files = " ".join(f"-f {shlex.quote(file)}" for file in (*deployment.files, _FILE))
    return f"{_FILE}, then docker compose {files} up -d"


def _kato(changes: Changes) -> Iterator[tuple[str, str]]:
    """Part and line of its service."""
    found = variables(changes)
    if found:
        yield "kato", "environment:"
        for name, value in found.items():
            yield "kato", f"  - {_quoted(f'{name}={value}')}"


def _limits(changes: Changes) -> Iterator[tuple[str, str]]:
    for name, value in changes.items():
        knob = find(name)
        if knob.home == "container limit":
            yield knob.spelled, "deploy:"
            yield knob.spelled, "  resources:"
            yield knob.spelled, "    limits:"
            yield knob.spelled, f"      memory: {_memory(int(value))}"


def _service(part: str, deployment: Deployment) -> str:
    name = deployment.services.get(part, part)
    return name if name.replace("-", "").replace("_", "").isalnum() else _quoted(name)


def _quoted(text: str) -> str:
    """A JSON string is one of YAML, too; Compose reads a lone dollar as the beginning of a variable."""
    return json.dumps(text.replace("$", "$$"), ensure_ascii=False)


def _memory(size: int) -> str:
    """Compose's units are binary."""
    return f"{size // _MEBIBYTE}m" if size % _MEBIBYTE == 0 else f"{size}b"


FORM = Form(write, in_one_file(_FILE))
