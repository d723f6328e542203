"""Scales and the drawing of charts."""

from __future__ import annotations

import math
from itertools import pairwise
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.report.charts import scales
from bench.report.charts.chart import (
    Area,
    Chart,
    Dot,
    Flag,
    Rule,
    Shade,
    Size,
    Trace,
    Whisker,
    draw,
    spread,
)
from bench.report.charts.svg import element

SVG = "{http://www.w3.org/2000/svg}"


def names(scale: scales.Scale) -> list[str]:
    return [label for _, label in scale.ticks]


@pytest.mark.parametrize(
    ("scale", "low", "high", "ticks"),
    [
        (scales.from_zero(47, lambda v: f"{v:g}"), 0, 60, ["0", "10", "20", "30", "40", "50", "60"]),
        (scales.from_zero(0, lambda v: f"{v:g}"), 0, 1, ["0", "0.2", "0.4", "0.6", "0.8", "1"]),
        (scales.linear(0.65, 1, lambda v: f"{v:.3g}"), 0.65, 1, ["0.7", "0.8", "0.9", "1"]),
        (scales.logarithmic(3e-3, 8e-2, scales.seconds_label, most=4), 2e-3, 0.1, ["10 ms", "100 ms"]),
        (scales.logarithmic(6e-3, 2e-2, scales.seconds_label), 5e-3, 0.02, ["5 ms", "10 ms", "20 ms"]),
        (scales.logarithmic(0.003, 8, scales.seconds_label), 2e-3, 10, ["10 ms", "100 ms", "1 s", "10 s"]),
        (scales.logarithmic(1e-4, 1e-4, scales.seconds_label), 1e-4, 2e-4, ["100 µs", "200 µs"]),
        (scales.tail(0.993, (0.5, 0.9, 0.95, 0.99, 0.999)), 0, 0.993, ["50", "90", "95", "99"]),
        (scales.clock(3.2, 41), 3.2, 41, ["5 s", "10 s", "15 s", "20 s", "25 s", "30 s", "35 s", "40 s"]),
        (scales.clock(0, 3600, most=3), 0, 3600, ["0:00 min", "20:00 min", "40:00 min", "60:00 min"]),
        (scales.clock(0, 14_400, most=4), 0, 14_400, ["0:00 h", "1:00 h", "2:00 h", "3:00 h", "4:00 h"]),
    ],
)  # fmt: skip
def test_an_axis_names_round_values(scale: scales.Scale, low: float, high: float, ticks: list[str]) -> None:
    assert (scale.low, scale.high) == pytest.approx((low, high))
    assert names(scale) == ticks


def test_each_nine_of_a_percentile_is_as_wide_as_the_one_before() -> None:
    scale = scales.tail(0.999, ())
    places = [scale.share(q) for q in (0, 0.9, 0.99, 0.999)]
    assert places == pytest.approx([0, 1 / 3, 2 / 3, 1])


@given(st.floats(1e-6, 3600), st.floats(1e-6, 3600))
def test_a_logarithmic_axis_holds_its_values(one: float, other: float) -> None:
    low, high = sorted((one, other))
    scale = scales.logarithmic(low, high, scales.seconds_label)
    assert scale.low <= low * (1 + 1e-6)
    assert scale.high >= high * (1 - 1e-6)
    assert 0 <= scale.share(low) <= scale.share(high) <= 1
    assert len(scale.ticks) <= 11


def test_what_has_no_end_is_at_the_top() -> None:
    assert scales.from_zero(1, str).share(math.inf) == 1


@given(st.lists(st.floats(0, 200), max_size=12))
def test_labels_keep_their_distance_and_stay_inside_where_there_is_room(places: list[float]) -> None:
    moved = spread(sorted(places), 14, 0, 200)
    assert all(after - before >= 14 - 1e-9 for before, after in pairwise(moved))
    assert all(-1e-9 <= place <= 200 for place in moved)


def test_attributes_and_texts_are_escaped() -> None:
    made = element("text", "</text><script>", class_='a" onload="x', data_x=1.25, hidden=None)
    assert made == '<text class="a&#34; onload=&#34;x" data-x="1.2">&lt;/text&gt;&lt;script&gt;</text>'


def test_a_chart_is_well_formed_and_draws_every_layer() -> None:
    chart = Chart(
        title="t & <t>",
        description="d",
        x=scales.clock(0, 10),
        y=scales.from_zero(10, str),
        layers=[
            Trace([0, 1, 2, 3, 4], [1, None, 2, 3, None], "op-predict", "line"),
            Trace([5], [1], "op-learn", "dot"),
            Area([0, 1, 2, 3], [0, 0, None, 0], [1, 2, None, 3], "part-kato", "area"),
            Whisker(3, 1, 2, "op-predict"),
            Dot(4, 5, "op-predict", "here"),
            Rule(8, "limit"),
            Trace([0, 1], [None, None], "op-stm", "nothing"),
        ],
        shades=[Shade(0, 3, "warm-up", "phase-warmup"), Shade(3, 3, "empty", "phase-measure")],
        flags=[Flag(1, 1), Flag(1.01, 2), Flag(9, 3)],
        name="name",
    )
    svg = ElementTree.fromstring(
        str(draw(chart, Size(600, 200), "chart")).replace("<svg ", f'<svg xmlns="{SVG[1:-1]}" ')
    )
    found = {(one.tag.removeprefix(SVG), one.get("class", "").partition(" ")[0]): one for one in svg.iter()}
    for kind in (
        ("path", "trace"),
        ("path", "area"),
        ("path", "whisker"),
        ("circle", "dot"),
        ("line", "rule"),
    ):
        assert kind in found
    texts = [one.text for one in svg.iter(f"{SVG}text")]
    assert {"line", "dot", "area", "here", "limit", "warm-up", "1", "3"} <= set(texts)
    assert "nothing" not in texts
    # The number of an event that would cover another's is left out, its line is not.
    assert texts.count("2") == 0
    assert len([one for one in svg.iter(f"{SVG}line") if one.get("class") == "flag"]) == 3
    assert svg.find(f"{SVG}title").text == "t & <t>"  # type: ignore[union-attr]
    line = next(one for one in svg.iter(f"{SVG}path") if one.get("class") == "trace solid op-predict")
    assert line.get("d", "").count("M") == 2
