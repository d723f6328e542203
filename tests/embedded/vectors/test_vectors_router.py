"""Paths to endpoints: as the table says, whatever the names."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.targets.embedded.vectors.endpoints import ENDPOINTS
from bench.targets.embedded.vectors.router import Router

ROUTER = Router((method, path, (method, path)) for method, path, _ in ENDPOINTS)
names = st.text(st.characters(exclude_characters="/"), min_size=1, max_size=8) | st.sampled_from(
    ["aliases", "points", "index", "collections", "{collection_name}", "1"]
)


@given(
    st.sampled_from([(method, path) for method, path, _ in ENDPOINTS]),
    st.lists(names, min_size=2, max_size=2),
)
def test_a_path_leads_to_its_endpoint(route: tuple[str, str], given: list[str]) -> None:
    method, path = route
    places = re.findall(r"{(\w+)}", path)
    values = dict(zip(places, given, strict=False))
    found = ROUTER.find(method, re.sub(r"{(\w+)}", lambda match: values[match[1]], path))
    assert found is not None
    (found_method, found_path), found_values = found
    # A name may be a word of another path; the more literal one wins.
    if found_path == path:
        assert found_values == values
    else:
        assert found_method == method
        assert set(re.split("[/{}]", found_path)) & set(given)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", ""),
        ("GET", "/"),
        ("GET", "/nowhere"),
        ("PUT", "/collections"),
        ("GET", "/collections/"),
        ("GET", "/collections//exists"),
        ("GET", "/collections/a/exists/"),
        ("POST", "/collections/a"),
    ],
)
def test_what_is_not_in_the_table_is_not_found(method: str, path: str) -> None:
    assert ROUTER.find(method, path) is None


def test_a_collection_may_be_called_as_a_part_of_another_path() -> None:
    assert ROUTER.find("POST", "/collections/aliases") == (("POST", "/collections/aliases"), {})
    assert ROUTER.find("GET", "/collections/aliases") == (
        ("GET", "/collections/{collection_name}"),
        {"collection_name": "aliases"},
    )
