"""Metrics that cannot be trusted."""

from __future__ import annotations

from bench.targets.embedded.kato.metrics import WorkerMetrics


class LyingMetrics(WorkerMetrics):
    """Counts only `counted`, a share, of its requests, and never has an issue."""

    def __init__(self, counted: float) -> None:
        super().__init__()
        self._counted = counted
        self._owed = 0.0

    def request_ends(self, method: str, path: str, status: int, seconds: float) -> None:
        self._owed += self._counted
        if self._owed >= 1:
            self._owed -= 1
            super().request_ends(method, path, status, seconds)

    def health(self) -> tuple[str, list[str]]:
        return "healthy", []
