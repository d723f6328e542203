"""The vectors of a collection: one without a name, or several named ones, each with its own size.

Kept in the form in which Qdrant shows them: the parameters themselves where the vector has no name, else
parameters by name. To the engine a vector without a name is one whose name is empty."""

from __future__ import annotations

from typing import Any

import qdrant_edge as engine

from .errors import malformed, wrong_input
from .quantization import MEMORY, MEMORY_RULE, checked_quantization, engine_quantization
from .rules import COUNT, FLAG, Json, Rule, checked

#: The name that stands for the only vector of a collection without names.
UNNAMED = ""

DISTANCES = ("Cosine", "Euclid", "Dot", "Manhattan")
MAX_DIMENSION = 65536

#: The engine's name and the bytes of one component.
_DATATYPES = {"float32": ("Float32", 4), "float16": ("Float16", 2), "uint8": ("Uint8", 1)}

HNSW = {
    "m": Rule(int, 0, 10_000),
    "ef_construct": Rule(int, 4),
    "full_scan_threshold": COUNT,
    "max_indexing_threads": COUNT,
    "on_disk": FLAG,
    "memory": MEMORY_RULE,
    "payload_m": COUNT,
    "inline_storage": FLAG,
}
_PLACE = {"on_disk": FLAG, "memory": MEMORY_RULE}
_VECTOR = {
    "size": Rule(int, 1, MAX_DIMENSION),
    "distance": Rule(str, choices=DISTANCES),
    "datatype": Rule(str, choices=tuple(_DATATYPES)),
} | _PLACE


def checked_vectors(given: object) -> Json:
    """The `vectors` of a create request. Raises ApiError for what Qdrant would refuse, too."""
    if not isinstance(given, dict):
        raise malformed("missing field `vectors`")
    if given and all(isinstance(value, dict) for value in given.values()):
        return {name: _checked_vector(value, f"vectors.{name}") for name, value in given.items()}
    return _checked_vector(given, "vectors")


def _checked_vector(given: Json, where: str) -> Json:
    if given.get("multivector_config") is not None:
        raise wrong_input("multivectors are not supported here")
    kept = checked(given, _VECTOR, where)
    for required in ("size", "distance"):
        if required not in kept:
            raise malformed(f"{where}: missing field `{required}`")
    return kept | _overrides(given, where)


def _overrides(given: Json, where: str) -> Json:
    """The index and quantization settings of one vector, which win over the collection's."""
    kept: Json = {}
    if given.get("hnsw_config") is not None:
        kept["hnsw_config"] = checked(given["hnsw_config"], HNSW, f"{where}.hnsw_config")
    if given.get("quantization_config") is not None:
        kept["quantization_config"] = checked_quantization(given["quantization_config"])
    return kept


def by_name(vectors: Json) -> dict[str, Json]:
    """The parameters of each vector; the name of the only one may be empty."""
    return {UNNAMED: vectors} if _is_one(vectors) else vectors


def _is_one(vectors: Json) -> bool:
    # A vector may be named `size`.
    return isinstance(vectors.get("size"), int)


def patched_vectors(vectors: Json, changes: object) -> Json:
    """With the fields of an update request in place. Raises ApiError."""
    if changes is None:
        return vectors
    if not isinstance(changes, dict):
        raise malformed("vectors: expected an object")
    patched = dict(by_name(vectors))
    for name, change in changes.items():
        if name not in patched:
            raise wrong_input(f"Not existing vector name error: {name}")
        patched[name] = _patched_vector(patched[name], change or {}, f"vectors.{name}")
    return patched[UNNAMED] if _is_one(vectors) else patched


def _patched_vector(vector: Json, change: Json, where: str) -> Json:
    patched = vector | checked(change, _PLACE, where)
    overrides = _overrides(change, where)
    if "hnsw_config" in overrides:
        overrides["hnsw_config"] = vector.get("hnsw_config", {}) | overrides["hnsw_config"]
    patched |= overrides
    if patched.get("quantization_config", ...) is None:
        del patched["quantization_config"]
    return patched


def vector_bytes(vector: Json) -> int:
    """The size of one stored vector."""
    return int(vector["size"]) * _DATATYPES[vector.get("datatype", "float32")][1]


def engine_hnsw(hnsw: Json) -> Any:
    fields = dict(hnsw)
    if "memory" in fields:
        fields["memory"] = MEMORY[fields["memory"]]
    return engine.HnswIndexConfig(**fields)


def engine_vector(vector: Json, hnsw: Json) -> Any:
    """The engine's parameters of one vector. `hnsw` is complete: the collection's."""
    datatype, memory, index = (vector.get(field) for field in ("datatype", "memory", "hnsw_config"))
    return engine.EdgeVectorParams(
        size=vector["size"],
        distance=getattr(engine.Distance, vector["distance"]),
        on_disk=vector.get("on_disk"),
        memory=MEMORY[memory] if memory else None,
        datatype=getattr(engine.VectorStorageDatatype, _DATATYPES[datatype][0]) if datatype else None,
        hnsw_config=engine_hnsw(hnsw | index) if index else None,
        quantization_config=engine_quantization(vector.get("quantization_config")),
    )
