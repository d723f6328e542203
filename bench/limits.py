"""What numbers a plan may hold, whether they come from flags or from a file."""

from __future__ import annotations

from bench.durations import parse_seconds
from bench.errors import UsageError

#: Requests per second, and users: a load process sends some thousand requests a second.
LEAST_RATE, MOST_RATE, MOST_USERS = 0.001, 100_000, 20_000
#: Seconds. Shorter, no request has a chance to be answered; longer, a mistyped number is more likely.
SHORTEST, LONGEST = 0.1, 7 * 86_400.0
LEAST_TIMEOUT, LONGEST_TIMEOUT = 0.001, 3600.0
#: Steps of a load, and how many times as fast a trace may be replayed.
MOST_STEPS, MOST_SPEED = 1000, 1_000_000.0


def within(flag: str, number: float, least: float, most: float, what: str) -> None:
    """Raises UsageError that says from where to where the flag's number goes."""
    if not least <= number <= most:
        raise UsageError(f"{flag} {number:g}: give {what} from {least:g} to {most:,.0f}.")


def require_rate(flag: str, number: float) -> None:
    within(flag, number, LEAST_RATE, MOST_RATE, "requests a second")


def seconds_of(flag: str, text: str) -> float:
    """`900`, `900s`, `15m` or `1h` in seconds. Raises UsageError for another text, for 0, and for years."""
    found = parse_seconds(text)
    if found is None or not 0 < found <= LONGEST:
        raise UsageError(f"{flag} {text}: give a time from 1s to 168h, such as 20m or 900s.")
    return found
