"""Limits of the containers that hold KATO and its stores."""

from __future__ import annotations

from bench.knobs.knob import Knob

KNOBS = (
    Knob(
        name="container.redis.memory",
        system="container",
        kind="bytes",
        home="container limit",
        spelled="redis",
        low=6 << 20,
        unit="bytes",
        source="KATO 3.10.1 deployment/docker-compose.yml limits it to 8 GB, as much as maxmemory; the "
        "docker-compose.yml at the root does not limit it; lowest: Docker",
    ),
)
