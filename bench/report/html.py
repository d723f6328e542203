"""The report of a run as one HTML file that needs nothing else: no network, no server. It reads without
its script, which only answers the pointer."""

from __future__ import annotations

import base64
import hashlib
import math
from functools import cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from bench import __version__, words
from bench.errors import UsageError
from bench.knobs.catalogue import in_words
from bench.record.writing import replacing, write_failure
from bench.report import advice, digits, sentences
from bench.report.charts.chart import Chart, Size, draw
from bench.report.charts.distributions import curve_charts, recall_chart
from bench.report.charts.over_time import MOST_MARKS, Figure, part_css, timeline_figures
from bench.report.page.model import Page, page_of

if TYPE_CHECKING:
    from jinja2 import Environment, Template
    from markupsafe import Markup

    from bench.record.reader import RunRecord
    from bench.stats.quantiles import Estimate

#: Where `kato-bench run` puts it, in the run folder.
REPORT_FILE = "derived/report.html"

#: Events that are listed; the others stay in the record.
_MOST_EVENTS = 200

_TEMPLATES = "templates"
_WIDE, _NARROW = Size(1000, 210), Size(372, 210, left=54, right=112)
_SMALL, _MIDDLE = Size(316, 236, left=52, right=58), Size(430, 250, left=52, right=100)


def write(record: RunRecord, path: Path | None = None) -> Path:
    """Write the report of a run, by default into its folder; where it is.

    Raises UsageError if the folder is no run, or if the file cannot be written."""
    path = path or record.folder / REPORT_FILE
    if path.is_dir():
        raise UsageError(f"{path} is a folder; name a file with --output.")
    text = render(page_of(record))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as file:
            # Names in a record may hold halves of surrogate pairs, which no file can.
            file.write(text.encode(errors="replace"))
    except OSError as error:
        raise UsageError(f"{write_failure(path.parent, error)}; name another file with --output.") from error
    return path


def render(page: Page) -> str:
    """The whole file. Everything that comes from the record is escaped."""
    from markupsafe import Markup

    figures = timeline_figures(page.timelines, page.bounds) if page.timelines else []
    script = _resource("page.js")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return _template().render(
        page=page,
        summary=page.summary,
        headline=page.headline,
        figures=figures,
        readings={figure.chart.name: figure.readings for figure in figures},
        curves=[
            (one, _small(chart)) for one, chart in zip(page.curves, curve_charts(page.curves), strict=False)
        ],
        recall=[
            (curve, draw(chart, _MIDDLE, "chart small") if (chart := recall_chart(curve)) else None)
            for curve in page.recall
        ],
        style=Markup(_resource("page.css")),
        script=Markup(script),
        script_hash=f"sha256-{digest}",
        version=__version__,
    )


@cache
def _template() -> Template:
    return _environment().get_template("page.html.j2")


def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("bench.report.page", _TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        # No line may break within a number.
        "count": lambda value: words.count(value).replace(" ", "\N{NO-BREAK SPACE}"),
        "number": digits.number,
        "percent": words.percent,
        "seconds": _seconds,
        "interval": _interval,
        "rate_interval": digits.estimate,
        "size": words.size,
        "change": advice.change,
        "knob_value": lambda value, knob: in_words(knob, value),
        "quantity": advice.quantity,
        "part_css": part_css,
        "both": _both,
        "failures": sentences.failures,
    }
    environment.globals |= {"unknown": digits.UNKNOWN, "most_marks": MOST_MARKS, "most_events": _MOST_EVENTS}
    return environment


def _both(figure: Figure) -> Markup:
    """The chart for a wide page and for a narrow one; the style sheet shows the one that fits."""
    from markupsafe import Markup

    return Markup("\n").join(
        (draw(figure.chart, _WIDE, "chart wide"), draw(figure.chart, _NARROW, "chart narrow"))
    )


def _small(chart: Chart) -> Markup:
    return draw(chart, _SMALL, "chart small")


def _seconds(value: float | None) -> str:
    if value is None:
        return digits.UNKNOWN
    return digits.ENDLESS if math.isinf(value) else digits.with_unit(value)


def _interval(what: Estimate) -> str:
    """The interval alone: `11.9–12.8 ms`; empty where there is none."""
    if what.value is None or what.low is None or what.high is None or math.isinf(what.value):
        return ""
    scale, unit = (1000.0, "ms") if what.value < 0.9995 else (1.0, "s")
    places = digits.decimals(what.value * scale)
    if math.isinf(what.high):
        return f"from {what.low * scale:.{places}f} {unit}"
    return f"{what.low * scale:.{places}f}–{what.high * scale:.{places}f} {unit}"


@cache
def _resource(name: str) -> str:
    return (resources.files("bench.report.page") / _TEMPLATES / name).read_text(encoding="utf-8")
