"""Aliases: what a request of several actions leaves behind, and on disk."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.targets.embedded.vectors.aliases import Aliases
from bench.targets.embedded.vectors.errors import ApiError

COLLECTIONS = ("blue", "green")
NAMES = st.sampled_from((*COLLECTIONS, "a", "b", "c"))

actions = st.lists(
    st.one_of(
        st.builds(lambda c, a: {"create_alias": {"collection_name": c, "alias_name": a}}, NAMES, NAMES),
        st.builds(lambda a: {"delete_alias": {"alias_name": a}}, NAMES),
        st.builds(
            lambda old, new: {"rename_alias": {"old_alias_name": old, "new_alias_name": new}}, NAMES, NAMES
        ),
    ),
    max_size=6,
)


def change(aliases: Aliases, actions: list[Any]) -> None:
    aliases.change({"actions": actions}, COLLECTIONS.__contains__)


@given(st.lists(actions, max_size=4))
def test_a_request_is_done_whole_or_not_at_all_and_is_on_disk(
    tmp_path_factory: pytest.TempPathFactory, requests: list[list[Any]]
) -> None:
    path = tmp_path_factory.mktemp("aliases") / "aliases.json"
    aliases = Aliases(path)
    for request in requests:
        before = aliases.describe()
        try:
            change(aliases, request)
        except ApiError:
            assert aliases.describe() == before
        assert Aliases(path).describe() == aliases.describe()
        for told in aliases.describe():
            assert told["collection_name"] in COLLECTIONS
            assert told["alias_name"] not in COLLECTIONS
            assert aliases.target(told["alias_name"]) == told["collection_name"]


def test_an_alias_moves_from_one_collection_to_another_in_one_request(tmp_path: Path) -> None:
    aliases = Aliases(tmp_path / "aliases.json")
    change(aliases, [{"create_alias": {"collection_name": "blue", "alias_name": "live"}}])
    change(
        aliases,
        [
            {"delete_alias": {"alias_name": "live"}},
            {"create_alias": {"collection_name": "green", "alias_name": "live"}},
        ],
    )
    assert aliases.target("live") == "green"
    assert aliases.describe("blue") == []


def test_a_dropped_collection_takes_its_aliases_along(tmp_path: Path) -> None:
    aliases = Aliases(tmp_path / "aliases.json")
    for collection in COLLECTIONS:
        change(
            aliases,
            [{"create_alias": {"collection_name": collection, "alias_name": f"to {collection}"}}],
        )
    aliases.forget("blue")
    assert "to blue" not in aliases
    assert aliases.target("to green") == "green"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"actions": {}},
        {"actions": [3]},
        {"actions": [{"create_alias": {"alias_name": "a"}}]},
        {"actions": [{"create_alias": 3}]},
        {"actions": [{"delete_alias": {"alias_name": 3}}]},
        {"actions": [{"create_alias": {}, "delete_alias": {}}]},
    ],
)
def test_what_is_no_request_is_malformed(tmp_path: Path, body: dict[str, Any]) -> None:
    with pytest.raises(ApiError) as caught:
        Aliases(tmp_path / "aliases.json").change(body, COLLECTIONS.__contains__)
    assert caught.value.status == 400
