"""Plan files that tests change, and what becomes of them."""

from __future__ import annotations

from pathlib import Path

from bench.flags import RunFlags, make_plan
from bench.loadgen.catalogue import find
from bench.plan import Plan
from bench.planfile.reading import parse

MEASURE = '[[phase]]\nphase = "measure"\nduration = "30s"\npoisson = { rate = 40 }\n'
FULL = """\
scenario = "chat"
seed = 7
timeout = "2s"
drain = "5s"
connections = 12
corpus = "mine.txt"
keep_data = true
verify = true
objectives = ["p95(predict) < 50ms", "errors < 0.1%"]

[target]
profile = "shipped"
workers = 2
knobs.redis.maxmemory = "64mb"
knobs."qdrant.hnsw.m" = 32
[target.faults]
cpu = "15%"
stall = true
slow-redis = false

[data]
patterns = 50

[session]
recall_threshold = 0.5
filter_pipeline = ["jaccard"]

[tags]
ticket = "OPS-12"

[collectors]
interval = "5s"

[[phase]]
phase = "warmup"
duration = 10
constant = { rate = 5 }

[[phase]]
phase = "measure"
name = "climb"
duration = "1m"
ramp = { from = 5, to = 50 }

[[phase]]
phase = "measure"
duration = "1m"
[phase.spike]
base = 5
peak = 50
at = "20s"
for = 2.5
spacing = "constant"
"""


def plan_of(text: str, scenario: str = "chat", **flags: object) -> Plan:
    """What a file `/plans/plan.toml` of this text and these flags make."""
    file = parse(text, "plan.toml", Path("/plans"))
    return make_plan(find(scenario), RunFlags(environment={}, **flags), file)  # type: ignore[arg-type]


def phase(arrivals: str = "poisson = { rate = 40 }", **changes: str) -> str:
    """A [[phase]] of 30 s that is measured, with some keys changed; one without a value is left out."""
    keys = {"phase": '"measure"', "duration": '"30s"', **changes}
    return "\n".join(
        ["[[phase]]", *(f"{key} = {value}" for key, value in keys.items() if value), arrivals, ""]
    )
