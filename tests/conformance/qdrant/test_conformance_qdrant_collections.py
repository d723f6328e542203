"""Collections and their aliases."""

from __future__ import annotations

import pytest
from qdrant_client import QdrantClient, models
from qdrant_data import COSINE, DOT, EUCLID, create, refused

INT8 = models.ScalarQuantization(
    scalar=models.ScalarQuantizationConfig(type=models.ScalarType.INT8, quantile=0.99, always_ram=True)
)
PRODUCT = models.ProductQuantization(
    product=models.ProductQuantizationConfig(compression=models.CompressionRatio.X16)
)
BINARY = models.BinaryQuantization(binary=models.BinaryQuantizationConfig(always_ram=True))


def test_a_collection_from_creation_to_deletion(client: QdrantClient, name: str) -> None:
    assert not client.collection_exists(name)
    assert client.create_collection(name, vectors_config=models.VectorParams(size=4, distance=COSINE))
    assert client.collection_exists(name)
    assert name in {collection.name for collection in client.get_collections().collections}
    info = client.get_collection(name)
    assert info.status == models.CollectionStatus.GREEN
    assert info.optimizer_status == models.OptimizersStatusOneOf.OK
    assert (info.points_count, info.indexed_vectors_count) == (0, 0)
    assert info.config.params.vectors == models.VectorParams(size=4, distance=COSINE)
    assert client.delete_collection(name) is True
    assert not client.collection_exists(name)
    assert client.delete_collection(name) is False


def test_the_name_of_a_collection_is_taken(client: QdrantClient, name: str) -> None:
    create(client, name)
    said = refused(409, create, client, name)
    assert said == f"Wrong input: Collection `{name}` already exists!"


def test_what_is_not_there_is_not_found(client: QdrantClient, name: str) -> None:
    calls = (
        (client.get_collection, (name,)),
        (client.upsert, (name, [models.PointStruct(id=1, vector=[0.0])])),
        (client.query_points, (name, [0.0])),
        (client.retrieve, (name, [1])),
        (client.scroll, (name,)),
        (client.count, (name,)),
        (client.delete, (name, [1])),
        (client.set_payload, (name, {"a": 1}, [1])),
        (client.create_payload_index, (name, "a", models.PayloadSchemaType.KEYWORD)),
        (client.get_collection_aliases, (name,)),
    )
    for call, arguments in calls:
        assert refused(404, call, *arguments) == f"Not found: Collection `{name}` doesn't exist!"
    patch = models.HnswConfigDiff(m=8)
    assert "doesn't exist" in refused(404, client.update_collection, name, hnsw_config=patch)


@pytest.mark.parametrize("quantization", [None, INT8, PRODUCT, BINARY], ids=["none", "int8", "x16", "binary"])
def test_settings_are_echoed(
    client: QdrantClient, name: str, quantization: models.QuantizationConfig | None
) -> None:
    hnsw = models.HnswConfigDiff(m=24, ef_construct=77, full_scan_threshold=123, payload_m=12)
    optimizers = models.OptimizersConfigDiff(
        deleted_threshold=0.3,
        vacuum_min_vector_number=500,
        default_segment_number=2,
        max_segment_size=100_000,
        memmap_threshold=20_000,
        indexing_threshold=5_000,
        flush_interval_sec=3,
    )
    client.create_collection(
        name,
        vectors_config=models.VectorParams(size=8, distance=DOT, on_disk=True),
        hnsw_config=hnsw,
        optimizers_config=optimizers,
        quantization_config=quantization,
        on_disk_payload=False,
    )
    config = client.get_collection(name).config
    assert hnsw.model_dump(exclude_none=True).items() <= config.hnsw_config.model_dump().items()
    assert optimizers.model_dump(exclude_none=True).items() <= config.optimizer_config.model_dump().items()
    assert config.quantization_config == quantization
    assert config.params.on_disk_payload is False
    assert config.params.vectors.on_disk is True


def test_a_patch_changes_what_it_names(client: QdrantClient, name: str) -> None:
    client.create_collection(
        name,
        vectors_config=models.VectorParams(size=8, distance=DOT),
        hnsw_config=models.HnswConfigDiff(m=24, ef_construct=77),
    )
    assert client.update_collection(
        name,
        hnsw_config=models.HnswConfigDiff(m=8),
        optimizers_config=models.OptimizersConfigDiff(indexing_threshold=77),
        quantization_config=INT8,
        vectors_config={"": models.VectorParamsDiff(on_disk=True)},
        collection_params=models.CollectionParamsDiff(on_disk_payload=False),
    )
    config = client.get_collection(name).config
    assert (config.hnsw_config.m, config.hnsw_config.ef_construct) == (8, 77)
    assert config.optimizer_config.indexing_threshold == 77
    assert config.quantization_config == INT8
    assert config.params.vectors.on_disk is True
    assert config.params.on_disk_payload is False
    client.update_collection(name, quantization_config=models.Disabled.DISABLED)
    assert client.get_collection(name).config.quantization_config is None


def test_values_out_of_range_are_refused(client: QdrantClient, name: str) -> None:
    zero = models.VectorParams.model_construct(size=0, distance=EUCLID)
    assert "value 0 invalid" in refused(422, client.create_collection, name, vectors_config=zero)
    create(client, name)
    low = models.HnswConfigDiff.model_construct(ef_construct=2)
    said = refused(422, client.update_collection, name, hnsw_config=low)
    assert "ef_construct: value 2 invalid, must be 4 or larger" in said


def test_named_vectors_have_settings_of_their_own(client: QdrantClient, name: str) -> None:
    vectors = {
        "text": models.VectorParams(
            size=8, distance=COSINE, hnsw_config=models.HnswConfigDiff(m=4), quantization_config=INT8
        ),
        "image": models.VectorParams(size=3, distance=EUCLID, on_disk=True),
    }
    client.create_collection(name, vectors_config=vectors)
    assert client.get_collection(name).config.params.vectors == vectors
    client.update_collection(
        name, vectors_config={"image": models.VectorParamsDiff(hnsw_config=models.HnswConfigDiff(m=9))}
    )
    patched = client.get_collection(name).config.params.vectors
    assert patched["text"] == vectors["text"]
    assert patched["image"].hnsw_config == models.HnswConfigDiff(m=9)
    unknown = {"sound": models.VectorParamsDiff(on_disk=True)}
    assert "sound" in refused(400, client.update_collection, name, vectors_config=unknown)


def _create_alias(collection: str, alias: str) -> models.CreateAliasOperation:
    return models.CreateAliasOperation(
        create_alias=models.CreateAlias(collection_name=collection, alias_name=alias)
    )


def _delete_alias(alias: str) -> models.DeleteAliasOperation:
    return models.DeleteAliasOperation(delete_alias=models.DeleteAlias(alias_name=alias))


def test_an_alias_stands_for_its_collection(client: QdrantClient, name: str) -> None:
    blue, green, alias = f"{name}_blue", f"{name}_green", f"{name}_alias"
    for number, collection in enumerate((blue, green)):
        create(client, collection)
        client.upsert(collection, [models.PointStruct(id=number, vector=[0.0] * 4)], wait=True)
    assert client.update_collection_aliases([_create_alias(blue, alias)])
    assert client.collection_exists(alias)
    assert client.retrieve(alias, [0])
    expected = models.AliasDescription(alias_name=alias, collection_name=blue)
    assert client.get_collection_aliases(blue).aliases == [expected]
    assert expected in client.get_aliases().aliases

    assert client.update_collection_aliases([_delete_alias(alias), _create_alias(green, alias)])
    assert client.query_points(alias, [0.0] * 4).points[0].id == 1
    renamed = models.RenameAlias(old_alias_name=alias, new_alias_name=f"{alias}_2")
    client.update_collection_aliases([models.RenameAliasOperation(rename_alias=renamed)])
    assert client.count(f"{alias}_2").count == 1
    assert "doesn't exist" in refused(404, client.count, alias)

    client.delete_collection(green)
    assert "doesn't exist" in refused(404, client.count, f"{alias}_2")
    client.delete_collection(blue)


def test_aliases_of_what_is_not_there_or_taken(client: QdrantClient, name: str) -> None:
    create(client, name)
    change = client.update_collection_aliases
    assert "doesn't exist" in refused(404, change, [_create_alias(f"{name}_no", f"{name}_alias")])
    assert "already exists" in refused(409, change, [_create_alias(name, name)])
    lost = models.RenameAlias(old_alias_name=f"{name}_lost", new_alias_name=f"{name}_found")
    assert f"{name}_lost" in refused(404, change, [models.RenameAliasOperation(rename_alias=lost)])
    assert client.get_collection_aliases(name).aliases == []
