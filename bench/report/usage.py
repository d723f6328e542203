"""CPU and memory of processes over one phase, from the samples of the process collector."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bench.stats.series import per_second

if TYPE_CHECKING:
    from bench.record.manifest import Phase

_SOURCE, _CPU, _RSS = "process", "cpu_seconds_total", "rss_bytes"

Metrics = Mapping[tuple[str, str, str], tuple[NDArray[np.float64], NDArray[np.float64]]]


@dataclass(frozen=True)
class Usage:
    """`cpu_seconds` in the phase; `cores`: how many were busy on average; `cpu_per_1000`: CPU-seconds per
    1 000 successful requests (utilisation law, background work included); `rss_max` in bytes over the whole
    run. None where there are too few samples, or no requests."""

    cpu_seconds: float | None
    cores: float | None
    cpu_per_1000: float | None
    rss_max: float | None


def usage_of(metrics: Metrics, phase: Phase | None, rate: float | None) -> dict[str, Usage]:
    """What each process tree used, in the order in which they were sampled; `rate` in requests/s.

    Rows of single processes (`kato/<pid>`) are left out: they are part of their tree."""
    names = [name for source, name, metric in metrics if source == _SOURCE and metric in (_CPU, _RSS)]
    found = {}
    for name in dict.fromkeys(name for name in names if "/" not in name):
        cores = cpu = None
        if phase is not None and phase.end is not None and (_SOURCE, name, _CPU) in metrics:
            cores = per_second(metrics[_SOURCE, name, _CPU], phase.start, phase.end)
            cpu = None if cores is None else cores * (phase.end - phase.start)
        rss = metrics.get((_SOURCE, name, _RSS))
        found[name] = Usage(
            cpu_seconds=cpu,
            cores=cores,
            cpu_per_1000=1000 * cores / rate if cores is not None and rate else None,
            rss_max=float(rss[1].max()) if rss is not None and len(rss[1]) else None,
        )
    return found
