"""Qdrant: settings of the collections that KATO creates, PATCHed onto them afterwards."""

from __future__ import annotations

from bench.knobs.knob import Effect, Knob

_CREATED = (
    "KATO 3.10.1 PUT /collections/vectors_<kb>; ranges: Qdrant API, HnswConfigDiff, OptimizersConfigDiff"
)


def _setting(
    name: str,
    spelled: str,
    *,
    shipped: int,
    low: int,
    high: int | None = None,
    unit: str,
    effect: Effect = "rebuild",
) -> Knob:
    return Knob(
        name=f"qdrant.{name}",
        system="qdrant",
        kind="int",
        home="qdrant collection",
        spelled=spelled,
        shipped=shipped,
        low=low,
        high=high,
        unit=unit,
        effect=effect,
        source=_CREATED,
    )


KNOBS = (
    _setting("hnsw.m", "hnsw_config.m", shipped=16, low=0, high=1024, unit="links per point"),
    # KATO's searches name no ef: Qdrant then takes that of the construction.
    _setting(
        "hnsw.ef_construct",
        "hnsw_config.ef_construct",
        shipped=128,
        low=4,
        high=100_000,
        unit="candidates",
    ),
    _setting(
        "hnsw.full_scan_threshold",
        "hnsw_config.full_scan_threshold",
        shipped=10_000,
        low=0,
        unit="kB of vectors",
    ),
    _setting(
        "optimizers.indexing_threshold",
        "optimizers_config.indexing_threshold",
        shipped=10_000,
        low=0,
        unit="kB of vectors per segment, 0 = no index",
        effect="live",
    ),
)
