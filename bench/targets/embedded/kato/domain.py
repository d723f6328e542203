"""The things that KATO thinks in. Data only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Event = list[str]
"""The symbols observed at one moment."""

Config = dict[str, Any]
"""A session's options in force, by KATO's names."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """A learned sequence of events; `name` is its SHA-1, without prefix."""

    name: str
    events: list[Event]


@dataclass(frozen=True, slots=True)
class Experience:
    """How often a pattern was learned, and with what."""

    frequency: int
    emotives: list[dict[str, float]]
    metadata: dict[str, list[Any]]


@dataclass(frozen=True, slots=True)
class Totals:
    """A node's sums: of pattern frequencies, of distinct patterns, of distinct symbols."""

    pattern_frequencies: int
    unique_patterns: int
    unique_symbols: int


@dataclass(frozen=True, slots=True)
class SymbolCounts:
    """Per symbol: occurrences in all learned patterns, and the number of distinct patterns that hold it."""

    frequency: Mapping[str, int]
    member_frequency: Mapping[str, int]


@dataclass(slots=True)
class Session:
    """One client's working state on a node."""

    session_id: str
    node_id: str
    created_at: str
    expires_at: str
    ttl_seconds: int
    metadata: dict[str, Any]
    config: Config
    stm: list[Event] = field(default_factory=list)
    time: int = 0
    emotives: list[dict[str, float]] = field(default_factory=list)
    """Of every observation since the STM was last cleared on request; a learn does not empty it."""
    observed_metadata: list[dict[str, Any]] = field(default_factory=list)
    percept: dict[str, Any] = field(default_factory=dict)
    predictions: list[dict[str, Any]] = field(default_factory=list)
    """Those of the last predicting observation."""
    vectors: dict[str, list[float]] = field(default_factory=dict)
    """Observed but not yet learned: symbol -> vector."""
    filter_metrics: bool = False
    """Whether `enable_filter_metrics` was set: shown as true by default, it acts only where it was."""
