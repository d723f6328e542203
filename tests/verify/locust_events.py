"""In place of Locust's events, which no test may import: nobody listens."""

from __future__ import annotations

from typing import Any


class _Silence:
    _handlers = ()

    def fire(self, **_: Any) -> None:
        pass


class SilentEvents:
    def __init__(self) -> None:
        self.request = _Silence()
