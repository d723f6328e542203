"""Settings: merging, bounds, and the round trip to disk."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.targets.embedded.vectors.errors import ApiError
from bench.targets.embedded.vectors.reindex import optimization_due
from bench.targets.embedded.vectors.settings import Settings

BASE = {"vectors": {"size": 8, "distance": "Euclid"}}

hnsw = st.fixed_dictionaries(
    {},
    optional={
        "m": st.integers(0, 10_000),
        "ef_construct": st.integers(4, 10_000),
        "full_scan_threshold": st.integers(0, 10**9),
        "max_indexing_threads": st.integers(0, 64),
        "on_disk": st.booleans(),
    },
)
optimizers = st.fixed_dictionaries(
    {},
    optional={
        "deleted_threshold": st.floats(0, 1),
        "vacuum_min_vector_number": st.integers(100, 10**9),
        "default_segment_number": st.integers(0, 100),
        "indexing_threshold": st.integers(0, 10**9),
        "memmap_threshold": st.integers(0, 10**9),
        "flush_interval_sec": st.integers(0, 3600),
    },
)


@given(hnsw, optimizers, hnsw, optimizers)
def test_a_patch_wins_field_by_field_and_is_kept(
    hnsw1: dict[str, Any], optimizers1: dict[str, Any], hnsw2: dict[str, Any], optimizers2: dict[str, Any]
) -> None:
    made = Settings.from_request(BASE | {"hnsw_config": hnsw1, "optimizers_config": optimizers1})
    patched = made.patched({"hnsw_config": hnsw2, "optimizers_config": optimizers2})
    config = patched.config()
    for part, first, second in (
        ("hnsw_config", hnsw1, hnsw2),
        ("optimizer_config", optimizers1, optimizers2),
    ):
        assert (first | second).items() <= config[part].items()
    assert Settings.from_json(json.loads(json.dumps(patched.to_json()))) == patched
    assert patched.for_engine().hnsw_config.m == config["hnsw_config"]["m"]
    assert (
        patched.for_engine().optimizers.indexing_threshold == config["optimizer_config"]["indexing_threshold"]
    )


def test_null_and_unknown_fields_change_nothing() -> None:
    made = Settings.from_request(BASE)
    assert made.patched({"hnsw_config": {"m": None}, "optimizers_config": None, "novelty": 3}) == made


def test_quantization_is_replaced_whole_and_disabled_by_its_word() -> None:
    scalar = {"scalar": {"type": "int8", "quantile": 0.99}}
    made = Settings.from_request(BASE | {"quantization_config": scalar})
    assert made.patched({}).quantization == scalar
    binary = made.patched({"quantization_config": {"binary": {}}})
    assert binary.quantization == {"binary": {}}
    assert binary.patched({"quantization_config": "Disabled"}).quantization is None


def test_settings_of_the_vector_win_over_those_of_the_collection() -> None:
    made = Settings.from_request(BASE | {"hnsw_config": {"m": 8, "ef_construct": 50}})
    patched = made.patched({"vectors": {"": {"hnsw_config": {"m": 32}, "on_disk": True}}})
    vector = patched.for_engine().vectors[""]
    assert (vector.hnsw_config.m, vector.hnsw_config.ef_construct) == (32, 50)
    assert vector.on_disk is True
    assert patched.config()["params"]["vectors"]["hnsw_config"] == {"m": 32}


def test_named_vectors_are_patched_one_by_one() -> None:
    vectors = {"size": {"size": 8, "distance": "Dot"}, "b": {"size": 2, "distance": "Cosine"}}
    made = Settings.from_request({"vectors": vectors, "hnsw_config": {"m": 8}})
    assert made.sizes == {"size": 8, "b": 2}
    scalar = {"scalar": {"type": "int8"}}
    change = {"hnsw_config": {"m": 4}, "quantization_config": scalar}
    patched = made.patched({"vectors": {"b": change}})
    assert patched.params["vectors"] == {"size": vectors["size"], "b": vectors["b"] | change}
    config = patched.for_engine()
    assert (config.hnsw_config.m, config.vectors["b"].hnsw_config.m) == (8, 4)
    assert config.vectors["size"].hnsw_config is None
    assert not patched.same_index(made)
    undone = patched.patched({"vectors": {"b": {"quantization_config": "Disabled"}}})
    assert "quantization_config" not in undone.params["vectors"]["b"]
    assert Settings.from_json(json.loads(json.dumps(patched.to_json()))) == patched


def test_thresholds_look_at_the_largest_vector() -> None:
    vectors = {"a": {"size": 8, "distance": "Dot"}, "b": {"size": 20, "distance": "Dot", "datatype": "uint8"}}
    assert Settings.from_request({"vectors": vectors}).vector_bytes == 32


def test_metadata_is_merged_by_its_keys() -> None:
    made = Settings.from_request(BASE | {"metadata": {"a": 1, "b": 2}})
    assert made.config()["metadata"] == {"a": 1, "b": 2}
    assert made.patched({"metadata": {"b": 3}}).config()["metadata"] == {"a": 1, "b": 3}
    assert "metadata" not in Settings.from_request(BASE).config()


@pytest.mark.parametrize(("datatype", "size"), [(None, 32), ("float32", 32), ("float16", 16), ("uint8", 8)])
def test_the_size_of_a_vector_follows_its_datatype(datatype: str | None, size: int) -> None:
    vector = BASE["vectors"] | ({"datatype": datatype} if datatype else {})
    assert Settings.from_request({"vectors": vector}).vector_bytes == size


@pytest.mark.parametrize(
    ("body", "status", "named"),
    [
        ({"hnsw_config": {"m": -1}}, 422, "hnsw_config.m"),
        ({"hnsw_config": {"m": 1.5}}, 400, "hnsw_config.m"),
        ({"hnsw_config": {"m": True}}, 400, "hnsw_config.m"),
        ({"hnsw_config": [1]}, 400, "hnsw_config"),
        ({"optimizers_config": {"deleted_threshold": 1.01}}, 422, "deleted_threshold"),
        ({"optimizers_config": {"vacuum_min_vector_number": 99}}, 422, "vacuum_min_vector_number"),
        ({"quantization_config": {"scalar": {}}}, 400, "missing field `type`"),
        ({"quantization_config": {"scalar": {"type": "int4"}}}, 400, "int4"),
        ({"quantization_config": {"scalar": {"type": "int8", "quantile": 0.2}}}, 422, "quantile"),
        ({"quantization_config": {"magic": {}}}, 400, "scalar, product, binary, turbo"),
        ({"quantization_config": {}}, 400, "quantization_config"),
        ({"sparse_vectors": {"s": {}}}, 400, "sparse"),
        ({"vectors": {"size": 65537, "distance": "Dot"}}, 422, "from 1 to 65536"),
        ({"vectors": {"size": 8, "distance": "Dot", "datatype": "float8"}}, 400, "float8"),
        ({"vectors": {"size": 8, "distance": "Dot", "multivector_config": {}}}, 400, "multivectors"),
        ({"vectors": {"a": {"size": 8}}}, 400, "vectors.a: missing field `distance`"),
        ({"vectors": {}}, 400, "missing field `size`"),
        ({"strict_mode_config": {"enabled": True}}, 400, "strict mode"),
        ({"hnsw_config": {"memory": "warm"}}, 400, "cold, cached, pinned"),
        ({"metadata": 3}, 400, "metadata"),
    ],
)
def test_what_is_refused_names_the_field(body: dict[str, Any], status: int, named: str) -> None:
    with pytest.raises(ApiError) as caught:
        Settings.from_request(BASE | body)
    assert caught.value.status == status
    assert named in caught.value.message


def test_automatic_optimization_threads_undo_a_number() -> None:
    made = Settings.from_request(BASE | {"optimizers_config": {"max_optimization_threads": 0}})
    assert made.optimizers["max_optimization_threads"] == 0
    patched = made.patched({"optimizers_config": {"max_optimization_threads": "auto"}})
    assert patched.optimizers["max_optimization_threads"] is None


@pytest.mark.parametrize(
    ("threshold", "points", "indexed", "unindexed", "due"),
    [
        (10, 0, 0, 0, False),
        (10, 320, 0, 320, False),  # 320 x 8 x 4 bytes = 10 KB: at the threshold, not above
        (10, 321, 0, 321, True),
        (0, 10**6, 0, 10**6, False),
        (10, 2000, 2000, 0, False),
        (10, 1600, 2000, 0, False),  # a fifth is dead: at the threshold
        (10, 1599, 2000, 0, True),
        (10, 2000, 2000, 300, False),  # 300 replaced: 15 % dead
        (0, 2000, 2000, 500, True),  # 500 replaced: 25 % dead
        (10, 100, 999, 0, False),  # too small to clean up
    ],
)
def test_when_an_optimization_is_due(
    threshold: int, points: int, indexed: int, unindexed: int, due: bool
) -> None:
    settings = Settings.from_request(BASE | {"optimizers_config": {"indexing_threshold": threshold}})
    assert optimization_due(settings, points, indexed, unindexed) is due
