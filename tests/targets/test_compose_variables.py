"""Variables in Compose files and in the files that hold them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.errors import UsageError
from bench.targets.compose import dotenv
from bench.targets.compose.interpolation import InterpolationError, interpolate

SET = {"A": "a", "B": "b", "EMPTY": "", "lower_1": "l"}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("plain", "plain"),
        ("$A-${B}", "a-b"),
        ("$lower_1.x", "l.x"),
        ("$A$B", "ab"),
        ("$$A $${A}", "$A ${A}"),
        ("$NONE|${NONE}", "|"),
        ("${A:-x}${EMPTY:-x}${NONE:-x}", "axx"),
        ("${A-x}${EMPTY-x}${NONE-x}", "ax"),
        ("${A:+x}${EMPTY:+x}${NONE:+x}", "x"),
        ("${A+x}${EMPTY+x}${NONE+x}", "xx"),
        ("${A:?no}${EMPTY?no}", "a"),
        ("${NONE:-${EMPTY:-${B}}}", "b"),
        ("${NONE:-${A}-$B}", "a-b"),
        ("${NONE:-$$A}", "$A"),
        ("${NONE:-}", ""),
        ("${NONE:-a:b?c}", "a:b?c"),
        ('${NONE:-{"k": 1}}', '{"k": 1}'),
        ("redis://${A:+:${A}@}redis", "redis://:a@redis"),
        ("${A:-${NONE:?not asked for}}", "a"),
        ("100%", "100%"),
    ],
)
def test_what_compose_puts_in(text: str, found: str) -> None:
    assert interpolate(text, SET.get) == found


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("${NONE:?say what}", "NONE is required but not set: say what"),
        ("${EMPTY:?}", "EMPTY is required but not set"),
        ("${NONE?${A}}", "NONE is required but not set: a"),
        ("cost: 5$", "$$"),
        ("$1", "$$"),
        ("${A", "no }"),
        ("${}", "no name"),
        ("${A!x}", "something else"),
        ("${NONE:-" * 40 + "}" * 40, "nested too deeply"),
    ],
)
def test_what_compose_refuses(text: str, words: str) -> None:
    with pytest.raises(InterpolationError) as caught:
        interpolate(text, SET.get)
    assert words in str(caught.value)


@given(st.text())
def test_a_doubled_dollar_is_a_dollar(text: str) -> None:
    assert interpolate(text.replace("$", "$$"), SET.get) == text


@given(st.text("$AB{}:-?+ ", max_size=40))
def test_any_text_is_completed_or_refused(text: str) -> None:
    try:
        found = interpolate(text, SET.get)
    except InterpolationError:
        return
    if "$$" not in text:
        assert "$" not in found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("A=1\nB = 2 \n", {"A": "1", "B": "2"}),
        ("# no\n\n  export A=1\r\nB: 2\r\n", {"A": "1", "B": "2"}),
        (
            "A=x # comment\nB=x# none\nC='#'\nD=\"x\" # comment",
            {"A": "x", "B": "x# none", "C": "#", "D": "x"},
        ),
        ('A=\'$B \\n\'\nC="a\\nb\\t\\""', {"A": "$B \\n", "C": 'a\nb\t"'}),
        ("A='it\\'s'\nB=\"\\\\\"", {"A": "it's", "B": "\\"}),
        ("A='two\nlines'\nB=1", {"A": "two\nlines", "B": "1"}),
        ('A=1\nB=${A}2\nC="$A"\nD=$NONE', {"A": "1", "B": "12", "C": "1", "D": ""}),
        ("OUTER=file\nB=$OUTER", {"OUTER": "file", "B": "shell"}),
        ("OUTER\nNONE\n", {"OUTER": "shell"}),
        ("A=\nB=''", {"A": "", "B": ""}),
        ("\ufeffA=pa$$word", {"A": "pa$word"}),
        ("A=b=c\nB=http://x:1/?a=1", {"A": "b=c", "B": "http://x:1/?a=1"}),
        ("A=last", {"A": "last"}),
    ],
)
def test_a_file_of_variables(text: str, found: dict[str, str]) -> None:
    assert dotenv.parse(text, ".env", {"OUTER": "shell"}.get) == found


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("A=1\nB B=2\n", ".env, line 2: a line is NAME=VALUE, and a name has no space."),
        ("A=1\n=2", ".env, line 2: a line is NAME=VALUE"),
        ("A='1\n\n", ".env, line 1: a quoted value does not end."),
        ("\nA='1' 2\n", ".env, line 2: something stands behind a quoted value."),
        ("A=1\n\nB=2$", ".env, line 3: a dollar begins no variable"),
        ("A=${B:?set me}", ".env, line 1: B is required but not set: set me."),
    ],
)
def test_a_broken_file_of_variables(text: str, words: str) -> None:
    with pytest.raises(UsageError) as caught:
        dotenv.parse(text, ".env", {}.get)
    assert str(caught.value).startswith(words)


def test_raw_variables_are_taken_as_they_stand() -> None:
    text = "A='$B' # x\n#c\nOUTER\nNONE\nC=\n"
    assert dotenv.parse(text, "x", {"OUTER": "o"}.get, raw=True) == {"A": "'$B' # x", "OUTER": "o", "C": ""}


@given(st.dictionaries(st.from_regex(r"[A-Z_]{1,8}", fullmatch=True), st.text(), max_size=5))
def test_single_quotes_keep_any_value(values: dict[str, str]) -> None:
    plain = {
        name: value.replace("\\", "").replace("'", "").replace("\r", "") for name, value in values.items()
    }
    text = "".join(f"{name}='{value}'\n" for name, value in plain.items())
    assert dotenv.parse(text, "x", {}.get) == plain
