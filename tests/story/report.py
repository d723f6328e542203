"""5. One page tells what step 1 found."""

from __future__ import annotations

import html
import re

from tests.story.stage import FOLDER, UntrueError, bench, check, note, noted, tell


def report() -> None:
    sick = noted().get("sick")
    if sick is None:
        raise UntrueError("step 1 has not been told yet: make story-faults")
    pages = {}
    for scenario, run in sick.items():
        page = FOLDER / f"{scenario}.html"
        advice = bench("advise", run)
        bench("report", run, "--output", str(page))
        text = html.unescape(page.read_text())
        for finding in advice["findings"]:
            # What is only worth knowing stands there as a sentence, without a title.
            told = finding["message" if finding["severity"] == "info" else "title"]
            check(f"the page of {scenario} shows {told!r}", told in text)
            for change in finding["recommendations"]:
                check(f"… with {change['knob']}", change["knob"] in text)
        check(f"it is one file of {page.stat().st_size / 1e6:.2f} MB", page.stat().st_size < 5e6)
        fetched = re.findall(r"""(?:src|href)=["']?(?!#|data:)([^"' >]+)""", text)
        check(f"it fetches nothing {fetched}", not fetched)
        pages[scenario] = str(page)
    note(pages=pages)


if __name__ == "__main__":
    tell("5. Read the report", report)
