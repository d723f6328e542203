"""KATO's options of one session, chosen by who creates it; for kato-bench by `--session KEY=VALUE`."""

from __future__ import annotations

from bench.knobs.knob import Kind, Knob, Value

_SOURCE = "KATO 3.10.1 session configuration"

#: KATO's filters of pattern candidates; the first of a pipeline has to be one that the database applies.
FILTERS = ("length", "jaccard", "minhash", "bloom", "rapidfuzz")

_OF_THE_PROCESS = "KATO stores and echoes it, but only its environment's value acts"
_NOWHERE = "KATO stores and echoes it, but nothing uses it"


def _option(
    name: str,
    kind: Kind,
    shipped: Value | None,
    *,
    low: float | None = None,
    high: float | None = None,
    choices: tuple[str, ...] = (),
    unit: str | None = None,
    dead: str | None = None,
) -> Knob:
    return Knob(
        name=f"session.{name}",
        system="session",
        kind=kind,
        home="session config",
        spelled=name,
        shipped=shipped,
        low=low,
        high=high,
        choices=choices,
        unit=unit,
        effect="live",
        acts=dead is None,
        why=dead,
        source=_SOURCE,
    )


_OBSERVING = (
    _option("process_predictions", "bool", True),
    _option("max_pattern_length", "int", 0, low=0, unit="events, 0 = learn only when asked"),
    _option("stm_mode", "enum", "CLEAR", choices=("CLEAR", "ROLLING")),
)

_PREDICTING = (
    _option("recall_threshold", "float", 0.1, low=0, high=1),
    _option("max_predictions", "int", 100, low=1, high=10_000, unit="predictions"),
    _option("use_token_matching", "bool", True),
    _option("fuzzy_token_threshold", "float", 0, low=0, high=1),
    _option("affinity_emotive", "string", None),
)

_FILTERING = (
    _option("filter_pipeline", "list", "[]", choices=FILTERS),
    _option("length_min_ratio", "float", 0.5, low=0, high=1),
    _option("length_max_ratio", "float", 2.0, low=1),
    _option("jaccard_threshold", "float", 0.3, low=0, high=1),
    _option("jaccard_min_overlap", "int", 2, low=0, unit="symbols"),
    _option("minhash_threshold", "float", 0.7, low=0, high=1),
    # The stored signatures are 20 bands of 5 rows: any other shape finds nothing.
    _option("minhash_bands", "int", 20, low=20, high=20),
    _option("minhash_rows", "int", 5, low=5, high=5),
    _option("minhash_num_hashes", "int", 100, low=100, high=100),
)

_DEAD = (
    *(_option(name, "string", None, dead=_OF_THE_PROCESS)
      for name in ("persistence", "sort_symbols", "rank_sort_algo")),
    *(_option(name, "string", None, dead=_NOWHERE)
      for name in ("indexer_type", "bloom_false_positive_rate", "max_candidates_per_stage")),
)  # fmt: skip

KNOBS = (*_OBSERVING, *_PREDICTING, *_FILTERING, *_DEAD)
