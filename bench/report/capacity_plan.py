"""The capacity plan as Markdown and as one self-contained HTML page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from bench import words

if TYPE_CHECKING:
    from bench.capacity.limits import Limit
    from bench.capacity.planning import CapacityPlan

_WIDTH, _HEIGHT, _LEFT, _BOTTOM, _TOP, _RIGHT = 720, 260, 48, 34, 14, 16
#: The axis ends a little above the limit; a curve that goes far beyond it ends there.
_MOST_SHARE = 1.5
_COLOURS = ("#2f6fb3", "#c2571a", "#3c8d40", "#8a4fa3", "#a3872c")


def markdown(plan: CapacityPlan) -> str:
    lines = [
        "# Capacity plan",
        "",
        f"As of {plan.today.isoformat()}, until {plan.end.isoformat()}.",
        "",
        f"**{plan.headline}**",
        *(f"\n{doubt}" for doubt in plan.doubts),
        "",
        "## Today's ceiling",
        "",
        plan.ceiling,
        "",
        "## Limits",
        "",
        "| limit | reached | between | what to change by then |",
        "|---|---|---|---|",
    ]
    lines += [
        f"| {_cell(limit.name)} | {reached(limit)} | {between(limit)} | {_cell(limit.change or '')} |"
        for limit in plan.limits
    ]
    lines += ["", *(f"- {limit.sentence}" for limit in plan.limits)]
    if plan.missing:
        lines += ["", "## What is not measured yet", ""]
        lines += [f"- `{command}`" for command in plan.missing]
    lines += ["", "## Assumptions", "", *(f"- {one}" for one in plan.assumptions)]
    if plan.sources:
        lines += ["", f"Made from {' and '.join(plan.sources)}."]
    return "\n".join(lines) + "\n"


def html(plan: CapacityPlan) -> str:
    """No script, no network: styles and the chart are in the page."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("bench.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(reached=reached, between=between)
    drawn = chart(plan)
    return environment.get_template("capacity_plan.html.j2").render(plan=plan, chart=drawn) + "\n"


def reached(limit: Limit) -> str:
    """When, in one word or date."""
    match limit.status:
        case "now":
            return "already"
        case "dated":
            return limit.likely.isoformat() if limit.likely else "perhaps within the horizon"
        case "beyond":
            return "after the horizon"
        case "unknown":
            return "unknown"


def between(limit: Limit) -> str:
    """The interval of the date, where it is one."""
    if limit.status != "dated" or limit.first is None:
        return ""
    if limit.first == limit.last:
        return limit.first.isoformat()
    return f"{limit.first.isoformat()} – {limit.last.isoformat() if limit.last else 'after the horizon'}"


@dataclass(frozen=True)
class Chart:
    """Inline SVG: the share of each limit in use over the horizon. `legend`: (colour, name)."""

    svg: str
    legend: tuple[tuple[str, str], ...]


def chart(plan: CapacityPlan) -> Chart | None:
    """None where no limit has a curve."""
    drawn = [limit for limit in plan.limits if limit.curve]
    if not drawn:
        return None
    horizon = max(1.0, plan.expected.horizon_days)
    top = min(_MOST_SHARE, max(1.1, *(1.05 * share for limit in drawn for _, share in limit.curve)))

    def at(day: float, share: float) -> str:
        x = _LEFT + (_WIDTH - _LEFT - _RIGHT) * day / horizon
        y = _HEIGHT - _BOTTOM - (_HEIGHT - _TOP - _BOTTOM) * share / top
        return f"{x:.1f},{y:.1f}"

    legend = tuple((_COLOURS[place % len(_COLOURS)], limit.name) for place, limit in enumerate(drawn))
    pieces = [
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="share of each limit in use over time">'
    ]
    for share in (0.0, 0.5, 1.0):
        (x1, y), (x2, _) = (point.split(",") for point in (at(0, share), at(horizon, share)))
        style = 'stroke="#b3261e" stroke-dasharray="6 4"' if share == 1 else 'stroke="#d5d8dc"'
        pieces.append(f'<line x1="{x1}" y1="{y}" x2="{x2}" y2="{y}" {style}/>')
        label = words.percent(share) if share else "0"
        pieces.append(f'<text x="{_LEFT - 6}" y="{y}" text-anchor="end" dy="4">{label}</text>')
    for place, label in ((0.0, plan.today.isoformat()), (horizon, plan.end.isoformat())):
        x = at(place, 0).split(",")[0]
        anchor = "start" if place == 0 else "end"
        pieces.append(f'<text x="{x}" y="{_HEIGHT - 10}" text-anchor="{anchor}">{label}</text>')
    for (colour, name), limit in zip(legend, drawn, strict=True):
        points = " ".join(at(day, share) for day, share in _up_to(top, limit.curve))
        pieces.append(
            f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2">'
            f"<title>{escape(name)}</title></polyline>"
        )
    return Chart("".join([*pieces, "</svg>"]), legend)


def _up_to(top: float, curve: Sequence[tuple[float, float]]) -> Iterator[tuple[float, float]]:
    """A curve until it leaves the chart at the top."""
    before: tuple[float, float] | None = None
    for day, share in curve:
        if share <= top:
            yield day, share
            before = day, share
            continue
        if before is not None:
            yield before[0] + (day - before[0]) * (top - before[1]) / (share - before[1]), top
        return


def _cell(text: str) -> str:
    """A pipe would end the cell."""
    return text.replace("|", "\\|")
