"""How much of the machine others used while a run was measured."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from bench.stats.series import Series, mean, per_second

if TYPE_CHECKING:
    from bench.record.manifest import Manifest

Metrics = Mapping[tuple[str, str, str], Series]

#: Others disturb a run from so many busy cores on, or from this share of the machine's where that is more.
FOREIGN_CORES, FOREIGN_SHARE = 0.25, 0.125


def foreign_cores(manifest: Manifest, metrics: Metrics, window: tuple[float, float]) -> float | None:
    """Cores that were busy less those of the target's parts and of the run's own processes.

    None where nobody sampled the machine, or where the target's processes are not known: they would count as
    strangers."""
    busy, target = busy_share(metrics, window), manifest.target
    if busy is None or target is None or any(part.pid is None for part in target.parts):
        return None
    known = sum(
        per_second(series, *window) or 0.0
        for (source, instance, name), series in metrics.items()
        if (source, name) == ("process", "cpu_seconds_total") and "/" not in instance
    )
    return round(max(0.0, busy * manifest.fingerprint.must_match.cores - known), 3)


def busy_share(metrics: Metrics, window: tuple[float, float]) -> float | None:
    """Of all CPUs of the machine, whoever kept them busy."""
    return mean(metrics.get(("host", "", "cpu_busy_share")), *window)


def disturbs(foreign: float, cores: int) -> bool:
    return foreign > max(FOREIGN_CORES, FOREIGN_SHARE * cores)
