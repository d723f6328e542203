"""An override file for KATO's two compose bundles, whose services are both called `kato` and `redis`."""

from __future__ import annotations

import json
from collections.abc import Iterator

from advisor.patches.base import Changes, Deployment, Form, in_one_file
from advisor.patches.environment import variables
from bench.knobs.catalogue import find
from bench.record.advice import Patch

_MEBIBYTE = 1 << 20


def write(changes: Changes, deployment: Deployment) -> Patch | None:
    services = [*_kato(changes), *_limits(changes)]
    if not services:
        return None
    return Patch(
        kind="compose",
        title="docker-compose.override.yml beside docker-compose.yml, then docker compose up -d",
        text="\n".join(["services:", *services]) + "\n",
    )


def _kato(changes: Changes) -> Iterator[str]:
    found = variables(changes)
    if found:
        yield "  kato:"
        yield "    environment:"
        for name, value in found.items():
            yield f"      - {_quoted(f'{name}={value}')}"


def _limits(changes: Changes) -> Iterator[str]:
    for name, value in changes.items():
        knob = find(name)
        if knob.home == "container limit":
            yield f"  {knob.spelled}:"
            yield "    deploy:"
            yield "      resources:"
            yield "        limits:"
            yield f"          memory: {_memory(int(value))}"


def _quoted(text: str) -> str:
    """A JSON string is one of YAML, too; Compose reads a lone dollar as the beginning of a variable."""
    return json.dumps(text.replace("$", "$$"), ensure_ascii=False)


def _memory(size: int) -> str:
    """Compose's units are binary."""
    return f"{size // _MEBIBYTE}m" if size % _MEBIBYTE == 0 else f"{size}b"


FORM = Form(write, in_one_file("compose.override.yaml"))
