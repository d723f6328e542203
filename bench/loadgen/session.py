"""A session as the generator knows it, and its leave to send."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


@dataclass(slots=True)
class Session:
    """A KATO session as the generator sees it. `index` and `node` are the same in every run of a plan."""

    index: int
    node: int
    node_name: str
    session_id: str = ""


class Turn(NamedTuple):
    """Leave to send one request: when it was due, when the generator took it up (both `time.monotonic()`),
    and the phase that it belongs to."""

    due: float
    picked: float
    phase: str
