"""Qdrant's HNSW graph: whether KATO's searches find what they should, and which setting keeps them from it.

KATO's searches name no ef, so Qdrant takes the collection's ef_construct: that one knob decides how the
graph is built and how long it is searched."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from advisor.evidence import Evidence
from advisor.findings import Change, Finding, Prediction, Scalar, Severity
from advisor.rules.base import known, rule
from advisor.sweep import Curve, Reached, Sweep, searched_with, sweep_of, with_recall
from bench import words

_HOLDS_FOR = "KATO 3.10 on Qdrant from 1.0"

_EF, _M = "qdrant.hnsw.ef_construct", "qdrant.hnsw.m"
_QUANTISED = "kato.KATO_QUANTIZATION_ENABLED"

#: Beyond these more links are the cheaper way to the same recall: Qdrant's guide sweeps ef up to 512, and a
#: search that takes ten times as long, and more than some milliseconds, is felt.
MOST_EF, SLOWER, FELT_SECONDS = 512, 10.0, 0.010
#: Qdrant's guides name 64 links for the highest precision; 16 and 128 are what KATO creates.
MOST_M, USUAL_M, USUAL_EF = 64, 16, 128
#: Recall that is not worth another doubling of ef.
FLAT, _ROUNDING = 0.005, 1e-9
#: A smaller ef must spare so much of a search, and be no smaller than Qdrant's guide goes.
FASTER, SPARED_SECONDS, LEAST_EF = 1.5, 0.001, 32
#: A search's time at one ef on another graph: its points have other numbers of links.
_TIME_FACTOR = 2.0
_LINK_BYTES = 4


def _in_proportion(sweep: Sweep) -> list[Reached]:
    slowest = max(SLOWER * sweep.asked.seconds, FELT_SECONDS)
    return [point for point in sweep.points if (point.ef or 0) <= MOST_EF and point.seconds <= slowest]


def _flattens(points: list[Reached]) -> Reached | None:
    """The smallest ef beyond which recall hardly rises."""
    best = max((point.reserve for point in points), default=0.0)
    return next((point for point in points if best - point.reserve <= FLAT + _ROUNDING), None)


def _reaching(sweep: Sweep, present: float) -> Reached | None:
    """The smallest ef above the present one that surely meets every target. Where the queries are too few
    for that, the one beyond which the recall of those that probably do hardly rises."""
    wider = [point for point in _in_proportion(sweep) if (point.ef or 0) > present]
    sure = (point for point in wider if point.surely_met)
    return next(sure, None) or _flattens([point for point in wider if point.met])


def _severity(sweep: Sweep) -> Severity:
    """A warning where an objective of the user is missed beyond doubt."""
    beyond_doubt = any(curve.asked.high < curve.asked.target for curve in sweep.curves)
    return "warning" if sweep.stated and beyond_doubt else "advice"


def _wanted(sweep: Sweep) -> str:
    return f"{sweep.target:g} {'wanted' if sweep.stated else 'that is usual'}"


def _numbers(sweep: Sweep, evidence: Evidence, **more: Scalar) -> dict[str, Scalar]:
    return {
        "k": sweep.asked.k,
        "target": sweep.target,
        "recall": sweep.asked.value,
        "recall_low": sweep.asked.low,
        "recall_high": sweep.asked.high,
        "search_p50": sweep.asked.seconds,
        "queries": sweep.asked.queries,
        "vectors": sweep.vectors,
        "dimension": sweep.dimension,
        "m": evidence.number(_M),
        "ef_construct": evidence.number(_EF),
        **more,
    }


def _recall(sweep: Sweep, low: Callable[[Curve], float], model: str) -> tuple[Prediction, ...]:
    """Of every objective."""
    return tuple(
        Prediction(curve.asked.metric, "1", "at_least", model, now=curve.asked.value, low=low(curve))
        for curve in sweep.curves
    )


def _reaching_again(sweep: Sweep, low: Callable[[Curve], float]) -> str:
    return " and ".join(f"{curve.asked.metric} reaches {low(curve):.3f}" for curve in sweep.curves)


def _named(sweep: Sweep, point: Reached) -> str:
    """Recall as sentences tell it: of which objective, where there are several."""
    return f"{point.metric} {point}" if len(sweep.curves) > 1 else str(point)


def _search(sweep: Sweep, low: float, high: float, model: str) -> Prediction:
    return Prediction("search_p50", "s", "interval", model, now=sweep.asked.seconds, low=low, high=high)


def _is_too_low(evidence: Evidence) -> bool:
    sweep = sweep_of(evidence)
    return sweep is not None and sweep.missed


@rule(
    "hnsw.ef-too-low",
    holds_for=_HOLDS_FOR,
    precondition=lambda evidence: known(_EF)(evidence) and _is_too_low(evidence),
    source="KATO 3.10.1 searches without params; Qdrant: hnsw_ef defaults to ef_construct",
)
def ef_too_low(evidence: Evidence) -> Finding | None:
    """A search keeps ef candidates while it walks the graph; with too few it ends before it has met the
    nearest vectors, and KATO compares an observation with the wrong ones."""
    sweep, present = sweep_of(evidence), evidence.number(_EF)
    if sweep is None or present is None:
        return None
    found = _reaching(sweep, present)
    if found is None or found.ef is None:
        return None
    new, asked = found.ef, sweep.asked

    def lowest(curve: Curve) -> float:
        return curve.lower_bound(new)

    sentence = (
        f"As KATO searches, {asked.metric} is {asked}, below the {_wanted(sweep)}. With ef {new} it is "
        f"{sweep.alike(asked, new)} on the same graph, in {words.seconds(found.seconds)} a search after "
        f"{words.seconds(asked.seconds)}."
    )
    if not found.surely_met:
        sentence += f" {words.count(found.queries)} queries are too few to be sure of {found.target:g}."
    return Finding(
        "hnsw.ef-too-low",
        _severity(sweep),
        "Searches miss near vectors: ef is too low",
        sentence,
        _numbers(sweep, evidence, ef=new, recall_at_ef=found.value, recall_low_at_ef=found.low,
                 search_p50_at_ef=found.seconds),
        (
            Change(
                _EF,
                int(present),
                new,
                purpose="objective",
                risk="The graph of every collection is built anew, which takes CPU time and, until it is "
                "done, memory and disk for two; each search takes longer.",
                verify=f"run the same scenario again: {_reaching_again(sweep, lowest)}.",
                predicted=(
                    *_recall(
                        sweep, lowest,
                        f"lower bound of what ef {new} reached on the present graph; one that is built "
                        "with a larger ef_construct is no worse",
                    ),
                    _search(
                        sweep, found.seconds / _TIME_FACTOR, found.seconds * _TIME_FACTOR,
                        f"median at ef {new} on the present graph; half to twice that, as the points of a "
                        "new graph have other numbers of links",
                    ),
                ),
                effect=lambda after: searched_with(after, new),
            ),
        ),
    )  # fmt: skip


@rule(
    "hnsw.m-too-low",
    holds_for=_HOLDS_FOR,
    precondition=lambda evidence: known(_EF, _M)(evidence) and _is_too_low(evidence),
    source="Malkov and Yashunin 2018, section 4.1; Qdrant guide, optimize: m 64, ef_construct 512 at most",
)
def m_too_low(evidence: Evidence) -> Finding | None:
    """With too few links a point can hardly be reached from afar: parts of the graph stay out of every
    search, however many candidates it keeps."""
    sweep, ef, m = sweep_of(evidence), evidence.number(_EF), evidence.number(_M)
    if sweep is None or ef is None or m is None or _quantisation_costs(evidence) is not None:
        return None
    widest_ef = max([ef, *(point.ef or 0 for point in sweep.points)])
    if _reaching(sweep, ef) is not None or widest_ef < USUAL_EF:
        return None  # A larger ef does it, or it is not known what one does.
    flat = _flattens(_in_proportion(sweep))
    new_m = max(int(m), min(MOST_M, max(USUAL_M, 2 * int(m))))
    new_ef = max(USUAL_EF, int(ef))
    if new_m == int(m) and flat is not None and flat.ef is not None:
        # No links are left to add; else a denser graph needs a smaller ef, which its own sweep tells.
        new_ef = max(new_ef, flat.ef)
    widest = max((sweep.asked, *sweep.points), key=lambda point: point.value - point.target)
    return Finding(
        "hnsw.m-too-low",
        _severity(sweep),
        "Searches miss near vectors: the graph is too thin",
        f"As KATO searches, {sweep.asked.metric} is {sweep.asked}, below the {_wanted(sweep)}, and no ef "
        f"that is in proportion reaches that: the best is {_named(sweep, widest)}"
        + (f" at ef {widest.ef}" if widest.ef is not None else "")
        + f". The graph has m {int(m)} and was built with ef_construct {int(ef)}"
        + ("." if (new_m, new_ef) != (m, ef) else ": no setting of it is left that is known to help."),
        _numbers(sweep, evidence, best_recall=widest.value, best_ef=widest.ef),
        _denser(evidence, sweep, (int(m), new_m), (int(ef), new_ef)),
    )


def _denser(evidence: Evidence, sweep: Sweep, m: tuple[int, int], ef: tuple[int, int]) -> tuple[Change, ...]:
    """More links, and a wider build and search; each as far as it changes anything."""
    links = sweep.vectors * 2 * (m[1] - m[0]) * _LINK_BYTES
    denser = m[1] / max(1, m[0])
    narrower = [point for point in sweep.points if (point.ef or 0) <= ef[1]]
    nearest = narrower[-1] if narrower else sweep.asked
    longer = ef[1] / (nearest.ef or ef[0])
    verify = f"run the same scenario again: {_reaching_again(sweep, lambda curve: curve.asked.target)}."

    def best(curve: Curve) -> float:
        return max(point.low for point in (curve.asked, *curve.points) if (point.ef or 0) <= ef[1])

    changes = (
        Change(
            _M, *m,
            purpose="objective",
            risk="The graph of every collection is built anew and takes about "
            f"{words.size(links)} more memory; each search compares more vectors.",
            verify=verify,
            predicted=(
                *_recall(
                    sweep, lambda curve: curve.asked.low, "what the same ef reached with fewer links"
                ),
                _search(
                    sweep, sweep.asked.seconds / _TIME_FACTOR, sweep.asked.seconds * _TIME_FACTOR * denser,
                    f"each step compares up to {denser:g} times as many vectors; ef as it is",
                ),
            ),
            effect=_unknown,
        ),
        Change(
            _EF, *ef,
            purpose="objective",
            risk="The graph of every collection is built anew, with more CPU time for each vector, and each "
            "search takes longer.",
            verify=verify,
            predicted=(
                *_recall(
                    sweep, best,
                    "lower bound of what the nearest smaller ef reached on the present graph; more links and "
                    "a wider build only add to it",
                ),
                _search(
                    sweep,
                    nearest.seconds / _TIME_FACTOR,
                    nearest.seconds * _TIME_FACTOR * denser * longer,
                    "median at the nearest smaller ef; at most in proportion to ef and to m, and twice that",
                ),
            ),
            effect=_unknown,
        ),
    )  # fmt: skip
    return tuple(change for change in changes if change.new != change.old)


def _unknown(after: Evidence) -> Evidence:
    """How a graph that is to be built will do is unknown until it is measured."""
    return with_recall(after, ())


@rule(
    "hnsw.ef-needlessly-high",
    holds_for=_HOLDS_FOR,
    precondition=known(_EF, _M),
    source="KATO 3.10.1 searches without params; Qdrant guide, optimize: ef from 32 to 512",
)
def ef_needlessly_high(evidence: Evidence) -> Finding | None:
    """A search's time grows with ef, while its recall ends at 1."""
    sweep, present, m = sweep_of(evidence), evidence.number(_EF), evidence.number(_M)
    if sweep is None or present is None or m is None:
        return None
    if not (sweep.complete and sweep.asked.surely_met):
        return None
    # KATO's way is asked first, on cold caches; a search with a larger ef does no less.
    now = min([sweep.asked.seconds, *(one.seconds for one in sweep.points if (one.ef or 0) >= present)])
    smaller = (
        point
        for point in sweep.points
        if max(LEAST_EF, 2 * m) <= (point.ef or 0) <= present / 2
        and all(_is_ample(curve.at(point.ef)) for curve in sweep.curves)
        and now >= FASTER * point.seconds
        and now - point.seconds >= SPARED_SECONDS
    )
    found = next(smaller, None)
    if found is None or found.ef is None:
        return None
    new = found.ef
    sentence = (
        f"As KATO searches, {sweep.asked.metric} is {sweep.asked} in {words.seconds(now)} a search; with ef "
        f"{new} it is {sweep.alike(sweep.asked, new)} in {words.seconds(found.seconds)}."
    )
    change = Change(
        _EF,
        int(present),
        new,
        purpose="cost",
        risk="ef_construct also builds the graph: with a smaller one it is built anew and gets worse, and "
        "how much is only known once it is measured.",
        verify=f"run the same scenario again: {_reaching_again(sweep, lambda curve: curve.asked.target)}.",
        predicted=(
            *_recall(
                sweep, lambda curve: curve.asked.target,
                f"{_named(sweep, found)} at ef {new} on the present graph; what this lies above the target "
                "is margin for a graph that is built less carefully",
            ),
            _search(
                sweep, found.seconds / _TIME_FACTOR, max(now, found.seconds),
                f"median at ef {new} on the present graph, and no slower than now",
            ),
        ),
        effect=lambda after: searched_with(after, new),
    )  # fmt: skip
    return Finding(
        "hnsw.ef-needlessly-high",
        "info",
        "Searches take longer than their recall needs",
        sentence
        if sweep.stated
        else f"{sentence} Whether that is enough, an objective such as {sweep.asked.metric} >= "
        f"{sweep.target:g} would say.",
        _numbers(sweep, evidence, ef=new, recall_low_at_ef=found.low, search_p50_at_ef=found.seconds),
        (change,) if sweep.stated else (),
    )


def _is_ample(point: Reached | None) -> bool:
    """A graph that is built with a smaller ef_construct is a little worse: half of what is left up to 1 is
    kept for that."""
    return point is not None and point.low >= (1 + point.target) / 2


def _quantisation_costs(evidence: Evidence) -> tuple[Sweep, Sweep] | None:
    """The searches as KATO makes them and those on the original vectors, if these find clearly more."""
    quantised, originals = sweep_of(evidence), sweep_of(evidence, originals=True)
    if quantised is None or originals is None:
        return None
    better = originals.alike(quantised.asked, None)
    return (quantised, originals) if better is not None and better.low > quantised.asked.high else None


@rule(
    "hnsw.quantisation-costs-recall",
    holds_for=_HOLDS_FOR,
    precondition=lambda evidence: any(probe.quantisation_ignored for probe in evidence.qdrant.recall),
    source="Qdrant: quantization.ignore; KATO 3.10.1 searches quantised vectors without oversampling",
)
def quantisation_costs_recall(evidence: Evidence) -> Finding | None:
    """Quantised vectors take a fraction of the memory and differ a little from the original ones, and so
    does which of them is near; KATO does not have Qdrant check its candidates against the originals."""
    both = _quantisation_costs(evidence)
    if both is None:
        return None
    sweep, originals = both[0], both[1].alike(both[0].asked, None) or both[1].asked
    sentence = (
        f"As KATO searches, {sweep.asked.metric} is {sweep.asked}; on the original vectors it is "
        f"{originals}. The originals take {words.size(sweep.vector_bytes)} of memory."
    )
    numbers = _numbers(
        sweep, evidence, recall_of_originals=originals.value, search_p50_of_originals=originals.seconds,
        vector_bytes=sweep.vector_bytes,
    )  # fmt: skip
    title = "Quantisation costs recall"
    if not sweep.missed:
        return Finding("hnsw.quantisation-costs-recall", "info", title, sentence, numbers)
    # A larger ef is the cheaper way where it leads there: `hnsw.ef-too-low` says so.
    present = evidence.number(_EF)
    spared = present is not None and _reaching(sweep, present) is not None
    return Finding(
        "hnsw.quantisation-costs-recall",
        _severity(sweep),
        title,
        f"{sentence} {sweep.target:g} {'is wanted' if sweep.stated else 'is usual'}.",
        numbers,
        () if spared or evidence.knobs.get(_QUANTISED) is not True else (_keep_originals(sweep, both[1]),),
    )


def _keep_originals(sweep: Sweep, originals: Sweep) -> Change:
    def lowest(curve: Curve) -> float:
        same = originals.alike(curve.asked, None)
        return same.low if same is not None else 0.0

    seconds = originals.asked.seconds
    return Change(
        _QUANTISED,
        True,
        False,
        purpose="objective",
        risk=f"The vectors then take {words.size(sweep.vector_bytes)} of memory; only collections that KATO "
        "creates afterwards are without quantisation, those that exist must be made anew.",
        verify=f"run the same scenario on a fresh deployment: {_reaching_again(sweep, lowest)}.",
        predicted=(
            *_recall(
                sweep, lowest,
                "lower bound of the same searches on the original vectors, through the present graph",
            ),
            _search(
                sweep, seconds / _TIME_FACTOR, seconds * _TIME_FACTOR,
                "median of the same searches on the original vectors, which may lie elsewhere in memory",
            ),
        ),
        effect=lambda after: with_recall(
            after,
            (
                replace(probe, quantisation_ignored=False)
                for probe in after.qdrant.recall
                if probe.quantisation_ignored
            ),
        ),
    )  # fmt: skip
