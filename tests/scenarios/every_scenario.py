"""Every scenario for 20 seconds: `python -m tests.scenarios.every_scenario`, or `make scenarios`.

All load one embedded deployment, four at a time, each a `kato-bench run` of its own. Nothing may fail, no
answer may break the contract or differ from what a single user gets, and nothing may be left behind. It takes
about two minutes on 2 cores.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import redis

from bench.loadgen.catalogue import scenarios
from bench.record.reader import RunRecord
from bench.record.vocabulary import INVALID, WRONG_ANSWER

COMMAND = [sys.executable, "-m", "bench.cli"]
AT_ONCE = 4
SECONDS = 20
#: Requests a second: four scenarios together leave one worker half of its time.
RATE = 10
#: Four runs stay well below the forty connections of one worker: of those that are closed it learns late.
CONNECTIONS = 6
_MIX = {"chat": 4, "recommend": 2, "train": 1, "score": 1, "churn": 1}
_SINGLE = dict.fromkeys(("observe", "create", "delete", "stm", "config", "extend", "finalize", "lookup"), 1)
#: What keeps the preparation short, or brings a scenario to its end within the time.
SMALL: dict[str, dict[str, Any]] = {
    "vectors": {"vectors": 500, "patterns": 10},
    "smoke": {"patterns": 5, "sessions": 2},
    "hierarchy": {"branch": 2, "sessions": 2},
    "churn": {"ttl": 10, "sessions": 4},
    "mixed": {"patterns": 20, "sessions": 4, **_MIX, **_SINGLE},
}
PATTERNS = 50
#: What a scenario sends too seldom to be seen in so short a time.
RARE = {"growth": {"extend"}}


@dataclass(frozen=True)
class Outcome:
    """`wrong`: what must not be, in sentences."""

    name: str
    requests: int
    seconds: float
    wrong: tuple[str, ...]


def run(name: str, deployment: dict[str, Any], folder: Path) -> Outcome:
    about = scenarios()[name].about
    options = SMALL.get(name, {"patterns": PATTERNS} if "patterns" in about["options"] else {})
    arguments = [
        *(
            "run",
            "--verify",
            "--scenario",
            name,
            "--target",
            deployment["base_url"],
            "--json",
            "--out",
            str(folder),
        ),
        *(
            "--duration",
            str(SECONDS),
            "--warmup",
            "0",
            "--rate",
            str(RATE),
            "--connections",
            str(CONNECTIONS),
        ),
        *(word for option, value in options.items() for word in ("--data", f"{option}={value}")),
        *(
            word
            for store in about.get("stores", ())
            for word in (f"--{store}-url", address(deployment, store))
        ),
    ]
    began = time.monotonic()
    done = subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, timeout=120)
    seconds = time.monotonic() - began
    # 5 says that the machine was too busy for numbers; what was answered is judged all the same.
    if done.returncode not in (0, 5):
        return Outcome(name, 0, seconds, (f"it ended with {done.returncode}: {done.stderr.strip()}",))
    record = RunRecord(json.loads(done.stdout)["folder"])
    expected = set(about["operations"]) - RARE.get(name, set())
    return Outcome(name, record.count().requests, seconds, tuple(complaints(record, expected)))


def complaints(record: RunRecord, operations: set[str]) -> list[str]:
    found = []
    if record.manifest.status != "finished":
        found.append(f"it is {record.manifest.status}: {record.manifest.reason}")
    for event in record.events():
        if event["kind"] == INVALID:
            found.append(f"{event['request']} broke the contract: {event['complaint']}")
        if event["kind"] == WRONG_ANSWER:
            found.append(f"{event['field']} was {event['got']} and is {event['expected']} for a single user")
    counted = record.count(None, None)
    if counted.errors:
        found.append(f"{counted.errors} of {counted.requests} requests failed")
    seen = set(record.requests(["operation"]).column("operation").to_pylist())
    if missing := operations - seen:
        found.append(f"it never sent {', '.join(sorted(missing))}")
    return found


def address(deployment: dict[str, Any], store: str) -> str:
    found: str = next(part["address"] for part in deployment["parts"] if part["name"] == store)
    return found


def left_behind(deployment: dict[str, Any]) -> list[str]:
    """Sessions and learned patterns that the runs should have taken away."""
    host, port = address(deployment, "redis").rsplit(":", 1)
    store = redis.Redis(host=host, port=int(port), decode_responses=True)
    keys = [*store.scan_iter("kato:session:session-*"), *store.scan_iter("bench_*:frequency:*")]
    return [f"{len(keys)} keys are left in Redis, such as {keys[0]}"] if keys else []


def main() -> int:
    began = time.monotonic()
    up = subprocess.Popen(
        [*COMMAND, "up", "--workers", "1", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert up.stdout is not None
    try:
        deployment = json.loads(up.stdout.readline())
        with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(AT_ONCE) as pool:
            outcomes = pool.map(lambda name: run(name, deployment, Path(folder)), scenarios())
            wrong = []
            for outcome in outcomes:
                verdict = "; ".join(outcome.wrong) or "fine"
                print(
                    f"{outcome.name:<11}{outcome.requests:>6} requests {outcome.seconds:>5.0f} s  {verdict}"
                )
                wrong += outcome.wrong
        wrong += left_behind(deployment)
    finally:
        up.send_signal(signal.SIGINT)
        up.communicate(timeout=30)
    print(
        f"{len(scenarios())} scenarios in {time.monotonic() - began:.0f} s: {'; '.join(wrong) or 'all fine'}"
    )
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
