"""Qdrant: settings of the collections that KATO creates, PATCHed onto them afterwards."""

from __future__ import annotations

from bench.knobs.knob import Knob

_CREATED = "KATO 3.10.1 PUT /collections/vectors_<kb>; ranges: Qdrant API, HnswConfigDiff"

KNOBS = (
    Knob(
        name="qdrant.hnsw.m",
        system="qdrant",
        kind="int",
        home="qdrant collection",
        spelled="hnsw_config.m",
        shipped=16,
        low=0,
        high=1024,
        unit="links per point",
        effect="rebuild",
        source=_CREATED,
    ),
    Knob(
        name="qdrant.hnsw.ef_construct",
        system="qdrant",
        kind="int",
        home="qdrant collection",
        spelled="hnsw_config.ef_construct",
        shipped=128,
        low=4,
        high=100_000,
        unit="candidates",
        effect="rebuild",
        source=_CREATED,
    ),
)
