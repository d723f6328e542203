"""Which nodes a worker serves, as KATO's processor manager reports them."""

from __future__ import annotations

from collections import OrderedDict
from datetime import UTC, datetime
from typing import Any

MAX_NODES = 100


class NodeRegistry:
    """The nodes that this worker served last, as KATO's processor manager reports them."""

    def __init__(self) -> None:
        self._nodes: OrderedDict[str, tuple[str, datetime, datetime]] = OrderedDict()

    def touch(self, kb: str, node_id: str) -> None:
        now = datetime.now(UTC)
        _, created, _ = self._nodes.pop(kb, (node_id, now, now))
        self._nodes[kb] = (node_id, created, now)
        if len(self._nodes) > MAX_NODES:
            self._nodes.popitem(last=False)

    @property
    def oldest(self) -> str | None:
        """The node that was served longest ago; None before the first."""
        return next(iter(self._nodes), None)

    def __len__(self) -> int:
        return len(self._nodes)

    def report(self, idle_ttl: int) -> dict[str, Any]:
        now = datetime.now(UTC)
        return {
            "total_processors": len(self._nodes),
            "max_processors": MAX_NODES,
            "eviction_ttl_seconds": idle_ttl,
            "processors": [
                {
                    "processor_id": kb,
                    "node_id": node_id,
                    "created_at": created.isoformat(),
                    "last_accessed": accessed.isoformat(),
                    "access_count": 1,
                    "idle_seconds": (now - accessed).total_seconds(),
                }
                for kb, (node_id, created, accessed) in self._nodes.items()
            ],
        }
