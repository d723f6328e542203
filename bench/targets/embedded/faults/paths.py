"""Slow paths between the API and its stores: one proxy, a part of the deployment, for each."""

from __future__ import annotations

import socket
import sys
from collections.abc import Mapping

from bench.targets.embedded.faults import values
from bench.targets.embedded.parts import Part
from bench.targets.embedded.ports import HOST

_PREFIX = "slow-"
_PATIENCE = 1.0


def slowed(planted: Mapping[str, str]) -> dict[str, float]:
    """Part -> seconds that its path takes longer in each direction."""
    found = {}
    for name, value in planted.items():
        delay = values.seconds(value) if name.startswith(_PREFIX) else None
        if delay is not None:
            found[name.removeprefix(_PREFIX)] = delay
    return found


def path_name(part: str) -> str:
    return f"{part}-path"


def path_part(port: int, store: Part, delay: float) -> Part:
    """What the API talks to instead of `store`."""

    def ready(_: object) -> bool:
        with socket.create_connection((HOST, port), _PATIENCE):
            return True

    module = "bench.targets.embedded.proxy"
    return Part(
        name=path_name(store.name),
        title=f"The slow path to {store.name}",
        port=port,
        address=f"{HOST}:{port}",
        argv=(
            *(sys.executable, "-P", "-m", module, "--port", str(port)),
            *("--to", str(store.port), "--delay", repr(delay)),
        ),
        ready=ready,
        engine=lambda: ("kato-bench proxy", None),
    )
