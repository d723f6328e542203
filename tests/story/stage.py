"""What every step of the story needs: the command, the numbers noted so far, and how a step is told."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

QUICK = os.environ.get("STORY") == "quick"

FOLDER = Path("results/runs/story")
_NOTES = FOLDER / "story.json"

#: One worker on a machine with two cores, Redis that evicts any key and is too small for what the run
#: stores, and a graph that is too thin.
FAULTS = {
    "uvicorn.workers": "1",
    "redis.maxmemory-policy": "allkeys-lru",
    "redis.maxmemory": "6mb",
    "qdrant.hnsw.m": "4",
    "qdrant.hnsw.ef_construct": "8",
}
RECALL = "recall@10 >= 0.98"
VECTORS = 20_000 if QUICK else 50_000
#: More requests a second than one worker answers, fewer than two do.
HEAVY = "200"


class UntrueError(AssertionError):
    """The story is not true here."""


def bench(*arguments: str, expect: tuple[int, ...] = (0,)) -> dict[str, Any]:
    """Run a command with `--json`; its object. An unsound measurement is repeated, at most twice.

    Raises UntrueError for an exit code other than those expected."""
    for _ in range(3):
        answer = _once(arguments)
        if answer["exit_code"] in expect:
            return answer
        if (answer.get("soundness") or {}).get("level") != "unsound":
            break
        print("    unsound; once more", flush=True)
    raise UntrueError(f"kato-bench {' '.join(arguments)} ended with {answer['exit_code']}, not {expect}")


def _once(arguments: tuple[str, ...]) -> dict[str, Any]:
    command = [sys.executable, "-m", "bench.cli", *arguments, "--out", str(FOLDER), "--json"]
    print("  $ kato-bench " + " ".join(arguments), flush=True)
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    answer: dict[str, Any] = json.loads(done.stdout or "{}")
    return answer | {"exit_code": done.returncode}


def settings(values: dict[str, str]) -> list[str]:
    """The `--set` arguments of knob values."""
    return [word for name, value in values.items() for word in ("--set", f"{name}={value}")]


def check(sentence: str, holds: bool) -> None:
    """Say it if it holds. Raises UntrueError if it does not."""
    if not holds:
        raise UntrueError(sentence)
    print(f"  ✓ {sentence}", flush=True)


def rate(share: float, most: int) -> str:
    """Requests a second that are this share of what one worker was seen to carry on this machine in step 1,
    and not more than `most`: machines differ by more than the story could bear."""
    carried = noted().get("carried")
    if carried is None:
        raise UntrueError("step 1 has not been told yet: make story-faults")
    return str(max(1, min(most, round(share * carried))))


def note(**values: Any) -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    _NOTES.write_text(json.dumps({**noted(), "quick": QUICK, **values}, indent=2) + "\n")


def noted() -> dict[str, Any]:
    """What the steps so far have noted."""
    known: dict[str, Any] = json.loads(_NOTES.read_text()) if _NOTES.exists() else {}
    return known


def tell(title: str, step: Any) -> None:
    """Run a step as a program: 1 and a sentence where the story is not true here."""
    print(f"{title}{' (quick)' if QUICK else ''}", flush=True)
    began = time.monotonic()
    try:
        step()
    except UntrueError as error:
        sys.exit(f"  ✗ {error}")
    seconds = round(time.monotonic() - began)
    note(seconds={**noted().get("seconds", {}), title: seconds})
    print(f"  done in {seconds} s", flush=True)
