from __future__ import annotations

import pytest

from bench.collectors.prometheus import samples


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("up 1", [("up", {}, 1.0)]),
        ('r{method="GET",status="200"} 42', [("r", {"method": "GET", "status": "200"}, 42.0)]),
        (
            'r{endpoint="/collections/{name}/points"} 1.5e3',
            [("r", {"endpoint": "/collections/{name}/points"}, 1500.0)],
        ),
        (r'r{v="a\"b\\n\n"} 2 1395066363000', [("r", {"v": 'a"b\\n\n'}, 2.0)]),
        ('b_bucket{le="+Inf"} 7', [("b_bucket", {"le": "+Inf"}, 7.0)]),
        ("# TYPE up gauge", []),
        ("", []),
        ("up one", []),
        ("just words and more", []),
    ],
)
def test_samples(line: str, expected: list[tuple[str, dict[str, str], float]]) -> None:
    assert list(samples(f"# HELP x y\n{line}\n")) == expected
