"""The index of patterns that KATO builds in its own memory (KATO_USE_INDEXING).

KATO's ClickHouse path never reads it, and neither does anything here: the variable decides how fast a worker
grows with what it learns, and that is what an operator switches off.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise


class NodeIndex:
    """Where each symbol, and each pair of neighbours, occurs among the patterns that this worker learned."""

    def __init__(self) -> None:
        self._tokens: dict[str, tuple[str, ...]] = {}
        self._with_symbol: defaultdict[str, set[str]] = defaultdict(set)
        self._with_pair: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
        self._of_length: defaultdict[int, set[str]] = defaultdict(set)

    def add(self, name: str, tokens: Sequence[str]) -> None:
        self._tokens[name] = tuple(tokens)
        self._of_length[len(tokens)].add(name)
        for token in tokens:
            self._with_symbol[token].add(name)
        for pair in pairwise(tokens):
            self._with_pair[pair].add(name)

    def __len__(self) -> int:
        return len(self._tokens)
