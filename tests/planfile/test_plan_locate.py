"""Where each value of a TOML text stands."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.planfile.locate import Path, lines

TEXT = '''\
# remark = 1
seed = 1  # a remark with [brackets]
names = [
    "one",  # ] no end
    'two',
]

[target]
url = "http://h"
knobs.redis.maxmemory = "64mb"
"quoted.key" = """
many
lines"""
date = 1979-05-27 07:32:00

[[phase]]
ramp = { from = 1, to = { a = [1, 2] } }

[[phase]]
"na\\u006de" = 'x'
[phase.poisson]
rate = 4
'''


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("seed",), 2),
        (("names",), 3),
        (("names", 0), 4),
        (("names", 1), 5),
        (("target",), 8),
        (("target", "url"), 9),
        (("target", "knobs"), 10),
        (("target", "knobs", "redis", "maxmemory"), 10),
        (("target", "quoted.key"), 11),
        (("target", "date"), 14),
        (("phase",), 16),
        (("phase", 0), 16),
        (("phase", 0, "ramp", "to", "a", 1), 17),
        (("phase", 1), 19),
        (("phase", 1, "name"), 20),
        (("phase", 1, "poisson"), 21),
        (("phase", 1, "poisson", "rate"), 22),
    ],
)
def test_lines_of_a_text(path: Path, line: int) -> None:
    tomllib.loads(TEXT)
    assert lines(TEXT)[path] == line


@pytest.mark.parametrize(
    "text",
    [
        'a = """x""""\nb = 1\n',
        'a = """x\\"""" # """\nb = 1\n',
        "a = '''x''''\nb = 1\n",
        'a = ""\nb = 1\n',
        "a = ''\nb = 1\n",
        'a = "\\\\"\nb = 1\n',
        'a = "#"\nb = 1\n',
        "a = [[], [1, [2]], {}]\nb = 1\n",
        "a = [ # ]\n]\nb = 1\n",
        "a = 1\r\nb = 1\r\n",
        "a = 1\nb = 1",
    ],
)
def test_what_is_hard_to_find_the_end_of(text: str) -> None:
    tomllib.loads(text)
    found = lines(text)
    assert text.split("\n")[found["b",] - 1].startswith("b = 1")
    assert "b = 1" not in "".join(text.split("\n")[: found["b",] - 1])


KEYS = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), max_size=4)
VALUES = st.recursive(
    st.integers(-9, 9) | st.text(max_size=6) | st.booleans(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)


def paths(value: Any, path: Path = ()) -> list[Path]:
    found = [path] if path else []
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        found += paths(inner, (*path, key))
    return found


@given(st.dictionaries(KEYS, VALUES, max_size=4), st.integers(0, 2))
def test_every_value_of_any_text_has_its_line(table: dict[str, Any], blank: int) -> None:
    from bench.planfile.writing import _key, _value

    text = ("\n" * blank).join(f"{_key(key)} = {_value(value)}\n" for key, value in table.items())
    assert tomllib.loads(text) == table
    found = lines(text)
    assert set(found) == set(paths(table))
    for number, key in enumerate(table):
        mine = {line for path, line in found.items() if path[0] == key}
        assert mine == {1 + number * (1 + blank)}
