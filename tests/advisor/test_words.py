from __future__ import annotations

import pytest

from advisor import words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (words.seconds(0.000085), "85 µs"),
        (words.seconds(0.0061), "6.1 ms"),
        (words.seconds(0.1234), "123 ms"),
        (words.seconds(1.5), "1.5 s"),
        (words.cores(0.934), "0.93 core"),
        (words.cores(1), "1 core"),
        (words.cores(1.4), "1.4 cores"),
        (words.cores(12), "12 cores"),
        (words.rate(163.9), "160 requests/s"),
        (words.rate(12345), "12,000 requests/s"),
        (words.rate(0.456), "0.46 requests/s"),
        (words.rate(9.96), "10 requests/s"),
        (words.size(512), "512 B"),
        (words.size(20 << 20), "20 MB"),
        (words.size(8 << 30), "8 GB"),
        (words.size(1000), "1000 B"),
        (words.size(3 << 40), "3072 GB"),
        (words.count(21500), "21,500"),
        (words.percent(0.934), "93 %"),
    ],
)
def test_words(text: str, expected: str) -> None:
    assert text == expected
