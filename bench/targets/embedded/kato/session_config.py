"""The options of one session: their defaults, and the two ways in which KATO checks them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from bench.targets.embedded.kato.domain import Config
from bench.targets.embedded.kato.settings import RANKINGS, STM_MODES, Settings

_INDEXERS = ("VI", "LSH", "ANNOY", "FAISS")
_FILTERS = ("length", "jaccard", "minhash", "bloom", "rapidfuzz")


def defaults(settings: Settings) -> Config:
    """A session's options where its creator said nothing, in the order in which KATO shows them."""
    return {
        "max_pattern_length": settings.max_pattern_length,
        "persistence": settings.persistence,
        "recall_threshold": settings.recall_threshold,
        "indexer_type": "VI",
        "max_predictions": settings.max_predictions,
        "sort_symbols": settings.sort_symbols,
        "process_predictions": settings.process_predictions,
        "use_token_matching": settings.use_token_matching,
        "stm_mode": settings.stm_mode,
        "rank_sort_algo": settings.rank_sort_algo,
        "filter_pipeline": [],
        "length_min_ratio": 0.5,
        "length_max_ratio": 2.0,
        "jaccard_threshold": 0.3,
        "jaccard_min_overlap": 2,
        "minhash_threshold": 0.7,
        "minhash_bands": 20,
        "minhash_rows": 5,
        "minhash_num_hashes": 100,
        "bloom_false_positive_rate": 0.01,
        "max_candidates_per_stage": 100000,
        "enable_filter_metrics": True,
    }


def at_creation(settings: Settings, wanted: Mapping[str, Any] | None) -> Config:
    """The options of a new session. One invalid value discards all of `wanted`, silently; unknown keys
    are ignored."""
    return {**defaults(settings), **accepted(wanted)}


def accepted(wanted: Mapping[str, Any] | None) -> Config:
    """What a new session takes of the options that its creator asks for."""
    known = {key: value for key, value in (wanted or {}).items() if key in _CHECKS and value is not None}
    return known if all(_CHECKS[key][0](value) for key, value in known.items()) else {}


def updated(config: Config, wanted: Mapping[str, Any]) -> tuple[Config, dict[str, str]]:
    """`config` changed by an update, and the message for each invalid value; if there are any, nothing
    changes. Filter options are not checked here, and an unknown `stm_mode` counts as CLEAR."""
    change = {key: value for key, value in wanted.items() if key in _CHECKS and value is not None}
    if "stm_mode" in change and change["stm_mode"] not in STM_MODES:
        change["stm_mode"] = "CLEAR"
    errors = {
        key: _CHECKS[key][1]
        for key, value in change.items()
        if key in _CHECKED_ON_UPDATE and not _CHECKS[key][0](value)
    }
    if errors:
        return config, errors
    if "use_token_matching" in change and "sort_symbols" not in change:
        change["sort_symbols"] = change["use_token_matching"]
    return {**config, **change}, {}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _number(low: float, high: float | None = None) -> tuple[Callable[[Any], bool], str]:
    def valid(value: Any) -> bool:
        return _is_number(value) and value >= low and (high is None or value <= high)

    bounds = f"between {low} and {high}" if high is not None else f"of at least {low}"
    return valid, f"Must be a number {bounds}"


def _integer(low: int, high: int | None = None) -> tuple[Callable[[Any], bool], str]:
    in_range, _ = _number(low, high)
    bounds = f"between {low} and {high}" if high is not None else f"of at least {low}"
    return lambda value: isinstance(value, int) and in_range(value), f"Must be an integer {bounds}"


def _flag() -> tuple[Callable[[Any], bool], str]:
    return lambda value: isinstance(value, bool), "Must be a boolean"


def _choice(allowed: tuple[str, ...]) -> tuple[Callable[[Any], bool], str]:
    return lambda value: value in allowed, f"Must be one of: {', '.join(allowed)}"


def _pipeline(value: Any) -> bool:
    return isinstance(value, list) and all(stage in _FILTERS for stage in value)


_CHECKS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "max_pattern_length": _integer(0),
    "persistence": _integer(1, 100),
    "recall_threshold": _number(0.0, 1.0),
    "indexer_type": _choice(_INDEXERS),
    "max_predictions": _integer(1, 10000),
    "sort_symbols": _flag(),
    "process_predictions": _flag(),
    "use_token_matching": _flag(),
    "stm_mode": _choice(STM_MODES),
    "rank_sort_algo": _choice(RANKINGS),
    "filter_pipeline": (_pipeline, f"Must be a list of: {', '.join(_FILTERS)}"),
    "length_min_ratio": _number(0.0, 1.0),
    "length_max_ratio": _number(1.0),
    "jaccard_threshold": _number(0.0, 1.0),
    "jaccard_min_overlap": _integer(0),
    "minhash_threshold": _number(0.0, 1.0),
    "minhash_bands": _integer(1),
    "minhash_rows": _integer(1),
    "minhash_num_hashes": _integer(1),
    "bloom_false_positive_rate": _number(0.0, 1.0),
    "max_candidates_per_stage": _integer(100),
    "enable_filter_metrics": _flag(),
    "fuzzy_token_threshold": _number(0.0, 1.0),
    "affinity_emotive": (lambda value: isinstance(value, str), "Must be a string"),
}

_CHECKED_ON_UPDATE = frozenset(
    {
        "recall_threshold",
        "persistence",
        "max_pattern_length",
        "max_predictions",
        "indexer_type",
        "sort_symbols",
        "process_predictions",
        "use_token_matching",
        "rank_sort_algo",
    }
)
