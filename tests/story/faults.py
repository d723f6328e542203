"""1. Three planted faults are found, data loss first; a healthy deployment gets nothing above `info`."""

from __future__ import annotations

from typing import Any

from tests.story.stage import (
    FAULTS,
    HEAVY,
    QUICK,
    RECALL,
    VECTORS,
    bench,
    check,
    note,
    rate,
    settings,
    tell,
)

_SECONDS = "12" if QUICK else "25"


def chat(*more: str, at: str, expect: tuple[int, ...] = (0,)) -> dict[str, Any]:
    load = ["--rate", at, "--warmup", "5", "--duration", _SECONDS]
    return bench("run", "--scenario", "chat", *load, *more, expect=expect)


def vectors(*more: str, expect: tuple[int, ...] = (0,)) -> dict[str, Any]:
    load = ["--rate", "20", "--warmup", "3", "--duration", _SECONDS]
    load += ["--data", f"vectors={VECTORS}", "--data", "dimension=128"]
    return bench("run", "--scenario", "vectors", *load, "--objective", RECALL, *more, expect=expect)


def _changes(advice: dict[str, Any]) -> list[tuple[str, str, Any, Any]]:
    """(severity, knob, old, new) in the order in which the advice gives them."""
    return [
        (finding["severity"], change["knob"], change["old"], change["new"])
        for finding in advice["findings"]
        for change in finding["recommendations"]
    ]


def faults() -> None:
    sick_chat = chat(*settings(FAULTS), at=HEAVY)
    note(carried=sick_chat["rate"]["value"])
    sick_vectors = vectors(*settings(FAULTS), expect=(3,))
    advice = bench("advise", sick_chat["run"], sick_vectors["run"])
    changes = _changes(advice)
    wanted = {knob: new for _, knob, _, new in changes}
    check("Redis is to evict nothing", wanted.get("redis.maxmemory-policy") == "noeviction")
    check("maxmemory is to grow", int(wanted.get("redis.maxmemory", 0)) > 6 << 20)
    check("there are to be more workers", int(wanted.get("uvicorn.workers", 0)) > 1)
    check(
        "the graph is to get denser or searched more widely",
        int(wanted.get("qdrant.hnsw.m", 4)) > 4 or int(wanted.get("qdrant.hnsw.ef_construct", 8)) > 8,
    )
    check("data loss comes first", changes[0][0] == "critical" and changes[0][1].startswith("redis."))
    note(sick={"chat": sick_chat["run"], "vectors": sick_vectors["run"]}, changes=changes)

    healthy = chat(at=rate(0.3, 40))
    note(healthy_p95=healthy["operations"]["predict"]["response"]["p95"]["value"])
    for run in (healthy, vectors(expect=(0, 3))):
        graver = [
            finding["id"]
            for finding in bench("advise", run["run"])["findings"]
            if finding["severity"] != "info"
        ]
        check(f"the healthy {run['scenario']} gets nothing above info", not graver)


if __name__ == "__main__":
    tell("1. Find the planted faults", faults)
