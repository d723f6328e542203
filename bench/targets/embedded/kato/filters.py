"""A session's filter pipeline: which patterns of a node are looked at for a prediction. Pure.

As with KATO, a pipeline has to begin in the pattern store: one that begins with a stage of the API's own
finds nothing. Options of stages are not checked when a session is configured; a stage that cannot use them
lets nothing pass where it comes first, and is left out where it comes later.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench.targets.embedded.kato import minhash
from bench.targets.embedded.kato.domain import Config

log = logging.getLogger("kato.filters")

_STORED_SHAPE = (minhash.BANDS, minhash.ROWS, minhash.HASHES)
_LARGEST_UINT32 = 2**32 - 1


@dataclass(frozen=True, slots=True)
class Filter:
    """A condition that patterns must meet in the store: SQL and the parameters it names."""

    sql: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Stage:
    """One step of a pipeline. `condition` is checked by the store; None is work of the API itself."""

    name: str
    condition: Filter | None


@dataclass(frozen=True, slots=True)
class Pipeline:
    """`stages` in their order; none lets every pattern pass."""

    stages: tuple[Stage, ...] = ()
    warn_above: int | None = None
    """Candidates left by a stage that are worth a warning in the log; nothing is cut off."""
    counts_logged: bool = False


EVERYTHING = Pipeline()


def pipeline_of(config: Config, state: Sequence[str], counts_logged: bool) -> Pipeline | None:
    """The pipeline that `config` asks for, for an STM of these symbols. None lets nothing pass."""
    names = config["filter_pipeline"]
    if not isinstance(names, list) or not names:
        return EVERYTHING
    first = _stage(names[0], config, state)
    if first is None or first.condition is None:
        log.error("the filter pipeline %s does not begin in the pattern store: nothing passes", names)
        return None
    later = (_stage(name, config, state) for name in names[1:])
    limit = config["max_candidates_per_stage"]
    return Pipeline(
        stages=(first, *(stage for stage in later if stage is not None)),
        warn_above=limit if isinstance(limit, int) else None,
        counts_logged=counts_logged,
    )


def starts_with(symbol: str) -> Filter:
    return Filter("first_token = {first:String}", {"first": symbol})


def named(names: Sequence[str]) -> Filter:
    return Filter("name IN {names:Array(String)}", {"names": list(names)})


def length_filter(tokens: Sequence[str], config: Config) -> Filter:
    """Patterns whose length lies between two multiples of the query's."""
    shortest = math.floor(len(tokens) * (config["length_min_ratio"] or 0.5))
    longest = math.ceil(len(tokens) * (config["length_max_ratio"] or 2.0))
    return Filter(
        "length BETWEEN {shortest:UInt32} AND {longest:UInt32}",
        {"shortest": _uint32(shortest), "longest": _uint32(longest)},
    )


def jaccard_filter(tokens: Sequence[str], config: Config) -> Filter:
    """Patterns that share enough tokens with the query, in number and by the Jaccard index."""
    distinct = sorted(set(tokens))
    shared = "length(arrayIntersect(token_set, {tokens:Array(String)}))"
    return Filter(
        f"{shared} >= {{overlap:UInt32}} AND {shared} >= {{jaccard:Float64}}"
        f" * (token_count + {{distinct:UInt32}} - {shared})",
        {
            "tokens": distinct,
            "overlap": _uint32(int(config["jaccard_min_overlap"] or 2)),
            "jaccard": float(config["jaccard_threshold"] or 0.3),
            "distinct": len(distinct),
        },
    )


def minhash_filter(tokens: Sequence[str], config: Config) -> Filter:
    """Patterns that share an LSH band with the query, and whose estimated Jaccard index is high enough.

    The stored bands are of one shape; bands of any other have nothing in common with them."""
    shape = (config["minhash_bands"], config["minhash_rows"], config["minhash_num_hashes"])
    minima = minhash.signature(set(tokens))
    agreeing = "arraySum(arrayMap((x, y) -> x = y, minhash_sig, {minima:Array(UInt32)}))"
    return Filter(
        "hasAny(lsh_bands, {bands:Array(UInt64)})"
        f" AND {agreeing} >= {{minhash:Float64}} * {minhash.HASHES}",
        {
            "bands": minhash.bands(minima) if shape == _STORED_SHAPE else [],
            "minima": minima,
            "minhash": float(config["minhash_threshold"] or 0.7),
        },
    )


_IN_STORE: dict[str, Callable[[Sequence[str], Config], Filter]] = {
    "length": length_filter,
    "jaccard": jaccard_filter,
    "minhash": minhash_filter,
}


def _stage(name: Any, config: Config, state: Sequence[str]) -> Stage | None:
    if not isinstance(name, str):
        return None
    build = _IN_STORE.get(name)
    if build is None:
        return Stage(name, None)
    try:
        return Stage(name, build(state, config))
    except (TypeError, ValueError, OverflowError) as error:
        log.error("the filter %s cannot use its options: %s", name, error)
        return None


def _uint32(number: int) -> int:
    return max(0, min(_LARGEST_UINT32, number))
