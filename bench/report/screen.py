"""What everything that is printed shares: the width, the colours, the margin."""

from __future__ import annotations

from typing import TextIO

from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.text import Text

LEAST_WIDTH, MOST_WIDTH = 80, 120

#: The word always says it too; the colour only helps to find it.
_STYLES = {
    "sound": "green",
    "pass": "green",
    "qualified": "yellow",
    "inconclusive": "yellow",
    "interrupted": "yellow",
    "warning": "yellow",
    "running": "cyan",
    "unsound": "bold red",
    "fail": "bold red",
    "critical": "bold red",
    "unreadable": "bold red",
}


def console_for(file: TextIO) -> Console:
    """In colour on a terminal, as plain text elsewhere; at most `MOST_WIDTH` columns wide."""
    console = Console(file=file, highlight=False)
    # Output that is no terminal has no width of its own; a narrow terminal has, and it is kept to.
    least = 1 if console.is_terminal else LEAST_WIDTH
    console.width = max(least, min(MOST_WIDTH, console.width))
    return console


def indented(line: str | Text, columns: int = 2) -> RenderableType:
    return Padding(Text(line) if isinstance(line, str) else line, (0, 0, 0, columns), expand=False)


def word(text: str) -> Text:
    """A judgement in its colour."""
    return Text(text, style=_STYLES.get(text, ""))
