"""3. The highest rate before and after, and the size at which an objective breaks."""

from __future__ import annotations

from typing import Any

from tests.story.stage import FAULTS, QUICK, UntrueError, bench, check, note, noted, rate, settings, tell

_GROWTH_OBJECTIVE, _BOUND = "p50(predict) < 60ms", 0.060
#: A quick search has time for its first trial, at a rate that one worker does not carry, and little more.
_EFFORT = (
    ["--budget", "70", "--trial", "6", "--warmup", "2"]
    if QUICK
    else ["--budget", "170", "--trial", "8", "--width", "0.08"]
)
_SIZES = "200,1000,2500" if QUICK else "100,500,1500,3000"
#: How far a measurement at the predicted size may be from the objective's bound.
_TOLERANCE = 0.25


def _objective() -> str:
    """200 ms, or three times what a healthy deployment needs here at a third of what it carries: no rate
    meets an objective below the tail of an idle machine."""
    return f"p95(predict) < {max(200, 30 * round(noted()['healthy_p95'] * 100))}ms"


def _in_words(objective: str, found: dict[str, Any]) -> str:
    if found["low"] is None:
        return f"no rate was seen to hold {objective}"
    held = f"{objective} held at {found['low']:.0f}/s"
    if found["high"] is None:
        return f"{held} and was not seen to fail above"
    return f"{held} and failed at {found['high']:.0f}/s, bound by {found['binding_resource']}"


def capacity() -> None:
    cured = noted().get("cured")
    if cured is None:
        raise UntrueError("step 2 has not been told yet: make story-patches")
    objective = _objective()
    search = ["capacity", "search", "--objective", objective, "--confirm", "0", *_EFFORT]
    search += ["--rate", rate(1.2, 160) if QUICK else rate(0.75, 100)]
    # Both with the memory they need: what is compared is what the workers carry.
    roomy = {**cured, "uvicorn.workers": FAULTS["uvicorn.workers"]}
    before, after = (bench(*search, *settings(knobs), expect=(0, 5)) for knobs in (roomy, cured))
    for name, found in (("before", before), ("after", after)):
        check(f"{name}: {_in_words(objective, found)}", found["low"] is not None)
    # A quick search ends before it has found where either fails.
    more = after["low"] >= before["low"] if QUICK else after["low"] > before["low"]
    check("after carries more than before" if not QUICK else "after carries no less than before", more)

    grown = bench("capacity", "growth", "--sizes", _SIZES, "--objective", _GROWTH_OBJECTIVE, expect=(0, 3, 5))
    sizes = [one["sizes"]["value"] for one in grown["breaks"] if one["sizes"]["value"] is not None]
    if not sizes:
        raise UntrueError(f"growth found no size at which {_GROWTH_OBJECTIVE} breaks")
    size = round(sizes[0])
    load = ["--rate", "4", "--arrivals", "constant", "--warmup", "3", "--duration", "15" if QUICK else "30"]
    there = bench("run", *load, "--data", f"patterns={size}", "--data", "nodes=1")
    shown = there["operations"]["predict"]["response"]["p50"]["value"]
    check(
        f"growth says that {_GROWTH_OBJECTIVE} breaks at {size} patterns; there it is {shown * 1000:.1f} ms",
        abs(shown - _BOUND) <= _TOLERANCE * _BOUND,
    )
    note(
        capacity={
            name: {key: found[key] for key in ("low", "high", "binding_objective", "binding_resource")}
            for name, found in (("before", before), ("after", after))
        },
        growth={"size": size, "predicted": _BOUND, "measured": shown},
    )


if __name__ == "__main__":
    tell("3. Search the capacity", capacity)
