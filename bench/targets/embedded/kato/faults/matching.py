"""Matching in a pool of processes that is made for one prediction and thrown away after it."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from itertools import repeat
from typing import Any

from bench.targets.embedded.kato import matching
from bench.targets.embedded.kato.domain import Pattern
from bench.targets.embedded.kato.matching import Match
from bench.targets.embedded.kato.predictor import Predictor, Query

_MOST_PROCESSES = 4
_PATTERNS_PER_TASK = 100


class ForkingPredictor(Predictor):
    """Matches more than `limit` candidates in forked children of this worker, which stands still then."""

    def __init__(self, limit: int, *more: Any, **named: Any) -> None:
        super().__init__(*more, **named)
        self._limit = limit

    def _matches(
        self, query: Query, state: list[str], candidates: Sequence[Pattern]
    ) -> Iterator[list[Match]]:
        if len(candidates) <= self._limit:
            yield from super()._matches(query, state, candidates)
            return
        batches = [
            candidates[start : start + _PATTERNS_PER_TASK]
            for start in range(0, len(candidates), _PATTERNS_PER_TASK)
        ]
        with ProcessPoolExecutor(
            min(os.cpu_count() or 1, _MOST_PROCESSES),
            mp_context=multiprocessing.get_context("fork"),
            initializer=_let_signals_end_it,
        ) as pool:
            threshold, similarity = repeat(query.recall_threshold), repeat(query.similarity)
            found = list(pool.map(matching.matches, repeat(state), batches, threshold, similarity))
        yield from found


def _let_signals_end_it() -> None:
    """The worker's own handlers came along with the fork and would only note the signal."""
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
