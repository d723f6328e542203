"""Qdrant's graphs: wide and dense enough for the recall that is wanted, and no more than that.

KATO's searches name no ef, and Qdrant then searches with `ef_construct`: that knob decides how widely a graph
is built and how widely it is searched. Nothing is said of a graph that is not there, and nothing without a
probe of recall."""

from __future__ import annotations

from advisor import words
from advisor.evidence import Evidence
from advisor.findings import Change, Finding, Prediction
from advisor.recalled import LEAST_INDEXED, Recalled, finding, low, recalled, shown, unprobed
from advisor.rules.base import rule

_M, _EF = "qdrant.hnsw.m", "qdrant.hnsw.ef_construct"
_QUANTISED = "kato.KATO_QUANTIZATION_ENABLED"
_QDRANT = "KATO 3.10 on Qdrant from 1.0"

#: What KATO asks Qdrant for (3.10.1): links per point, and candidates.
SHIPPED_M, SHIPPED_EF = 16, 128
#: What Qdrant advises for the highest precision; more links than that only cost memory.
DENSEST = 64
#: A search that gets faster by less of an observation's time than this is not worth a rebuild.
LEAST_SAVING = 0.1
#: Optimising in fewer of the samples than this is what inserting points does.
OPTIMISING_SHARE = 0.05
#: Bytes of one link in the graph's lowest layer, where a point has up to 2 m of them.
_LINK = 4

_REBUILD = "Qdrant builds the graph anew: CPU time and memory for minutes, and searches are slower meanwhile"
_VERIFY = "wait until the collection is green, then kato-bench run --scenario vectors with the same data: "


def _probed(evidence: Evidence) -> bool:
    return evidence.number(_EF) is not None and recalled(evidence) is not None


def _is_sparse(evidence: Evidence, found: Recalled) -> bool:
    """Whether links, and not the width of the search, are what is missing: no swept ef reaches the target, or
    a graph below the usual density takes more than the usual ef."""
    m = evidence.number(_M)
    if not found.sweep or not m:
        return False
    return found.enough is None or (m < SHIPPED_M and (found.enough.ef or 0) > SHIPPED_EF)


@rule(
    "hnsw.ef-too-low",
    holds_for=_QDRANT,
    precondition=_probed,
    source="KATO 3.10.1 sends no search ef, and Qdrant's hnsw_ef defaults to ef_construct; sweep of the run",
)
def ef_too_low(evidence: Evidence) -> Finding | None:
    """A search that follows too few candidates misses true neighbours: KATO then predicts from others, and
    nothing says so."""
    found, ef = recalled(evidence), evidence.number(_EF)
    if found is None or ef is None or not found.misses or _is_sparse(evidence, found):
        return None
    enough = found.enough
    if enough is None or enough.ef is None or enough.ef <= ef:
        return None
    return Finding(
        "hnsw.ef-too-low",
        "warning" if found.stated else "advice",
        "Searches are too narrow for the recall wanted",
        f"{found.told}. KATO's searches follow {ef:.0f} candidates (ef_construct); with {enough.ef} of them "
        f"the same graph finds {shown(enough.recall)}.",
        found.numbers | {"ef_construct": ef, "ef_needed": enough.ef},
        (
            Change(
                _EF,
                int(ef),
                enough.ef,
                purpose=found.purpose,
                risk=f"{_REBUILD}; a search itself took {words.seconds(enough.seconds_p50)} at that width, "
                f"not {words.seconds(found.now.seconds_p50)}.",
                verify=f"{_VERIFY}{found.metric} is at least {low(enough):.3f}.",
                predicted=(found.at_least(enough, "a graph built with a larger ef_construct is no worse"),),
                effect=lambda after: finding(after, enough.recall),
            ),
        ),
    )


@rule(
    "hnsw.m-too-low",
    holds_for=_QDRANT,
    precondition=_probed,
    source="Malkov and Yashunin 2018, 4.1: M sets the recall that a wide search can reach; sweep of the run",
)
def m_too_low(evidence: Evidence) -> Finding | None:
    """With too few links parts of a graph are out of reach of each other: no search is wide enough then."""
    found, m, ef = recalled(evidence), evidence.number(_M), evidence.number(_EF)
    if found is None or m is None or ef is None or not found.misses or not _is_sparse(evidence, found):
        return None
    wished = {_M: (m, min(DENSEST, max(SHIPPED_M, 2 * m))), _EF: (ef, max(SHIPPED_EF, ef))}
    widest = found.sweep[-1]
    sure = max((one for one in found.sweep if (one.ef or 0) <= wished[_EF][1]), key=low, default=found.now)
    predicted = (found.at_least(sure, "a graph with more links, built more widely, is no worse"),)
    links = words.size(2 * _LINK * (wished[_M][1] - m))
    risks = {
        _M: f"{_REBUILD}; the links of each vector take about {links} more of memory.",
        _EF: f"{_REBUILD}; searches follow more candidates and take longer.",
    }
    return Finding(
        "hnsw.m-too-low",
        "warning" if found.stated else "advice",
        "The graph has too few links for the recall wanted",
        f"{found.told}. With {m:.0f} links a point (m) even a search that follows {widest.ef} candidates "
        f"finds {shown(widest.recall)}.",
        found.numbers
        | {"m": m, "ef_construct": ef, "widest_ef": widest.ef, "recall_at_widest_ef": widest.recall.value},
        tuple(
            Change(
                knob,
                int(old),
                int(new),
                purpose=found.purpose,
                risk=risks[knob],
                verify=f"{_VERIFY}{found.metric} is at least {low(sure):.3f}; if it still is below "
                f"{found.target:.3g}, the sweep of that run says what is missing.",
                predicted=predicted,
                effect=unprobed,
            )
            for knob, (old, new) in wished.items()
            if new > old
        ),
    )


@rule(
    "hnsw.ef-needlessly-high",
    holds_for=_QDRANT,
    precondition=_probed,
    source="Qdrant: hnsw_ef defaults to ef_construct, and search time grows with it; sweep of the run",
)
def ef_needlessly_high(evidence: Evidence) -> Finding | None:
    """A search that goes on long after it has found everything takes time in each observation with a
    vector."""
    found, ef = recalled(evidence), evidence.number(_EF)
    observe = evidence.counts.service_p50.get("observe")
    if found is None or ef is None or observe is None or low(found.now) < found.target:
        return None
    if found.enough is None or found.enough.ef is None:
        return None
    # A graph that is built less widely is worse: half the new width has to be enough on the present one.
    enough, new = found.enough, max(SHIPPED_EF, 2 * found.enough.ef)
    then = next((one for one in found.sweep if (one.ef or 0) >= new), None)
    if new >= ef or then is None or found.now.seconds_p50 - then.seconds_p50 < LEAST_SAVING * observe:
        return None
    return Finding(
        "hnsw.ef-needlessly-high",
        "advice",
        "Searches are wider than the recall wanted needs",
        f"{found.told}, for which {enough.ef} candidates are enough. With {ef:.0f} (ef_construct) a search "
        f"takes {words.seconds(found.now.seconds_p50)}, with {then.ef} {words.seconds(then.seconds_p50)}; an "
        f"observation takes {words.seconds(observe)} in all.",
        found.numbers | {"ef_construct": ef, "ef_needed": enough.ef, "search_seconds": found.now.seconds_p50},
        (
            Change(
                _EF,
                int(ef),
                new,
                purpose="cost",
                risk=f"{_REBUILD}; a graph built less widely finds a little less, for which the new value is "
                "twice what is enough on the present graph.",
                verify=f"{_VERIFY}{found.metric} is at least {found.target:.3g}, and observe is faster.",
                predicted=(
                    found.at_least(
                        enough, "the new searches are twice as wide, on a graph built less widely"
                    ),
                    Prediction(
                        "search p50",
                        "s",
                        "at_most",
                        f"searches with ef {then.ef} in this run, and a fifth for chance",
                        now=found.now.seconds_p50,
                        high=1.2 * then.seconds_p50,
                    ),
                ),
                effect=lambda after: finding(after, then.recall),
            ),
        ),
    )


@rule(
    "hnsw.quantisation-costs-recall",
    holds_for=_QDRANT,
    precondition=lambda evidence: recalled(evidence) is not None,
    source="Qdrant, quantization: quantised vectors are compared first; recall with and without, of the run",
)
def quantisation_costs_recall(evidence: Evidence) -> Finding | None:
    """Quantised vectors are compared roughly: what they save in memory they may cost in neighbours."""
    found = recalled(evidence)
    if found is None or not found.misses or found.plain is None:
        return None
    plain, enabled = found.plain, evidence.knobs.get(_QUANTISED)
    if low(plain) <= (found.now.recall.high or 1.0):
        return None
    change = Change(
        _QUANTISED,
        enabled,
        False,
        purpose=found.purpose,
        risk="Vectors take four times the memory or more; it acts on new collections only, so that the "
        "vectors have to be learned again.",
        verify=f"kato-bench run --scenario vectors with the same data: {found.metric} is at least "
        f"{low(plain):.3f}.",
        predicted=(found.at_least(plain, "without quantisation all searches are of the original vectors"),),
        effect=lambda after: finding(after, plain.recall),
    )
    return Finding(
        "hnsw.quantisation-costs-recall",
        "warning" if found.stated else "advice",
        "Quantisation costs recall",
        f"{found.told}. The same searches of the original vectors find {shown(plain.recall)}.",
        found.numbers | {"recall_without_quantisation": plain.recall.value, "quantised": enabled},
        (change,) if enabled is True else (),
    )


@rule(
    "hnsw.not-in-use",
    holds_for=_QDRANT,
    precondition=lambda evidence: any(one.points for one in evidence.qdrant.collections),
    source="Qdrant: segments below indexing_threshold or full_scan_threshold (kB of vectors) are scanned",
)
def not_in_use(evidence: Evidence) -> Finding | None:
    """Below Qdrant's thresholds every vector is compared: recall is complete, and m and ef change nothing."""
    scanned = [
        one
        for one in evidence.qdrant.collections
        if one.points and one.indexed is not None and one.indexed < LEAST_INDEXED * one.points
    ]
    if not scanned:
        return None
    largest = max(scanned, key=lambda one: one.points)
    threshold = evidence.number("qdrant.optimizers.indexing_threshold")
    below = "" if threshold is None else f" (a segment of {threshold:.0f} kB of vectors gets one)"
    number = "1 collection has" if len(scanned) == 1 else f"{len(scanned)} collections have"
    return Finding(
        "hnsw.not-in-use",
        "info",
        "Vectors are scanned, not searched by a graph",
        f"{number} no graph to speak of{below}: {words.count(largest.indexed or 0)} of the largest one's "
        f"{words.count(largest.points)} vectors are indexed. There m and ef_construct change nothing.",
        {
            "collections": len(scanned),
            "points": largest.points,
            "indexed_vectors": largest.indexed,
            "indexing_threshold_kb": threshold,
        },
    )


@rule(
    "hnsw.optimising",
    holds_for=_QDRANT,
    precondition=lambda evidence: evidence.qdrant.optimising is not None,
    source="Qdrant: a collection whose optimisers run is yellow; KATO does not wait for them",
)
def optimising(evidence: Evidence) -> Finding | None:
    """While Qdrant rebuilds, searches share the CPU with it and scan what is not indexed yet: times and
    recall of such a run are not those of the settled collection."""
    share = evidence.qdrant.optimising or 0.0
    if share <= OPTIMISING_SHARE:
        return None
    return Finding(
        "hnsw.optimising",
        "info",
        "Qdrant was still optimising",
        f"In {words.percent(share)} of the samples Qdrant was rebuilding a collection: the times of "
        "observations with vectors belong to that state. Measure again when its collections are green.",
        {"optimising_share": share},
    )
