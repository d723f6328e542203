"""The child process that builds an index: `python -m bench.targets.embedded.vectors.build`.

It says `ready`, reads one job (a line of JSON) from standard input, copies the shard and says `copied`,
optimizes the copy and says `optimized`, or `unchanged` where the engine saw nothing to do."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

from .orphan import run_while_parent_lives


def _say(word: str) -> None:
    print(word, flush=True)


def build() -> int:
    from .settings import Settings
    from .shard import load_shard

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
    shard = load_shard(target, settings)
    changed = shard.optimize()
    shard.flush()
    shard.close()
    _say("optimized" if changed else "unchanged")
    return 0


if __name__ == "__main__":
    sys.exit(run_while_parent_lives(build))
