"""2. Each patch of the advice moves its metric as predicted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bench.record.advice import ARGUMENTS, PATCHES
from bench.record.reader import RunRecord
from tests.story.faults import chat, vectors
from tests.story.stage import (
    FAULTS,
    FOLDER,
    HEAVY,
    RECALL,
    UntrueError,
    bench,
    check,
    note,
    noted,
    settings,
    tell,
)


def patched(run: str) -> dict[str, str]:
    """The deployment's settings once the patch file of the run's advice is applied."""
    lines = (FOLDER / run / PATCHES / ARGUMENTS).read_text().split()
    chosen = dict(word.split("=", 1) for word in lines if "=" in word)
    return {**FAULTS, **chosen}


def measured(metric: str, summary: dict[str, Any]) -> float | None:
    """What a run measured of the metrics that predictions name; None for those that a run cannot show."""
    if metric == "rate":
        return float(summary["rate"]["value"])
    if metric.startswith("recall@"):
        return next((one["measured"] for one in summary["objectives"] if one["objective"] == RECALL), None)
    if metric == "evicted_keys":
        series = RunRecord(Path(summary["folder"])).metrics()[("redis", "", "evicted_keys_total")]
        return float(series[1][-1] - series[1][0])
    return None


def compare(recommendation: dict[str, Any], summary: dict[str, Any]) -> list[dict[str, Any]]:
    """Each prediction that the run can show, with what it showed. Raises UntrueError where it was wrong."""
    rows = []
    for one in recommendation["predicted"]:
        shown = measured(one["metric"], summary)
        if shown is None:
            continue
        low, high = one["low"], one["high"]
        wanted = " to ".join(f"{bound:.4g}" for bound in (low, high) if bound is not None)
        holds = (low is None or shown >= low) and (high is None or shown <= high)
        change = f"{recommendation['knob']} {recommendation['old']} → {recommendation['new']}"
        now = "" if one["now"] is None else f", before {one['now']:.4g}"
        check(f"{change}: {one['metric']} is {shown:.4g}, predicted {one['kind']} {wanted}{now}", holds)
        rows.append({"change": change, "metric": one["metric"], "measured": shown, **one})
    return rows


def patches() -> None:
    sick = noted().get("sick")
    if sick is None:
        raise UntrueError("step 1 has not been told yet: make story-faults")
    cured: dict[str, str] = {}
    rows = []
    for scenario, again in (("chat", chat), ("vectors", vectors)):
        advice = bench("advise", sick[scenario])
        cured |= {name: value for name, value in patched(sick[scenario]).items() if value != FAULTS.get(name)}
        set_ = settings({**FAULTS, **cured})
        summary = again(*set_, at=HEAVY) if scenario == "chat" else again(*set_)
        for finding in advice["findings"]:
            for recommendation in finding["recommendations"]:
                rows += compare(recommendation, summary)
    for metric in ("rate", "evicted_keys", "recall@10"):
        check(f"a prediction of {metric} was put to the test", any(row["metric"] == metric for row in rows))
    note(cured={**FAULTS, **cured}, predictions=rows)


if __name__ == "__main__":
    tell("2. Apply the patches", patches)
