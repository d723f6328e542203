"""What a statement says beside its own business."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.targets.embedded.patterns import clauses
from bench.targets.embedded.patterns.statement import parse


@pytest.mark.parametrize(
    ("text", "settings"),
    [
        (b"SELECT 1", {}),
        (b"SELECT 1 SETTINGS max_threads = 2", {"max_threads": "2"}),
        (b"INSERT INTO t SETTINGS async_insert=1, wait_for_async_insert = 0 ",
         {"async_insert": "1", "wait_for_async_insert": "0"}),
        (b"INSERT INTO t (a) settings Async_Insert = true VALUES", {"async_insert": "1"}),
        (b"SELECT 1 SETTINGS a = 'it\\'s', b = 'x''y', c = -1.5 FORMAT JSON",
         {"a": "it's", "b": "x'y", "c": "-1.5"}),
        (b"SELECT * FROM (SELECT 1 SETTINGS max_threads = 3)", {}),
        (b"SELECT 'SETTINGS a = 1'", {}),
        (b"SELECT settings FROM t", {}),
        (b"CREATE TABLE t (a Int8) ENGINE = MergeTree ORDER BY a SETTINGS index_granularity = 1;",
         {"index_granularity": "1"}),
    ],
)  # fmt: skip
def test_settings_clause(text: bytes, settings: dict[str, str]) -> None:
    assert clauses.settings(text) == settings


@given(st.binary())
def test_any_text_has_a_settings_clause_or_none(text: bytes) -> None:
    assert all(name and isinstance(value, str) for name, value in clauses.settings(text).items())


@pytest.mark.parametrize(
    ("text", "target"),
    [
        (b"INSERT INTO t FORMAT CSV", ("", "t")),
        (b"INSERT INTO kato.patterns_data (a) FORMAT CSV", ("kato", "patterns_data")),
        (b'insert into table `da``ta`."t" VALUES (1)', ("da``ta", "t")),
        (b"INSERT t VALUES (1)", ("", "t")),
        (b"INSERT INTO FUNCTION null('a Int8') VALUES (1)", ("", "")),
        (b"INSERT", ("", "")),
    ],
)
def test_target_of_an_insert(text: bytes, target: tuple[str, str]) -> None:
    assert clauses.insert_target(parse(text)) == target
