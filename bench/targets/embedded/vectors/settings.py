"""The settings of one collection: checked, merged, echoed, and handed to the engine.

Kept in the form in which Qdrant's collection info shows them. Thresholds and segment sizes are in KB of
vectors (1 KB = 256 float32 components)."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any

import qdrant_edge as engine

from .errors import malformed, wrong_input
from .quantization import checked_quantization, engine_quantization
from .rules import COUNT, FLAG, TEXT, Json, Rule, checked
from .vector_params import (
    HNSW,
    by_name,
    checked_vectors,
    engine_hnsw,
    engine_vector,
    patched_vectors,
    vector_bytes,
)

_OPTIMIZERS = {
    "deleted_threshold": Rule(float, 0, 1),
    "vacuum_min_vector_number": Rule(int, 100),
    "default_segment_number": COUNT,
    "max_segment_size": Rule(int, 1),
    "memmap_threshold": COUNT,
    "indexing_threshold": COUNT,
    "flush_interval_sec": COUNT,
    "max_optimization_threads": COUNT,  # null or "auto": as many as there are cores; 0: no optimization
    "prevent_unoptimized": FLAG,
}
_ENGINE_OPTIMIZERS = (
    "deleted_threshold",
    "vacuum_min_vector_number",
    "default_segment_number",
    "max_segment_size",
    "indexing_threshold",
    "prevent_unoptimized",
)
_WAL = {"wal_capacity_mb": Rule(int, 1), "wal_segments_ahead": COUNT}
_PARAMS = {
    "shard_number": Rule(int, 1),
    "sharding_method": TEXT,
    "replication_factor": Rule(int, 1),
    "write_consistency_factor": Rule(int, 1),
    "on_disk_payload": FLAG,
}

# The server's defaults.
_DEFAULT_HNSW: Json = {
    "m": 16,
    "ef_construct": 100,
    "full_scan_threshold": 10_000,
    "max_indexing_threads": 0,
    "on_disk": False,
}
_DEFAULT_OPTIMIZERS: Json = {
    "deleted_threshold": 0.2,
    "vacuum_min_vector_number": 1000,
    "default_segment_number": 0,
    "max_segment_size": None,
    "memmap_threshold": None,
    "indexing_threshold": 10_000,
    "flush_interval_sec": 5,
    "max_optimization_threads": None,
}
_DEFAULT_PARAMS: Json = {
    "shard_number": 1,
    "replication_factor": 1,
    "write_consistency_factor": 1,
    "on_disk_payload": True,
}
_DEFAULT_WAL: Json = {"wal_capacity_mb": 32, "wal_segments_ahead": 0}


def _checked_optimizers(given: Any) -> Json:
    automatic = isinstance(given, dict) and given.get("max_optimization_threads") == "auto"
    if automatic:
        given = given | {"max_optimization_threads": None}
    kept = checked(given, _OPTIMIZERS, "optimizers_config")
    return kept | {"max_optimization_threads": None} if automatic else kept


def _refuse_the_unknown(body: Json) -> None:
    """What would change answers, and is not there, is refused rather than dropped."""
    if body.get("sparse_vectors"):
        raise wrong_input("sparse vectors are not supported here")
    strict = body.get("strict_mode_config")
    if isinstance(strict, dict) and strict.get("enabled"):
        raise wrong_input("strict mode is not supported here")
    if body.get("init_from") is not None:
        raise wrong_input("init_from is not supported here")


def _checked_metadata(given: object) -> Json:
    if not isinstance(given, dict):
        raise malformed("metadata: expected an object")
    return given


@dataclass(frozen=True)
class Settings:
    """One collection's settings, complete with defaults. `metadata` is the user's own."""

    params: Json
    hnsw: Json
    optimizers: Json
    wal: Json
    quantization: Json | None = None
    metadata: Json | None = None

    @classmethod
    def from_request(cls, body: Json) -> Settings:
        """From the body of a create request. Raises ApiError for what Qdrant would refuse, too."""
        _refuse_the_unknown(body)
        params = _DEFAULT_PARAMS | checked(body, _PARAMS, "collection")
        metadata = body.get("metadata")
        return cls(
            params={"vectors": checked_vectors(body.get("vectors"))} | params,
            hnsw=_DEFAULT_HNSW | checked(body.get("hnsw_config"), HNSW, "hnsw_config"),
            optimizers=_DEFAULT_OPTIMIZERS | _checked_optimizers(body.get("optimizers_config")),
            wal=_DEFAULT_WAL | checked(body.get("wal_config"), _WAL, "wal_config"),
            quantization=checked_quantization(body.get("quantization_config")),
            metadata=None if metadata is None else _checked_metadata(metadata),
        )

    def patched(self, body: Json) -> Settings:
        """With the fields of an update request in place of these. Raises ApiError."""
        _refuse_the_unknown(body)
        vectors = patched_vectors(self.params["vectors"], body.get("vectors"))
        params = self.params | checked(body.get("params"), _PARAMS, "params") | {"vectors": vectors}
        quantization, metadata = self.quantization, self.metadata
        if body.get("quantization_config") is not None:
            quantization = checked_quantization(body["quantization_config"])
        if body.get("metadata") is not None:
            metadata = (metadata or {}) | _checked_metadata(body["metadata"])
        return replace(
            self,
            params=params,
            hnsw=self.hnsw | checked(body.get("hnsw_config"), HNSW, "hnsw_config"),
            optimizers=self.optimizers | _checked_optimizers(body.get("optimizers_config")),
            quantization=quantization,
            metadata=metadata,
        )

    def same_storage(self, other: Settings) -> bool:
        """Whether vectors are kept under the other settings as they would be under these."""
        return (self.params, self.quantization) == (other.params, other.quantization)

    def same_index(self, other: Settings) -> bool:
        """Whether an index built under the other settings is as one built under these would be."""
        return self.same_storage(other) and self.hnsw == other.hnsw

    @cached_property
    def vectors(self) -> dict[str, Json]:
        """The parameters of each vector by its name, which is empty where there is but one without."""
        return by_name(self.params["vectors"])

    @cached_property
    def sizes(self) -> dict[str, int]:
        """The number of components of each vector."""
        return {name: vector["size"] for name, vector in self.vectors.items()}

    @property
    def vector_bytes(self) -> int:
        """The size of the largest stored vector of a point: thresholds look at the largest only."""
        return max(vector_bytes(vector) for vector in self.vectors.values())

    def config(self) -> Json:
        """The `config` object of Qdrant's collection info."""
        config = {
            "params": self.params,
            "hnsw_config": self.hnsw,
            "optimizer_config": self.optimizers,
            "wal_config": self.wal,
            "quantization_config": self.quantization,
        }
        return config if self.metadata is None else config | {"metadata": self.metadata}

    def to_json(self) -> Json:
        return asdict(self)

    @classmethod
    def from_json(cls, data: Json) -> Settings:
        return cls(**data)

    def for_engine(self) -> Any:
        """The engine's own configuration object, carrying everything that it can act on."""
        optimizers = {name: self.optimizers.get(name) for name in _ENGINE_OPTIMIZERS}
        return engine.EdgeConfig(
            vectors={name: engine_vector(vector, self.hnsw) for name, vector in self.vectors.items()},
            on_disk_payload=self.params["on_disk_payload"],
            hnsw_config=engine_hnsw(self.hnsw),
            quantization_config=engine_quantization(self.quantization),
            optimizers=engine.EdgeOptimizersConfig(**optimizers),
        )
