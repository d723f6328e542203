"""What `/telemetry` says: the process, its collections and the requests that it answered."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from . import VERSION
from .errors import malformed_query
from .metrics import RestMetrics
from .rules import Json
from .store import Store


def details_level(given: str | None) -> int:
    """The URL's `details_level`, 0 without it. Raises ApiError where it is no natural number."""
    if given is None:
        return 0
    if not given.isdecimal():
        raise malformed_query("details_level: invalid digit found in string")
    return int(given)


@dataclass(frozen=True)
class Telemetry:
    """Of one run of the process, which is known by `identity`."""

    store: Store
    rest: RestMetrics
    identity: UUID
    started: datetime

    def collect(self, details: int) -> Json:
        """The `result` of the answer; from level 1 on with the collections, without their names."""
        collections = self.store.collections
        told: Json = {"number_of_collections": len(collections)}
        if details > 0:
            told["collections"] = [
                {
                    "vectors": sum(collection.vector_counts().values()),
                    "optimizers_status": collection.optimizer_status,
                    "params": collection.settings.params,
                }
                for collection in collections
            ]
        return {
            "id": str(self.identity),
            "app": {"name": "qdrant", "version": VERSION, "startup": self.started.isoformat()},
            "collections": told,
            "cluster": {"enabled": False},
            "requests": {"rest": {"responses": self.rest.describe()}, "grpc": {"responses": {}}},
        }
