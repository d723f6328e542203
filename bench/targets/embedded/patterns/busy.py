"""When a batch of asynchronous inserts is due: ClickHouse's adaptive busy timeout. No I/O, no clock.

Frequent inserts make the timeout longer, so that batches grow; rare ones make it shorter, so that rows are
visible sooner. Moments are in seconds on any one clock that does not go back, timeouts in milliseconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bench.targets.embedded.patterns.errors import refused

#: The engine's settings that decide on asynchronous inserts, with the aliases that ClickHouse reads them by.
NAMES = (
    "async_insert",
    "wait_for_async_insert",
    "wait_for_async_insert_timeout",
    "async_insert_max_data_size",
    "async_insert_busy_timeout_min_ms",
    "async_insert_busy_timeout_max_ms",
    "async_insert_use_adaptive_busy_timeout",
    "async_insert_busy_timeout_increase_rate",
    "async_insert_busy_timeout_decrease_rate",
)
ALIASES = {"async_insert_busy_timeout_ms": "async_insert_busy_timeout_max_ms"}

_LONGEST_WAIT_SECONDS = 24 * 3600


@dataclass(frozen=True)
class AsyncSettings:
    """The settings of one insert that shape its batch."""

    wait: bool
    wait_seconds: float
    max_bytes: int
    min_ms: int
    max_ms: int
    adaptive: bool
    increase_rate: float
    decrease_rate: float

    @classmethod
    def read(cls, values: Mapping[str, str]) -> AsyncSettings:
        """From the settings in force. Raises QueryError (INVALID_SETTING_VALUE) as ClickHouse does."""
        try:
            settings = cls(
                wait=flag(values["wait_for_async_insert"]),
                wait_seconds=_seconds(values["wait_for_async_insert_timeout"]),
                max_bytes=int(values["async_insert_max_data_size"]),
                min_ms=int(values["async_insert_busy_timeout_min_ms"]),
                max_ms=int(values["async_insert_busy_timeout_max_ms"]),
                adaptive=flag(values["async_insert_use_adaptive_busy_timeout"]),
                increase_rate=float(values["async_insert_busy_timeout_increase_rate"]),
                decrease_rate=float(values["async_insert_busy_timeout_decrease_rate"]),
            )
        except ValueError as error:
            raise refused(
                27, "CANNOT_PARSE_INPUT_ASSERTION_FAILED", f"Cannot parse a setting: {error}."
            ) from error
        if settings.max_ms <= 0:
            raise _invalid("async_insert_busy_timeout_max_ms", "can't be zero")
        if settings.adaptive and settings.increase_rate <= 0:
            raise _invalid("async_insert_busy_timeout_increase_rate", "must be greater than zero")
        if settings.adaptive and settings.decrease_rate <= 0:
            raise _invalid("async_insert_busy_timeout_decrease_rate", "must be greater than zero")
        return settings


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 <= seconds <= _LONGEST_WAIT_SECONDS:
        raise ValueError(f"{text!r} is no time to wait for an insert")
    return seconds


def flag(text: str) -> bool:
    """A boolean setting's value. Raises ValueError for what is none."""
    if text.lower() in {"1", "true"}:
        return True
    if text.lower() in {"0", "false"}:
        return False
    raise ValueError(f"{text!r} is no boolean")


def _invalid(name: str, reason: str) -> Exception:
    return refused(697, "INVALID_SETTING_VALUE", f"Setting '{name}' {reason}")


class BusyTimeout:
    """How long the next batch collects, learned from when inserts came and when batches were written."""

    def __init__(self, first_ms: int) -> None:
        self._milliseconds = first_ms
        self._last_insert: float | None = None
        self._flushes: tuple[float | None, float | None] = (None, None)

    def insert(self, settings: AsyncSettings, now: float) -> int:
        """The timeout of a batch that begins `now`; 0 where inserts are too rare for one to gather any."""
        timeout = self._next(settings, now)
        at_once = settings.adaptive and self._rare(settings.max_ms, now)
        self._milliseconds, self._last_insert = timeout, now
        return 0 if at_once else timeout

    def flushed(self, now: float) -> None:
        self._flushes = (self._flushes[1], now)

    def _next(self, settings: AsyncSettings, now: float) -> int:
        if not settings.adaptive:
            return settings.max_ms
        longest = settings.max_ms
        shortest = min(max(settings.min_ms, 1), longest)
        current = self._milliseconds
        if self._last_insert is not None and self._flushes[0] is not None:
            shorter = min(int(current / (1 + settings.decrease_rate)), current - 1)
            if self._last_insert + shortest / 1000 > now:
                current = max(int(current * (1 + settings.increase_rate)), current + 1)
            elif self._rare(shorter, now):
                current = shorter
        return min(max(current, shortest), longest)

    def _rare(self, milliseconds: float, now: float) -> bool:
        """Whether both the last insert and the time between the last two flushes lie further than that."""
        before_last, last = self._flushes
        if self._last_insert is None or before_last is None or last is None:
            return False
        span = milliseconds / 1000
        return self._last_insert + span < now and before_last + span < last
