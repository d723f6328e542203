"""The page as a browser shows it."""

from __future__ import annotations

from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
from chromium import EXECUTABLE, Chromium
from pages import HOSTILE, hour_run, troubled_run
from runs import PHASE_TIMES, make_run, rows, usage

from bench.errors import UsageError
from bench.report import html

SECTIONS = ("judgements", "advice", "operations", "timelines", "recall", "conditions")
CHARTS = ("latency", "rate", "cpu", "memory", "redis")
MEGABYTE = 1_000_000

in_a_browser = pytest.mark.skipif(EXECUTABLE is None, reason="there is no Chromium on this machine")


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return html.write(troubled_run(tmp_path_factory.mktemp("runs") / "run"))


@pytest.fixture(scope="module")
def browser() -> Iterator[Chromium]:
    with Chromium() as browser:
        yield browser


class Outline(HTMLParser):
    """Tags that are open at the end or closed in the wrong order, and what a page refers to."""

    VOID = frozenset({"meta", "br", "line", "img", "link"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.wrong: list[str] = []
        self.tags: list[str] = []
        self.references: list[str] = []
        self.ids: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.references += [
            value or "" for name, value in attrs if name in ("href", "src", "srcset", "style")
        ]
        self.ids += [value or "" for name, value in attrs if name == "id"]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)


def outline(path: Path) -> Outline:
    parser = Outline()
    parser.feed(path.read_text(encoding="utf-8"))
    return parser


def test_it_is_well_formed_and_refers_to_nothing(report: Path) -> None:
    page = outline(report)
    assert (page.open, page.wrong, page.references) == ([], [], [])
    assert set(SECTIONS) <= set(page.ids)
    assert len(page.ids) == len(set(page.ids))


def test_names_from_the_record_are_text(report: Path) -> None:
    """HOSTILE is in tags, corpus, parts, events, collections and advice."""
    text = report.read_text(encoding="utf-8")
    page = outline(report)
    assert HOSTILE not in text
    assert "img" not in page.tags
    assert page.tags.count("script") == 2
    assert text.count("&lt;/script&gt;&lt;script&gt;document.title=") >= 6


def test_a_run_that_ended_early_has_a_page(tmp_path: Path) -> None:
    for number, phases in enumerate(([], PHASE_TIMES[:1], PHASE_TIMES[:2])):
        record = make_run(
            tmp_path / f"run{number}",
            samples=usage("kato", 0.5),
            status="interrupted",
            reason="it was stopped <before> its end",
            phases=phases,
            target=None,
            corpus=None,
        )
        path = html.write(record, tmp_path / f"{number}.html")
        page = outline(path)
        assert (page.open, page.wrong) == ([], [])
        text = path.read_text(encoding="utf-8")
        assert "Nothing was measured" in text
        assert "it was stopped &lt;before&gt; its end" in text


def test_only_failures_have_a_page(tmp_path: Path) -> None:
    record = make_run(tmp_path / "run", [rows("predict", 5, error="connect", answered=False)])
    page = outline(html.write(record))
    assert (page.open, page.wrong) == ([], [])


def test_an_hour_is_a_small_file(tmp_path: Path) -> None:
    assert html.write(hour_run(tmp_path / "run")).stat().st_size < MEGABYTE


def test_a_report_that_cannot_be_written_says_where(tmp_path: Path) -> None:
    record = make_run(tmp_path / "run", [rows("predict", 5)])
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(UsageError, match=r"cannot write in .*file.*--output"):
        html.write(record, blocked / "report.html")
    with pytest.raises(UsageError, match=r"is a folder; name a file with --output"):
        html.write(record, tmp_path)
    with pytest.raises(UsageError, match=r"cannot write in /proc.*--output"):
        html.write(record, Path("/proc/report.html"))


@in_a_browser
@pytest.mark.parametrize(("width", "dark"), [(1280, False), (1280, True), (400, False)])
def test_a_browser_shows_it_without_complaint(
    report: Path, browser: Chromium, width: int, dark: bool
) -> None:
    browser.open(report, width, dark=dark)
    assert browser.evaluate("document.title") == "Missed 1 of its 3 objectives: run"
    assert browser.evaluate("document.documentElement.scrollWidth") <= width
    browser.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true; })")
    assert browser.evaluate("document.documentElement.scrollWidth") <= width
    shown = browser.evaluate(
        "[...document.querySelectorAll('svg.chart')].filter(one => one.getBoundingClientRect().width)"
        ".map(one => [one.dataset.chart ?? '', one.querySelectorAll('path.trace, path.area').length,"
        " [...one.querySelectorAll('path')].some(p => p.getBBox().width > 20)])"
    )
    assert {name for name, _, _ in shown} == {*CHARTS, ""}
    # Five timelines, three percentile curves, one of recall; each once, of two sizes.
    assert len(shown) == 9
    assert all(lines and wide for _, lines, wide in shown)
    assert browser.complaints == []


@in_a_browser
def test_pointing_at_one_chart_reads_all_of_them(report: Path, browser: Chromium) -> None:
    browser.open(report, 1280)
    browser.evaluate("document.querySelector('[data-chart=cpu]').scrollIntoView({block: 'center'})")
    box = browser.evaluate(
        "(() => { const box = document.querySelector('[data-chart=cpu]').getBoundingClientRect();"
        " return [box.left + box.width / 2, box.top + box.height / 2]; })()"
    )
    browser.call("Input.dispatchMouseEvent", type="mouseMoved", x=box[0], y=box[1])
    read = browser.evaluate("[...document.querySelectorAll('.readout')].map(one => one.textContent)")
    assert len(read) == len(CHARTS)
    assert all(line.startswith("at 19 s: ") for line in read)
    assert "kato 0.90 cores" in read[2]
    lines = browser.evaluate(
        "[...document.querySelectorAll('.wide .crosshair.on')].map(one => one.getAttribute('x1'))"
    )
    assert len(lines) == len(CHARTS)
    assert len(set(lines)) == 1


@in_a_browser
def test_it_reads_without_scripts(report: Path, browser: Chromium) -> None:
    browser.open(report, 1280, script=False)
    root = browser.call("DOM.getDocument", depth=-1)["root"]["nodeId"]
    for selector, least in (("svg.wide path.trace", 5), ("section h2", 6), ("pre.copy", 3)):
        found = browser.call("DOM.querySelectorAll", nodeId=root, selector=selector)["nodeIds"]
        assert len(found) >= least, selector
    assert browser.call("DOM.querySelectorAll", nodeId=root, selector=".copyable")["nodeIds"] == []
    assert browser.complaints == []


@in_a_browser
def test_it_prints_in_the_colours_of_paper(report: Path, browser: Chromium) -> None:
    browser.open(report, 1280, dark=True)
    dark = {"name": "prefers-color-scheme", "value": "dark"}
    browser.call("Emulation.setEmulatedMedia", media="print", features=[dark])
    assert browser.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert browser.evaluate("getComputedStyle(document.querySelector('.op-predict')).color") == "rgb(0, 0, 0)"
    browser.call(
        "Emulation.setDeviceMetricsOverride", width=718, height=900, deviceScaleFactor=1, mobile=False
    )
    assert browser.evaluate("document.querySelector('svg.wide').getBoundingClientRect().width") > 600
    browser.call("Emulation.setEmulatedMedia", media="")
