"""The charts of what happened over the run, on one time axis."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bench import words
from bench.report import digits
from bench.report.charts import scales
from bench.report.charts.chart import Area, Chart, Flag, Layer, Rule, Shade, Trace
from bench.report.page.timelines import RECORDERS, RECORDING, Timelines

if TYPE_CHECKING:
    from bench.gate.objectives import Objective
    from bench.report.page.windows import Line

#: Parts that have a colour of their own; others share one.
_PARTS = ("kato", "redis", "qdrant", "clickhouse")
_PHASE_WORDS = {"preload": "preload", "warmup": "warm-up", "measure": "measured", "cooldown": "cool-down"}
_MEBIBYTE = 2**20
#: Other programs are named once they take more of the machine than this.
_FOREIGN_SHARE = 0.1
#: More events than this are not told apart in a chart.
MOST_MARKS = 20


@dataclass(frozen=True)
class Figure:
    """A chart with the numbers behind it: `rows` are of (name, least, typical, most) over the measure phase,
    in words; `readings` what the pointer reads off."""

    title: str
    note: str
    chart: Chart
    rows: list[tuple[str, str, str, str]]
    readings: dict[str, Any]


def timeline_figures(lines: Timelines, bounds: Sequence[Objective]) -> list[Figure]:
    """Latency, rate, CPU, memory and Redis' memory, as far as the run knows them."""
    figures = [_latency(lines, bounds), _rate(lines)]
    if lines.cpu or lines.busy:
        figures.append(_cpu(lines))
    if lines.memory:
        figures.append(_memory(lines))
    if lines.redis is not None:
        figures.append(_redis(lines, lines.redis))
    return [figure for figure in figures if figure is not None]


def part_css(name: str) -> str:
    """The class of the colour of a part, or of a process of kato-bench."""
    if name.startswith("load-"):
        return "part-load"
    if name in (RECORDING, *RECORDERS):
        return "part-recording"
    return f"part-{name}" if name in _PARTS else "part-other"


def _latency(lines: Timelines, bounds: Sequence[Objective]) -> Figure | None:
    shown = [line for one in lines.latency for line in (one.p50, one.p95) if line is not None]
    finite = [value for line in shown for value in line.known if value < math.inf]
    if not finite:
        return None
    layers: list[Layer] = []
    for one in lines.latency:
        css = f"op-{one.operation}"
        layers.append(Trace(one.p50.times, one.p50.values, css, f"{one.operation} p50"))
        if one.p95 is not None:
            layers.append(Trace(one.p95.times, one.p95.values, css, f"{one.operation} p95", "dashed"))
    known = {one.operation for one in lines.latency}
    rules = [
        Rule(bound.bound, f"{bound.operation} {bound.statistic} limit", f"op-{bound.operation}")
        for bound in bounds
        if bound.operation in known
    ]
    reach = [*finite, *(rule.y for rule in rules)]
    windows = sorted({line.width for line in shown})
    endless = any(value == math.inf for line in shown for value in line.known)
    note = (
        "Response time, from when a request was due. Each point stands for the shortest stretch of time "
        f"whose requests carry the percentile ({_spans(windows)})."
    )
    if endless:
        note += " Where a line touches the top, no answer came."
    named = {
        f"{one.operation} {line.name}": line for one in lines.latency for line in (one.p50, one.p95) if line
    }
    return Figure(
        "Response time",
        note,
        _timeline(
            "latency",
            "Response time by operation",
            lines,
            scales.logarithmic(max(min(reach), 1e-5), max(reach), scales.seconds_label, most=7),
            [*layers, *rules],
        ),
        _table(lines, named, _time),
        _readings(named, _time),
    )


def _rate(lines: Timelines) -> Figure:
    named = {"due": lines.due, "answered": lines.answered}
    layers: list[Layer] = [
        Trace(lines.due.times, lines.due.values, "rate-due", "due", "step"),
        Trace(lines.answered.times, lines.answered.values, "rate-answered", "answered"),
    ]
    if any(lines.failed.known):
        named["failed"] = lines.failed
        zero = [0.0] * len(lines.failed.times)
        layers.append(Area(lines.failed.times, zero, lines.failed.values, "rate-failed", "failed"))
    top = max((value for line in named.values() for value in line.known), default=1.0)
    note = (
        f"Requests per second, over {_span(lines.due.width)} each: due by the schedule, and answered "
        "successfully when the answer came."
    )
    return Figure(
        "Requests",
        note,
        _timeline(
            "rate",
            "Requests due, answered and failed per second",
            lines,
            scales.from_zero(top, lambda rate: f"{rate:g}/s"),
            layers,
        ),
        _table(lines, named, _per_second),
        _readings(named, _per_second),
    )


def _cpu(lines: Timelines) -> Figure:
    """Stacked: together the parts cannot use more than the machine has."""
    areas = _stacked(lines.cpu)
    layers: list[Layer] = [*areas]
    named = {_part_words(line.name): line for line in lines.cpu}
    if lines.busy is not None:
        layers.append(Trace(lines.busy.times, lines.busy.values, "machine", "all programs", "dashed"))
        named["all programs"] = lines.busy
    reach = [value for line in named.values() for value in line.known]
    top = max(reach + [value or 0.0 for area in areas for value in area.high], default=1.0)
    note = (
        "Cores in use, one part on top of another; the dashed line is the whole machine, with all that runs "
        "on it."
    )
    foreign = lines.foreign_cores
    if foreign is not None and lines.cores and foreign > _FOREIGN_SHARE * lines.cores:
        note += f" Other programs took {digits.number(foreign)} cores while it was measured."
    if lines.cores is not None:
        top = max(top, float(lines.cores))
        layers.append(Rule(float(lines.cores), f"{lines.cores} cores", "limit"))
    return Figure(
        "CPU",
        note,
        _timeline(
            "cpu",
            "CPU cores in use by part",
            lines,
            scales.from_zero(top, lambda cores: f"{cores:g}"),
            layers,
        ),
        _table(lines, named, _cores),
        _readings(named, _cores),
    )


def _stacked(lines: Sequence[Line]) -> list[Area]:
    """Each line on top of those before it; where one is unknown, the next stands where it would."""
    areas: list[Area] = []
    ground = [0.0] * len(lines[0].values) if lines else []
    for line in lines:
        low: list[float | None] = []
        high: list[float | None] = []
        for place, value in enumerate(line.values):
            low.append(None if value is None else ground[place])
            ground[place] += value or 0.0
            high.append(None if value is None else ground[place])
        areas.append(Area(line.times, low, high, part_css(line.name), _part_words(line.name)))
    return areas


def _memory(lines: Timelines) -> Figure:
    named = {_part_words(line.name): line for line in lines.memory if line.known}
    layers: list[Layer] = [
        Trace(line.times, line.values, part_css(line.name), _part_words(line.name)) for line in lines.memory
    ]
    top = max((value for line in named.values() for value in line.known), default=1.0)
    return Figure(
        "Memory",
        "Resident memory of each part of the target.",
        _timeline("memory", "Resident memory by part", lines, _bytes_scale(top), layers),
        _table(lines, named, words.size),
        _readings(named, words.size),
    )


def _redis(lines: Timelines, used: Line) -> Figure:
    top = max(used.known, default=1.0)
    layers: list[Layer] = [Trace(used.times, used.values, "part-redis", "used")]
    limit = lines.redis_limit
    note = "What Redis holds, data and buffers."
    if limit is None:
        note += " It has no limit (maxmemory 0)."
    elif limit <= 4 * top:
        layers.append(Rule(limit, "maxmemory", "limit"))
        top = max(top, limit)
    else:
        note += f" Its limit, {words.size(limit)}, is far above."
    return Figure(
        "Redis' data",
        note,
        _timeline("redis", "Memory that Redis uses for its data", lines, _bytes_scale(top), layers),
        _table(lines, {"used": used}, words.size),
        _readings({"used": used}, words.size),
    )


def _timeline(name: str, title: str, lines: Timelines, y: scales.Scale, layers: Sequence[Layer]) -> Chart:
    shades = [
        Shade(
            max(phase.start, lines.start),
            min(phase.end if phase.end is not None else lines.end, lines.end),
            _PHASE_WORDS[phase.name],
            f"phase-{phase.name}",
        )
        for phase in lines.phases
    ]
    measured = next((phase for phase in lines.phases if phase.name == "measure"), None)
    when = (
        ""
        if measured is None or measured.end is None
        else f", measured from {measured.start:.0f} s to {measured.end:.0f} s"
    )
    return Chart(
        title=title,
        description=f"From {lines.start:.0f} s to {lines.end:.0f} s of the run{when}; a table follows.",
        x=scales.clock(lines.start, lines.end),
        y=y,
        layers=layers,
        shades=shades,
        flags=[Flag(mark.t, number) for number, mark in enumerate(lines.marks[:MOST_MARKS], 1)],
        name=name,
    )


def _table(
    lines: Timelines, named: dict[str, Line], words: Callable[[float], str]
) -> list[tuple[str, str, str, str]]:
    """Of the measure phase; of the whole run where it did not come so far."""
    measured = next((phase for phase in lines.phases if phase.name == "measure"), None)
    start = measured.start if measured is not None else lines.start
    end = measured.end if measured is not None and measured.end is not None else lines.end
    rows = []
    for name, line in named.items():
        known = sorted(
            value
            for t, value in zip(line.times, line.values, strict=True)
            if value is not None and start <= t <= end
        )
        if known:
            rows.append((name, words(known[0]), words(known[len(known) // 2]), words(known[-1])))
    return rows


def _readings(named: dict[str, Line], words: Callable[[float], str]) -> dict[str, Any]:
    """For the script: the texts that belong to each point in time."""
    return {
        name: {
            "t": [round(t, 2) for t in line.times],
            "v": ["" if value is None else words(value) for value in line.values],
            "w": line.width,
        }
        for name, line in named.items()
    }


def _part_words(name: str) -> str:
    if name.startswith("load-"):
        return "load generator" if name == "load-0" else f"load generator {name[5:]}"
    return name


def _spans(widths: Iterable[float]) -> str:
    return " or ".join(_span(width) for width in widths)


def _span(width: float) -> str:
    return f"{width:g} s" if width < 120 else f"{width / 60:g} min"


def _time(seconds: float) -> str:
    return "no answer" if seconds == math.inf else digits.with_unit(seconds)


def _per_second(rate: float) -> str:
    return f"{digits.number(rate)}/s"


def _cores(cores: float) -> str:
    return f"{cores:.2f} cores"


def _bytes_scale(top: float) -> scales.Scale:
    """Steps that are round in MiB, or in GiB where it comes to some."""
    unit, name = (2.0**30, "GiB") if top >= 2 * 2**30 else (float(_MEBIBYTE), "MiB")
    even = scales.from_zero(top / unit, lambda size: f"{size:g} {name}" if size else "0")
    return scales.Scale(0.0, even.high * unit, tuple((value * unit, label) for value, label in even.ticks))
