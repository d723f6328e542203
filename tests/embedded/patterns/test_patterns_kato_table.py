"""KATO's table of patterns, used as KATO uses it."""

from __future__ import annotations

import hashlib
import re
from typing import Any
from uuid import uuid4

import pytest

from bench.targets.embedded.patterns import schema

COLUMNS = [name for name in schema.COLUMNS if not name.endswith("_at")]


def pattern(node: str, number: int, events: int = 5) -> list[Any]:
    data = [[f"t{number}_{event}", f"shared{event}"] for event in range(events)]
    tokens = [token for event in data for token in event]
    name = hashlib.sha1(f"{node}{number}".encode()).hexdigest()
    first, last = tokens[0], tokens[-1]
    signature, bands = list(range(100)), [2**64 - 1] * 20
    return [node, name, data, len(tokens), tokens, len(set(tokens)), signature, bands, first, last]


@pytest.fixture
def node() -> str:
    return f"node_{uuid4().hex[:8]}_kato"


def learn(client: Any, node: str, numbers: range, events: int = 5) -> None:
    rows = [pattern(node, number, events) for number in numbers]
    client.insert("kato.patterns_data", rows, column_names=COLUMNS)


def count(client: Any, node: str) -> int:
    text = "SELECT count() FROM kato.patterns_data WHERE kb_id = {node:String}"
    return int(client.query(text, parameters={"node": node}).first_row[0])


def test_table_is_there_as_kato_lays_it_out(client: Any) -> None:
    described = client.query("DESCRIBE TABLE kato.patterns_data").result_rows
    assert [row[0] for row in described] == list(schema.COLUMNS)
    facts = client.query(
        "SELECT engine, partition_key, sorting_key, primary_key FROM system.tables "
        "WHERE database = 'kato' AND name = 'patterns_data'"
    ).first_row
    assert facts == ("MergeTree", "kb_id", "kb_id, length, name", "kb_id, length, name")
    indexes = client.query(
        "SELECT name, type_full, granularity FROM system.data_skipping_indices WHERE table = 'patterns_data'"
    ).result_rows
    assert sorted(indexes) == [
        ("idx_length", "minmax", 4),
        ("idx_token_bloom", "bloom_filter(0.01)", 4),
        ("idx_token_count", "minmax", 4),
    ]


def test_patterns_come_back_as_they_were_learned(client: Any, node: str) -> None:
    learn(client, node, range(50))
    read = client.query(
        f"SELECT {', '.join(COLUMNS)} FROM kato.patterns_data WHERE kb_id = {{node:String}} ORDER BY name",
        parameters={"node": node},
    ).result_rows
    assert [list(row) for row in read] == sorted(
        (pattern(node, i) for i in range(50)), key=lambda row: row[1]
    )


def test_patterns_are_found_by_500_names(client: Any, node: str) -> None:
    learn(client, node, range(600))
    names = [pattern(node, number)[1] for number in range(500)]
    text = (
        "SELECT count() FROM kato.patterns_data WHERE kb_id = {node:String} AND name IN {names:Array(String)}"
    )
    assert client.query(text, parameters={"node": node, "names": names}).first_row == (500,)


def test_dropping_a_partition_forgets_one_node(client: Any, node: str) -> None:
    learn(client, node, range(10))
    learn(client, node + "2", range(10))
    client.command(f"ALTER TABLE kato.patterns_data DROP PARTITION '{node}'")
    assert (count(client, node), count(client, node + "2")) == (0, 10)


def test_optimize_final_merges_the_parts_of_single_inserts(client: Any, node: str) -> None:
    for number in range(4):
        learn(client, node, range(number, number + 1))
    client.command(f"OPTIMIZE TABLE kato.patterns_data PARTITION '{node}' FINAL")
    parts = client.query(
        "SELECT count(), sum(rows) FROM system.parts "
        "WHERE active AND table = 'patterns_data' AND partition = {node:String}",
        parameters={"node": node},
    ).first_row
    assert parts == (1, 4)


def granules(plan: str, section: str) -> tuple[int, int]:
    """Selected and all granules of an index in the text of EXPLAIN indexes = 1."""
    found = re.search(rf"{section}.*?Granules: (\d+)/(\d+)", plan, re.DOTALL)
    assert found, plan
    return int(found[1]), int(found[2])


def test_explain_shows_primary_key_and_bloom_filter_at_work(client: Any, node: str) -> None:
    learn(client, node, range(40_000), events=1)
    client.command(f"OPTIMIZE TABLE kato.patterns_data PARTITION '{node}' FINAL")
    explain = "EXPLAIN indexes = 1 SELECT name FROM kato.patterns_data WHERE kb_id = {node:String} AND "

    def plan(condition: str) -> str:
        rows = client.query(explain + condition, parameters={"node": node}).result_rows
        return "\n".join(row[0] for row in rows)

    by_key = plan("length = 3")
    assert "PrimaryKey" in by_key
    assert granules(by_key, "PrimaryKey")[0] == 0

    by_token = plan("hasAny(token_set, ['no_such_token'])")
    assert granules(by_token, "idx_token_bloom")[0] == 0
    assert granules(plan("hasAny(token_set, ['t7_0'])"), "idx_token_bloom")[0] >= 1
