"""The child process that builds an index: `python -m bench.targets.embedded.vectors.build`.

It says `ready`, reads one job (a line of JSON) from standard input, copies the shard and says `copied`,
optimizes the copy and says `optimized`, or `unchanged` where the engine saw nothing to do."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from .orphan import run_while_parent_lives

if TYPE_CHECKING:
    from .settings import Settings


def _say(word: str) -> None:
    print(word, flush=True)


def _forget_quantization(shard: Path, settings: Settings) -> None:
    """Loading a shard with no quantization given keeps what its file says; so take it out of the file."""
    path = shard / "edge_config.json"
    config = json.loads(path.read_text())
    if settings.quantization is None:
        config.pop("quantization_config", None)
    for name, vector in settings.vectors.items():
        if "quantization_config" not in vector:
            config["vectors"][name].pop("quantization_config", None)
    path.write_text(json.dumps(config))


def build() -> int:
    import qdrant_edge as engine

    from .settings import Settings

    _say("ready")
    line = sys.stdin.readline()
    if not line:
        return 1
    job = json.loads(line)
    source, target = Path(job["source"]), Path(job["target"])
    settings = Settings.from_json(job["settings"])
    # With its write-ahead log, though it is flushed: operations are numbered by the log, and a fresh one
    # would start below the numbers that the points carry, so that the engine took every update for stale.
    shutil.copytree(source, target)
    _say("copied")
    _forget_quantization(target, settings)
    shard = engine.EdgeShard.load(str(target), settings.for_engine())
    changed = shard.optimize()
    shard.flush()
    shard.close()
    _say("optimized" if changed else "unchanged")
    return 0


if __name__ == "__main__":
    sys.exit(run_while_parent_lives(build))
