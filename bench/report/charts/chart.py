"""One chart: lines, areas and what stands behind and beside them, drawn as SVG of a given width."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from bench.report.charts.scales import Scale
from bench.report.charts.svg import Point, element, path

#: Distance of two labels beside the chart, and the pixels of one letter, about.
_LABEL_HEIGHT, _LETTER = 14.0, 6.3
#: Radius of the number of an event.
_FLAG = 7.0


@dataclass(frozen=True)
class Trace:
    """A line through (x, y); it is interrupted where y is None. `css`: its colour's class. `label` stands at
    its end, "" = none."""

    x: Sequence[float]
    y: Sequence[float | None]
    css: str
    label: str = ""
    style: str = "solid"


@dataclass(frozen=True)
class Area:
    """Between two lines of the same x."""

    x: Sequence[float]
    low: Sequence[float | None]
    high: Sequence[float | None]
    css: str
    label: str = ""


@dataclass(frozen=True)
class Whisker:
    """An interval at one x."""

    x: float
    low: float
    high: float
    css: str


@dataclass(frozen=True)
class Dot:
    x: float
    y: float
    css: str
    label: str = ""


@dataclass(frozen=True)
class Rule:
    """A bound across the chart, named beside it."""

    y: float
    label: str
    css: str = "bound"


@dataclass(frozen=True)
class Shade:
    """A stretch of the x axis with a name."""

    start: float
    end: float
    label: str
    css: str


@dataclass(frozen=True)
class Flag:
    """A vertical line with a number that a list explains."""

    x: float
    number: int


Layer = Trace | Area | Whisker | Dot | Rule


@dataclass(frozen=True)
class Chart:
    """`title` and `description` are for those who cannot see it. `name` ties it to its data for the
    pointer; "" = nothing to read off."""

    title: str
    description: str
    x: Scale
    y: Scale
    layers: Sequence[Layer]
    shades: Sequence[Shade] = ()
    flags: Sequence[Flag] = ()
    x_title: str = ""
    name: str = ""


@dataclass(frozen=True)
class Size:
    """Pixels; the margins hold the names of the axes' values and of the lines."""

    width: float
    height: float
    left: float = 52.0
    right: float = 112.0
    top: float = 18.0
    bottom: float = 24.0


def draw(chart: Chart, size: Size, css: str) -> Markup:
    """The chart as one `<svg>`."""
    pen = _Pen(chart, size)
    attributes: dict[str, object] = {
        "class_": css,
        "viewBox": f"0 0 {size.width:g} {size.height:g}",
        "width": size.width,
        "height": size.height,
        "role": "img",
    }
    if chart.name:
        attributes |= {
            "tabindex": 0,
            "data_chart": chart.name,
            "data_left": pen.left,
            "data_right": pen.right,
            "data_start": f"{chart.x.low:.3f}",
            "data_end": f"{chart.x.high:.3f}",
        }
    return element(
        "svg",
        element("title", chart.title),
        element("desc", chart.description),
        *pen.shades(),
        *pen.grid(),
        *(pen.layer(layer) for layer in chart.layers),
        *pen.flags(),
        *pen.labels(),
        *pen.crosshair(),
        **attributes,
    )


class _Pen:
    """Places of one chart in pixels."""

    def __init__(self, chart: Chart, size: Size) -> None:
        self._chart = chart
        self._size = size
        self.left, self.right = size.left, size.width - size.right
        self.top, self.bottom = size.top, size.height - size.bottom - (14 if chart.x_title else 0)

    def x(self, value: float) -> float:
        return self.left + (self.right - self.left) * self._chart.x.share(value)

    def y(self, value: float) -> float:
        return self.bottom - (self.bottom - self.top) * self._chart.y.share(value)

    def shades(self) -> Iterator[Markup]:
        for shade in self._chart.shades:
            start, end = self.x(shade.start), self.x(shade.end)
            if end <= start:
                continue
            yield element(
                "rect",
                x=start,
                y=self.top,
                width=end - start,
                height=self.bottom - self.top,
                class_=shade.css,
            )
            if end - start > _LETTER * len(shade.label) + 6:
                yield element("text", shade.label, x=start + 4, y=self.top - 6, class_="phase-name")

    def grid(self) -> Iterator[Markup]:
        chart = self._chart
        for value, label in chart.y.ticks:
            y = self.y(value)
            yield element("line", x1=self.left, x2=self.right, y1=y, y2=y, class_="grid")
            yield element("text", label, x=self.left - 7, y=y + 4, class_="tick end")
        last = -1e9
        for value, label in chart.x.ticks:
            x, half = self.x(value), _LETTER * len(label) / 2
            yield element("line", x1=x, x2=x, y1=self.bottom, y2=self.bottom + 4, class_="axis")
            if x - half > last:
                yield element("text", label, x=x, y=self.bottom + 17, class_="tick middle")
                last = x + half + 6
        yield element("line", x1=self.left, x2=self.right, y1=self.bottom, y2=self.bottom, class_="axis")
        if chart.x_title:
            middle = (self.left + self.right) / 2
            yield element("text", chart.x_title, x=middle, y=self.bottom + 33, class_="tick middle")

    def layer(self, layer: Layer) -> Markup:
        match layer:
            case Trace():
                return path(self._runs(layer.x, layer.y), class_=f"trace {layer.style} {layer.css}")
            case Area():
                return path(self._outline(layer), close=True, class_=f"area {layer.css}")
            case Whisker():
                x, low, high = self.x(layer.x), self.y(layer.low), self.y(layer.high)
                ends = [[(x - 3, end), (x + 3, end)] for end in (low, high)]
                return path([[(x, low), (x, high)], *ends], class_=f"whisker {layer.css}")
            case Dot():
                return element(
                    "circle", cx=self.x(layer.x), cy=self.y(layer.y), r=4, class_=f"dot {layer.css}"
                )
            case Rule():
                y = self.y(layer.y)
                return element("line", x1=self.left, x2=self.right, y1=y, y2=y, class_=f"rule {layer.css}")

    def labels(self) -> Iterator[Markup]:
        """Beside the ends of what they name, moved apart where they would overlap."""
        wanted = [place for layer in self._chart.layers if (place := self._label(layer))]
        wanted.sort(key=lambda one: one[0])
        tops = spread([y for y, *_ in wanted], _LABEL_HEIGHT, self.top, self.bottom + 6)
        for (_, text, css), y in zip(wanted, tops, strict=True):
            yield element("text", text, x=self.right + 7, y=y + 4, class_=f"label {css}")

    def flags(self) -> Iterator[Markup]:
        """Numbered where there is room for the number."""
        last = -1e9
        for flag in self._chart.flags:
            x = self.x(flag.x)
            yield element("line", x1=x, x2=x, y1=self.top, y2=self.bottom, class_="flag")
            if x - last >= 2 * _FLAG:
                yield element("circle", cx=x, cy=self.top, r=_FLAG, class_="flag-mark")
                yield element("text", str(flag.number), x=x, y=self.top + 3.5, class_="flag-number middle")
                last = x

    def crosshair(self) -> Iterator[Markup]:
        if self._chart.name:
            yield element("line", x1=0, x2=0, y1=self.top, y2=self.bottom, class_="crosshair")

    def _label(self, layer: Layer) -> tuple[float, str, str] | None:
        if isinstance(layer, Whisker) or not layer.label:
            return None
        match layer:
            case Rule() | Dot():
                return self.y(layer.y), layer.label, layer.css
            case Trace():
                ends = [value for value in layer.y if value is not None]
                return (self.y(ends[-1]), layer.label, layer.css) if ends else None
            case Area():
                pairs = [
                    (low, high)
                    for low, high in zip(layer.low, layer.high, strict=True)
                    if low is not None and high is not None
                ]
                if not pairs:
                    return None
                return (self.y(pairs[-1][0]) + self.y(pairs[-1][1])) / 2, layer.label, layer.css

    def _runs(self, xs: Sequence[float], ys: Sequence[float | None]) -> list[list[Point]]:
        """Unbroken stretches of a line."""
        runs: list[list[Point]] = [[]]
        for x, y in zip(xs, ys, strict=True):
            if y is None:
                runs.append([])
            else:
                runs[-1].append((self.x(x), self.y(y)))
        return [run for run in runs if run]

    def _outline(self, area: Area) -> list[list[Point]]:
        known = [None if low is None else high for low, high in zip(area.low, area.high, strict=True)]
        upper = self._runs(area.x, known)
        lower = self._runs(
            area.x, [None if y is None else low for y, low in zip(known, area.low, strict=True)]
        )
        return [
            [*above, *reversed(below)] for above, below in zip(upper, lower, strict=True) if len(above) > 1
        ]


def spread(places: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Ascending places moved apart to `gap` at least, and kept between `low` and `high` as long as there is
    room: down where they crowd, then up from the end."""
    moved: list[float] = []
    for place in places:
        moved.append(max(place, moved[-1] + gap if moved else low))
    limit = high
    for index in range(len(moved) - 1, -1, -1):
        moved[index] = min(moved[index], limit)
        limit = moved[index] - gap
    return moved
