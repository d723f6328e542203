"""A command in the foreground: how a signal ends it, and how it speaks to who started it."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def interruptible(stop: Callable[[], None]) -> Iterator[None]:
    """The first Ctrl-C or SIGTERM asks for an orderly end, the second ends at once."""
    asked = False

    def handle(number: int, frame: FrameType | None) -> None:
        nonlocal asked
        if asked:
            raise KeyboardInterrupt
        asked = True
        say("stopping; once more ends it at once")
        stop()

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def interrupt() -> None:
    """The end of what heeds no signals itself."""
    raise KeyboardInterrupt


def say(sentence: str) -> None:
    """One sentence for people, on stderr."""
    print(f"kato-bench: {sentence}", file=sys.stderr, flush=True)
