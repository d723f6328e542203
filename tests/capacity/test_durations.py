"""Lengths of time as the commands take them."""

import pytest

from bench.errors import UsageError
from bench.limits import seconds_of


@pytest.mark.parametrize(
    ("text", "seconds"), [("900", 900), ("900s", 900), ("15m", 900), ("15min", 900), ("1.5h", 5400)]
)
def test_a_length_of_time(text: str, seconds: float) -> None:
    assert seconds_of("--budget", text) == seconds


@pytest.mark.parametrize("text", ["", "0", "-5", "soon", "15d", "1m30s", "nan", "inf"])
def test_what_is_none_is_refused_with_its_flag(text: str) -> None:
    with pytest.raises(UsageError, match="--budget"):
        seconds_of("--budget", text)
