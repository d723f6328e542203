"""Which points of a collection its index lacks."""

from __future__ import annotations

from collections.abc import Iterable

from .wire import PointId

# Where the engine saw nothing to do, or failed, it is asked again once this share of the points has changed.
_ASK_AGAIN_AFTER = 0.1


class Backlog:
    """Points that are found by scanning only. A build takes those that there are when it begins; what comes
    meanwhile is left for the next one.

    After a restart only the number of the unindexed is known (`forgotten`), not which they are."""

    def __init__(self, forgotten: int = 0) -> None:
        self._forgotten = forgotten
        self._waiting: set[PointId] = set()
        self._taken: set[PointId] = set()
        self._changes = 0
        self._declined_at: int | None = None

    def __len__(self) -> int:
        return self._forgotten + len(self._waiting) + len(self._taken)

    def add(self, ids: Iterable[PointId]) -> None:
        """These were stored, or moved out of the index."""
        ids = list(ids)
        self._waiting.update(ids)
        self._changes += len(ids)

    def remove(self, ids: Iterable[PointId]) -> None:
        """These were deleted, out of the index or not."""
        ids = list(ids)
        self._waiting.difference_update(ids)
        self._taken.difference_update(ids)
        self._changes += len(ids)

    def take(self) -> None:
        """A build begins."""
        self._taken, self._waiting = self._waiting, set()

    def indexed(self) -> None:
        """The build is done, and its index in force."""
        self._taken, self._forgotten, self._declined_at = set(), 0, None

    def give_back(self, *, declined: bool) -> None:
        """The build came to nothing; `declined`: another one would, too, as things are."""
        self._waiting |= self._taken
        self._taken = set()
        if declined:
            self._declined_at = self._changes

    def reconsider(self) -> None:
        """Other settings are in force: what was declined may be accepted now."""
        self._declined_at = None

    def is_declined(self, points: int) -> bool:
        """Whether too few of the `points` have changed since a build came to nothing."""
        if self._declined_at is None:
            return False
        return self._changes - self._declined_at < _ASK_AGAIN_AFTER * points
