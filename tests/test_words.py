from __future__ import annotations

import math

import pytest

from bench import words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (words.seconds(0.000085), "85 µs"),
        (words.seconds(0.0061), "6.1 ms"),
        (words.seconds(0.1234), "123 ms"),
        (words.seconds(0.9996), "1 s"),
        (words.seconds(1.5), "1.5 s"),
        (words.seconds(1234.5), "1234 s"),
        (words.seconds(math.inf), "without end (no answer)"),
        (words.cores(0.934), "0.93 core"),
        (words.cores(1), "1 core"),
        (words.cores(1.4), "1.4 cores"),
        (words.cores(12), "12 cores"),
        (words.rate(163.9), "164/s"),
        (words.rate(12345), "12 345/s"),
        (words.requests(163.9), "164 requests/s"),
        (words.rate(0.456), "0.456/s"),
        (words.rate(9.96), "9.96/s"),
        (words.size(512), "512 B"),
        (words.size(20 << 20), "20 MiB"),
        (words.size(8 << 30), "8 GiB"),
        (words.size(1000), "1000 B"),
        (words.size(1536), "1.5 KiB"),
        (words.size(3 << 40), "3 TiB"),
        (words.size(5000 << 40), "5000 TiB"),
        (words.count(21500), "21 500"),
        (words.percent(0.0123), "1.2 %"),
        (words.percent(0.934), "93 %"),
        (words.percent(1), "100 %"),
        (words.percent(1.28), "128 %"),
    ],
)
def test_words(text: str, expected: str) -> None:
    assert text == expected
