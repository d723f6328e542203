"""A gate's verdict in GitHub's Markdown, for a job's summary or a pull request."""

from __future__ import annotations

from collections.abc import Sequence

from bench.gate.noninferiority import Judged
from bench.gate.values import ALL
from bench.report import effects
from bench.report.gate import GateReport, headline, notes

_HEADING = {"pass": "passed", "fail": "failed", "inconclusive": "not decided"}
_SIGN = {"pass": "✅ pass", "fail": "❌ fail", "inconclusive": "❔ inconclusive", "reported": "reported"}
_COLUMNS = ("operation", "metric", "baseline", "candidate", "change", "interval", "detectable", "verdict")


def render(report: GateReport) -> str:
    """Verdict, table and conditions; safe to append to what stands in the file already."""
    lines = [f"## Gate {_HEADING[report.outcome.verdict]}", ""]
    lines += [f"- **{_escaped(told)}**" for told in headline(report)]
    if report.treated_as:
        lines.append(f"- `--on-inconclusive` makes that a **{report.treated_as}**")
    if report.outcome.judged:
        lines += ["", *_table(report.gated)]
        lines += ["", "<details><summary>Reported, not judged</summary>", "", *_table(report.reported)]
        lines += ["", "</details>"]
    lines += ["", *(f"- {side}: {_escaped(text or 'embedded')}" for side, text in report.sides.items())]
    lines += [f"- {_escaped(note)}" for note in (*report.differences, report.load, *notes(report))]
    return "\n".join(lines) + "\n"


def _table(judged: Sequence[Judged]) -> list[str]:
    right = ("---:",) * 5
    rows = [_COLUMNS, ("---", "---", *right, "---"), *(_row(one) for one in judged)]
    return ["| " + " | ".join(row) + " |" for row in rows]


def _row(judged: Judged) -> tuple[str, ...]:
    effect = judged.effect
    return (
        "all" if effect.operation == ALL else _escaped(effect.operation),
        effect.metric.title,
        effects.value(effect.metric, effect.a),
        effects.value(effect.metric, effect.b),
        effects.change(effect),
        effects.interval(effect),
        effects.detectable(effect),
        _SIGN[judged.verdict],
    )


def _escaped(text: str) -> str:
    """Text that means itself in a line of Markdown and in a table's cell."""
    for sign in "\\`*_<>[]|":
        text = text.replace(sign, "\\" + sign)
    return " ".join(text.split())
