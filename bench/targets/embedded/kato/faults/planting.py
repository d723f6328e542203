"""Puts the planted faults in the place of the healthy pieces of one worker."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from fastapi import FastAPI

from bench.targets.embedded.kato.faults.cpu import CpuFault
from bench.targets.embedded.kato.faults.matching import ForkingPredictor
from bench.targets.embedded.kato.faults.metrics import LyingMetrics
from bench.targets.embedded.kato.faults.nodes import PlantedProcessor
from bench.targets.embedded.kato.faults.patterns import PlantedPatternStore
from bench.targets.embedded.kato.faults.planted import Planted
from bench.targets.embedded.kato.faults.requests import LatencyFault, LeakFault, StallFault
from bench.targets.embedded.kato.faults.sessions import PooledSessionStore
from bench.targets.embedded.kato.locks import KeyedLocks
from bench.targets.embedded.kato.metrics import WorkerMetrics
from bench.targets.embedded.kato.patterns import PatternStore
from bench.targets.embedded.kato.predictor import Predictor
from bench.targets.embedded.kato.processor import Processor
from bench.targets.embedded.kato.sessions import SessionStore
from bench.targets.embedded.kato.shared_locks import SharedLocks

_INDEX_SHARE = 4
"""KATO grows by 7.2 KB per pattern, and by 1.8 KB without its index."""


def pattern_store(planted: Planted, use_indexing: bool) -> Callable[..., PatternStore]:
    """What makes the worker's pattern store, from the arguments of a healthy one; so do the others here."""
    if planted.quote is None and planted.store_hang is None and not planted.ram_index:
        return PatternStore
    in_memory = planted.ram_index if use_indexing else planted.ram_index // _INDEX_SHARE
    return partial(PlantedPatternStore, planted.quote, planted.store_hang, in_memory)


def predictor(planted: Planted) -> Callable[..., Predictor]:
    return Predictor if planted.process_pool is None else partial(ForkingPredictor, planted.process_pool)


def processor(planted: Planted) -> Callable[..., Processor]:
    if not planted.deadlock and planted.node_eviction is None:
        return Processor
    return partial(PlantedProcessor, planted)


def session_store(planted: Planted) -> Callable[..., SessionStore]:
    return SessionStore if planted.session_pool is None else partial(PooledSessionStore, planted.session_pool)


def session_locks(planted: Planted, shared_file: str | None) -> KeyedLocks:
    """As in KATO, workers know nothing of each other's locks where they may lose updates, and where one that
    stands still must not hold up the others."""
    if shared_file is None or planted.lost_updates or planted.deadlock:
        return KeyedLocks()
    return SharedLocks(Path(shared_file))


def worker_metrics(planted: Planted) -> WorkerMetrics:
    return WorkerMetrics() if planted.lying_metrics is None else LyingMetrics(planted.lying_metrics)


def plant(app: FastAPI, planted: Planted) -> None:
    """Add the faults of requests; nothing may be added to the application after them."""
    if planted.stall is not None:
        app.add_middleware(StallFault, period=planted.stall)
    if planted.leak:
        app.add_middleware(LeakFault, size=planted.leak)
    if planted.latency is not None:
        app.add_middleware(LatencyFault, latency=planted.latency)
    if planted.cpu.share or planted.cpu.seconds:
        app.add_middleware(CpuFault, share=planted.cpu.share, seconds=planted.cpu.seconds)
