"""The settings of one collection: checked, merged, echoed, and handed to the engine.

Kept in the form in which Qdrant's collection info shows them. Thresholds and segment sizes are in KB of
vectors (1 KB = 256 float32 components)."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

import qdrant_edge as engine

from .errors import malformed, out_of_range, wrong_input

Json = dict[str, Any]

DISTANCES = ("Cosine", "Euclid", "Dot", "Manhattan")
DATATYPES = {"float32": ("Float32", 4), "float16": ("Float16", 2), "uint8": ("Uint8", 1)}
MAX_DIMENSION = 65536


@dataclass(frozen=True)
class Rule:
    """What one field may hold; `None` as a bound means unbounded, and null is always allowed."""

    kind: type
    low: float | None = None
    high: float | None = None


_COUNT = Rule(int, 0)
_FLAG = Rule(bool)
_TEXT = Rule(str)

_HNSW = {
    "m": Rule(int, 0, 10_000),
    "ef_construct": Rule(int, 4),
    "full_scan_threshold": _COUNT,
    "max_indexing_threads": _COUNT,
    "on_disk": _FLAG,
    "payload_m": _COUNT,
    "inline_storage": _FLAG,
}
_OPTIMIZERS = {
    "deleted_threshold": Rule(float, 0, 1),
    "vacuum_min_vector_number": Rule(int, 100),
    "default_segment_number": _COUNT,
    "max_segment_size": Rule(int, 1),
    "memmap_threshold": _COUNT,
    "indexing_threshold": _COUNT,
    "flush_interval_sec": _COUNT,
    "max_optimization_threads": _COUNT,  # null or "auto": as many as there are cores; 0: no optimization
    "prevent_unoptimized": _FLAG,
}
_WAL = {"wal_capacity_mb": Rule(int, 1), "wal_segments_ahead": _COUNT}
_PARAMS = {
    "shard_number": Rule(int, 1),
    "sharding_method": _TEXT,
    "replication_factor": Rule(int, 1),
    "write_consistency_factor": Rule(int, 1),
    "on_disk_payload": _FLAG,
}
_VECTOR = {
    "size": Rule(int, 1, MAX_DIMENSION),
    "distance": _TEXT,
    "on_disk": _FLAG,
    "datatype": _TEXT,
}
_QUANTIZATION = {
    "scalar": {"type": _TEXT, "quantile": Rule(float, 0.5, 1), "always_ram": _FLAG},
    "product": {"compression": _TEXT, "always_ram": _FLAG},
    "binary": {"encoding": _TEXT, "query_encoding": _TEXT, "always_ram": _FLAG},
    "turbo": {"bits": _TEXT, "always_ram": _FLAG},
}
_ENUMS = {
    "type": {"int8": engine.ScalarType.Int8},
    "compression": {f"x{n}": getattr(engine.CompressionRatio, f"X{n}") for n in (4, 8, 16, 32, 64)},
    "encoding": {
        "one_bit": engine.BinaryQuantizationEncoding.OneBit,
        "two_bits": engine.BinaryQuantizationEncoding.TwoBits,
        "one_and_half_bits": engine.BinaryQuantizationEncoding.OneAndHalfBits,
    },
    "query_encoding": {
        "default": engine.BinaryQuantizationQueryEncoding.Default,
        "binary": engine.BinaryQuantizationQueryEncoding.Binary,
        "scalar4bits": engine.BinaryQuantizationQueryEncoding.Scalar4Bits,
        "scalar8bits": engine.BinaryQuantizationQueryEncoding.Scalar8Bits,
    },
    "bits": {
        name: getattr(engine.TurboQuantBitSize, name.capitalize())
        for name in ("bits1", "bits1_5", "bits2", "bits4", "bits8")
    },
}
_QUANTIZERS = {
    "scalar": engine.ScalarQuantizationConfig,
    "product": engine.ProductQuantizationConfig,
    "binary": engine.BinaryQuantizationConfig,
    "turbo": engine.TurboQuantQuantizationConfig,
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


def _checked(given: Any, rules: dict[str, Rule], where: str) -> Json:
    """The known, non-null fields of a JSON object. Unknown ones are dropped, as Qdrant does."""
    if given is None:
        return {}
    if not isinstance(given, dict):
        raise malformed(f"{where}: expected an object")
    kept = {}
    for name, rule in rules.items():
        value: Any = given.get(name)
        if value is None:
            continue
        field = f"{where}.{name}"
        fits = isinstance(value, (int, float) if rule.kind is float else rule.kind)
        if not fits or isinstance(value, bool) is not (rule.kind is bool):
            raise malformed(f"{field}: invalid value {value!r}, expected {rule.kind.__name__}")
        if rule.low is not None and rule.high is not None:
            if not rule.low <= value <= rule.high:
                raise out_of_range(field, value, f"from {rule.low} to {rule.high}")
        elif rule.low is not None and value < rule.low:
            raise out_of_range(field, value, f"{rule.low} or larger")
        kept[name] = value
    return kept


def _checked_optimizers(given: Any) -> Json:
    automatic = isinstance(given, dict) and given.get("max_optimization_threads") == "auto"
    if automatic:
        given = given | {"max_optimization_threads": None}
    kept = _checked(given, _OPTIMIZERS, "optimizers_config")
    return kept | {"max_optimization_threads": None} if automatic else kept


def _checked_quantization(given: object) -> Json | None:
    if given is None or given == "Disabled":
        return None
    if not isinstance(given, dict) or len(given) != 1 or next(iter(given)) not in _QUANTIZATION:
        raise malformed(f"quantization_config: expected one of {', '.join(_QUANTIZATION)}")
    kind, config = next(iter(given.items()))
    where = f"quantization_config.{kind}"
    kept = _checked(config or {}, _QUANTIZATION[kind], where)
    for required in {"scalar": ("type",), "product": ("compression",)}.get(kind, ()):
        if required not in kept:
            raise malformed(f"{where}: missing field `{required}`")
    for name, value in kept.items():
        if name in _ENUMS and value not in _ENUMS[name]:
            raise malformed(f"{where}.{name}: unknown variant `{value}`, expected {', '.join(_ENUMS[name])}")
    return {kind: kept}


def _checked_vector(given: object) -> Json:
    if not isinstance(given, dict):
        raise malformed("missing field `vectors`")
    if not given or "size" not in given:
        if given and all(isinstance(value, dict) for value in given.values()):
            raise wrong_input(
                "named vectors are not supported here; give one vector as `vectors: {size, distance}`"
            )
        raise malformed("vectors: missing field `size`")
    if given.get("multivector_config") is not None:
        raise wrong_input("multivectors are not supported here")
    kept = _checked(given, _VECTOR, "vectors")
    if kept.get("distance") not in DISTANCES:
        raise malformed(
            f"vectors.distance: unknown variant `{given.get('distance')}`, expected {', '.join(DISTANCES)}"
        )
    if kept.get("datatype", "float32") not in DATATYPES:
        raise malformed(
            f"vectors.datatype: unknown variant `{kept['datatype']}`, expected {', '.join(DATATYPES)}"
        )
    return kept | _vector_overrides(given)


def _vector_overrides(given: Json) -> Json:
    """The index and quantization settings of one vector, which win over the collection's."""
    kept: dict[str, Any] = {}
    if given.get("hnsw_config") is not None:
        kept["hnsw_config"] = _checked(given["hnsw_config"], _HNSW, "vectors.hnsw_config")
    if given.get("quantization_config") is not None:
        kept["quantization_config"] = _checked_quantization(given["quantization_config"])
    return kept


@dataclass(frozen=True)
class Settings:
    """One collection's settings, complete with defaults."""

    params: Json
    hnsw: Json
    optimizers: Json
    wal: Json
    quantization: Json | None = None

    @classmethod
    def from_request(cls, body: Json) -> Settings:
        """From the body of a create request. Raises ApiError for what Qdrant would refuse, too."""
        if body.get("sparse_vectors"):
            raise wrong_input("sparse vectors are not supported here")
        params = _DEFAULT_PARAMS | _checked(body, _PARAMS, "collection")
        return cls(
            params={"vectors": _checked_vector(body.get("vectors"))} | params,
            hnsw=_DEFAULT_HNSW | _checked(body.get("hnsw_config"), _HNSW, "hnsw_config"),
            optimizers=_DEFAULT_OPTIMIZERS | _checked_optimizers(body.get("optimizers_config")),
            wal=_DEFAULT_WAL | _checked(body.get("wal_config"), _WAL, "wal_config"),
            quantization=_checked_quantization(body.get("quantization_config")),
        )

    def patched(self, body: Json) -> Settings:
        """With the fields of an update request in place of these. Raises ApiError."""
        vector = dict(self.params["vectors"])
        changes = body.get("vectors")
        if changes is not None:
            if not isinstance(changes, dict) or set(changes) - {""}:
                raise wrong_input('the only vector of this collection is unnamed; address it as ""')
            change = changes.get("") or {}
            vector |= _checked(change, {"on_disk": _FLAG}, "vectors")
            overrides = _vector_overrides(change)
            if "hnsw_config" in overrides:
                overrides["hnsw_config"] = vector.get("hnsw_config", {}) | overrides["hnsw_config"]
            vector |= overrides
        params = self.params | _checked(body.get("params"), _PARAMS, "params") | {"vectors": vector}
        quantization = self.quantization
        if body.get("quantization_config") is not None:
            quantization = _checked_quantization(body["quantization_config"])
        return replace(
            self,
            params=params,
            hnsw=self.hnsw | _checked(body.get("hnsw_config"), _HNSW, "hnsw_config"),
            optimizers=self.optimizers | _checked_optimizers(body.get("optimizers_config")),
            quantization=quantization,
        )

    def same_index(self, other: Settings) -> bool:
        """Whether an index built under the other settings is as one built under these would be."""
        return (self.params, self.hnsw, self.quantization) == (other.params, other.hnsw, other.quantization)

    @property
    def dimension(self) -> int:
        return int(self.params["vectors"]["size"])

    @property
    def vector_bytes(self) -> int:
        """The size of one stored vector."""
        return self.dimension * DATATYPES[self.params["vectors"].get("datatype", "float32")][1]

    @property
    def quantized(self) -> bool:
        return bool(self.params["vectors"].get("quantization_config", self.quantization))

    def config(self) -> Json:
        """The `config` object of Qdrant's collection info."""
        return {
            "params": self.params,
            "hnsw_config": self.hnsw,
            "optimizer_config": self.optimizers,
            "wal_config": self.wal,
            "quantization_config": self.quantization,
        }

    def to_json(self) -> Json:
        return asdict(self)

    @classmethod
    def from_json(cls, data: Json) -> Settings:
        return cls(**data)

    def for_engine(self) -> Any:
        """The engine's own configuration object, carrying everything that it can act on."""
        vector = self.params["vectors"]
        optimizers = {
            name: self.optimizers.get(name)
            for name in (
                "deleted_threshold",
                "vacuum_min_vector_number",
                "default_segment_number",
                "max_segment_size",
                "indexing_threshold",
                "prevent_unoptimized",
            )
        }
        datatype = vector.get("datatype")
        hnsw = engine.HnswIndexConfig(**self.hnsw | vector.get("hnsw_config", {}))
        return engine.EdgeConfig(
            vectors=engine.EdgeVectorParams(
                size=vector["size"],
                distance=getattr(engine.Distance, vector["distance"]),
                on_disk=vector.get("on_disk"),
                datatype=getattr(engine.VectorStorageDatatype, DATATYPES[datatype][0]) if datatype else None,
            ),
            on_disk_payload=self.params["on_disk_payload"],
            hnsw_config=hnsw,
            quantization_config=_quantizer(vector.get("quantization_config", self.quantization)),
            optimizers=engine.EdgeOptimizersConfig(**optimizers),
        )


def _quantizer(quantization: Json | None) -> Any:
    if quantization is None:
        return None
    kind, config = next(iter(quantization.items()))
    return _QUANTIZERS[kind](
        **{name: _ENUMS[name][value] if name in _ENUMS else value for name, value in config.items()}
    )
