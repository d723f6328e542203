"""How many of the true nearest vectors a collection's searches find, by the width of the search."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.record.recall import RecallProbe, recall_of

if TYPE_CHECKING:
    from bench.record.reader import RunRecord


@dataclass(frozen=True)
class RecallCurve:
    """Of one collection and k. `swept`: searches with an ef, by rising ef. `as_asked`: the search as KATO
    asks it, without one; it stands at `built_with`, the collection's ef_construct, which Qdrant then takes.
    `unquantised`: the same searches on the original vectors, where there are quantised ones. `target`: the
    least recall that an objective asks for. `indexed`: vectors in the HNSW graph, None = unknown; without a
    graph every vector is compared."""

    collection: str
    points: int
    dimension: int
    k: int
    swept: list[RecallProbe]
    as_asked: RecallProbe | None
    unquantised: list[RecallProbe]
    built_with: float | None = None
    target: float | None = None
    indexed: int | None = None


def recall_curves(record: RunRecord) -> list[RecallCurve]:
    """One for each collection and k that the run probed, in the order of the probes."""
    probes = recall_of(record)
    built_with = _number(record, "qdrant.hnsw.ef_construct")
    targets = targets_of(record.manifest.plan.objectives)
    groups: dict[tuple[str, int], list[RecallProbe]] = {}
    for probe in probes:
        groups.setdefault((probe.collection, probe.k), []).append(probe)
    found = []
    for (collection, k), mine in groups.items():
        plain = [one for one in mine if not one.quantisation_ignored]
        found.append(
            RecallCurve(
                collection=collection,
                points=mine[0].points,
                dimension=mine[0].dimension,
                k=k,
                swept=sorted((one for one in plain if one.ef is not None), key=lambda one: one.ef or 0),
                as_asked=next((one for one in plain if one.ef is None), None),
                unquantised=[one for one in mine if one.quantisation_ignored],
                built_with=built_with,
                target=targets.get(k),
                indexed=mine[0].indexed,
            )
        )
    return found


def targets_of(objectives: list[str]) -> dict[int, float]:
    """k -> the share that an objective such as `recall@10 >= 0.98` asks for."""
    from bench.errors import UsageError
    from bench.gate.objectives import parse

    found = {}
    for text in objectives:
        try:
            objective = parse(text)
        except UsageError:
            # Written by a version with other objectives.
            continue
        name, _, k = objective.statistic.partition("@")
        if name == "recall" and k.isdigit():
            found[int(k)] = objective.bound
    return found


def _number(record: RunRecord, knob: str) -> float | None:
    manifest = record.manifest
    known = {**(manifest.target.knobs if manifest.target else {}), **manifest.live_knobs}
    value = known.get(knob)
    return float(value) if isinstance(value, int | float) else None
