"""The load generators that are compared, each as a function that measures one round."""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from benchmarks import programs
from benchmarks.programs import ProgramError
from benchmarks.servers import BODY, GET_PATH

#: Seconds that a program may take besides what it was asked for: imports, preload, tables.
_AROUND = 40.0
_UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0}


@dataclass(frozen=True)
class Load:
    """What a tool is asked for: one GET on `connections` connections for `seconds`; with `rate`, at so many
    requests a second where the tool can. `length`: of every answer's body in bytes, 0 = not known."""

    url: str
    core: int
    seconds: float
    connections: int = 32
    rate: float | None = None
    length: int = len(BODY)


@dataclass(frozen=True)
class Round:
    """What a tool did and used. `percentiles`: response times in seconds by quantile, as the tool reports
    them. `peak_bytes`: of each of its processes."""

    requests: int
    cpu_seconds: float
    seconds: float
    failures: int
    percentiles: dict[float, float] = field(default_factory=dict)
    peak_bytes: dict[str, int] = field(default_factory=dict)

    @property
    def per_cpu_second(self) -> float:
        return self.requests / self.cpu_seconds if self.cpu_seconds else 0.0


@dataclass(frozen=True)
class Tool:
    """`missing`: why it cannot be measured here, and how to get it."""

    name: str
    measure: Callable[[Load], Round]
    missing: str | None = None


def client(load: Load) -> Round:
    """kato-bench's HTTP client alone."""
    command = ["benchmarks.client_loop", load.url, GET_PATH, str(load.connections), str(load.seconds)]
    return _python([*command, str(load.length)], load)


def engine(load: Load, workload: str = "one_get", warmup: float = 1.0) -> Round:
    """kato-bench's load engine: schedule, sessions, bookkeeping, recorder. Its CPU time is sampled once a
    second, so that it takes a few seconds to tell it."""
    command = ["benchmarks.engine_run", workload, load.url, str(load.connections), str(warmup)]
    return _python([*command, str(max(4.0, load.seconds)), str(load.length), *_rate(load)], load)


def locust_user(kind: str) -> Callable[[Load], Round]:
    """A user of `benchmarks.locust_users`."""

    def measure(load: Load) -> Round:
        command = ["benchmarks.locust_users", kind, load.url, str(load.connections), str(load.seconds)]
        return _python([*command, str(load.length), *_rate(load)], load)

    return measure


def wrk(load: Load) -> Round:
    """wrk has no rate: it sends as fast as it can."""
    options = ["-t1", f"-c{load.connections}", f"-d{max(1, round(load.seconds))}s", "--latency"]
    done = programs.run(["wrk", *options, load.url + GET_PATH], load.core, timeout=load.seconds + _AROUND)
    return read_wrk(done.output, done.cpu_seconds, done.peak_bytes)


def hey(load: Load) -> Round:
    options = ["-z", f"{load.seconds:g}s", "-c", str(load.connections), "-cpus", "1"]
    if load.rate is not None:
        options += ["-q", f"{load.rate / load.connections:g}"]
    done = programs.run(["hey", *options, load.url + GET_PATH], load.core, timeout=load.seconds + _AROUND)
    return read_hey(done.output, done.cpu_seconds, done.peak_bytes)


def read_wrk(output: str, cpu_seconds: float, peak: int) -> Round:
    """Raises ProgramError for what is no report of wrk's."""
    total = re.search(r"(\d+) requests in ([\d.]+)(us|ms|s|m),", output)
    if total is None:
        raise ProgramError(f"wrk reports no requests:\n{output}")
    bad = re.search(r"Non-2xx or 3xx responses: (\d+)", output)
    broken = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", output)
    return Round(
        requests=int(total[1]),
        cpu_seconds=cpu_seconds,
        seconds=float(total[2]) * _UNITS[total[3]],
        failures=(int(bad[1]) if bad else 0) + sum(map(int, broken.groups() if broken else ())),
        percentiles={
            float(percent) / 100: float(value) * _UNITS[unit]
            for percent, value, unit in re.findall(r"^ +(\d+)% +([\d.]+)(us|ms|s|m)$", output, re.MULTILINE)
        },
        peak_bytes={"wrk": peak},
    )


def read_hey(output: str, cpu_seconds: float, peak: int) -> Round:
    """Raises ProgramError for what is no report of hey's."""
    total = re.search(r"Total:\s+([\d.]+) secs", output)
    if total is None:
        raise ProgramError(f"hey reports no total:\n{output}")
    answers = {
        int(status): int(count) for status, count in re.findall(r"\[(\d+)\]\s+(\d+) responses", output)
    }
    errors = re.search(r"Error distribution:\n(.*)", output, re.DOTALL)
    broken = sum(map(int, re.findall(r"^\s+\[(\d+)\]", errors[1], re.MULTILINE))) if errors else 0
    return Round(
        requests=sum(answers.values()),
        cpu_seconds=cpu_seconds,
        seconds=float(total[1]),
        failures=sum(count for status, count in answers.items() if status != 200) + broken,
        percentiles={
            float(percent) / 100: float(value)
            for percent, value in re.findall(r"^\s+(\d+)%+ in ([\d.]+) secs", output, re.MULTILINE)
        },
        peak_bytes={"hey": peak},
    )


def _python(arguments: list[str], load: Load) -> Round:
    """Run one of this package's own programs, whose last line is its report."""
    command = [sys.executable, "-m", *arguments]
    env = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    done = programs.run(command, load.core, timeout=load.seconds + _AROUND, env=env)
    found: dict[str, Any] = json.loads(done.output.strip().splitlines()[-1])
    return Round(
        requests=found["requests"],
        cpu_seconds=found["cpu_seconds"],
        seconds=found["seconds"],
        failures=found["failures"],
        percentiles={float(q): value for q, value in found.get("percentiles", {}).items() if value},
        peak_bytes=found.get("peak_bytes") or {"process": done.peak_bytes},
    )


def _rate(load: Load) -> list[str]:
    return [] if load.rate is None else [str(load.rate)]


def _lacking(program: str) -> str | None:
    return None if shutil.which(program) else f"{program} is not installed here: apt install {program}"


CLIENT = Tool("kato-bench, client alone", client)
ENGINE = Tool("kato-bench, whole run", engine)
FAST = Tool("Locust FastHttpUser", locust_user("fast"))
HTTP = Tool("Locust HttpUser", locust_user("http"))
WRK = Tool("wrk", wrk, _lacking("wrk"))
HEY = Tool("hey", hey, _lacking("hey"))
