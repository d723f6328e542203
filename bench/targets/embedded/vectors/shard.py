"""The engine's shards on disk."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import qdrant_edge as engine

from .settings import Settings

_CONFIG = "edge_config.json"


def create_shard(path: Path, settings: Settings) -> Any:
    """A new, empty shard."""
    return engine.EdgeShard.create(str(path), settings.for_engine())


def load_shard(path: Path, settings: Settings | None = None) -> Any:
    """A shard as it was left, or under other settings; where the engine refuses these, as it was left."""
    if settings is None:
        return engine.EdgeShard.load(str(path))
    config = path / _CONFIG
    before = config.read_text()
    config.write_text(_without_dropped_quantization(before, settings))
    try:
        return engine.EdgeShard.load(str(path), settings.for_engine())
    except BaseException:
        config.write_text(before)
        raise


def _without_dropped_quantization(text: str, settings: Settings) -> str:
    """Loading a shard with no quantization given keeps what its file says: so it must go from the file."""
    config = json.loads(text)
    if settings.quantization is None:
        config.pop("quantization_config", None)
    for name, vector in settings.vectors.items():
        if "quantization_config" not in vector:
            config["vectors"][name].pop("quantization_config", None)
    return json.dumps(config)
