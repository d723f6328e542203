"""One collection: a shard of the engine, its settings, and the index that grows behind it."""

from __future__ import annotations

import asyncio
import json
import logging
import shutil
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import qdrant_edge as engine

from .reindex import BuildError, optimization_due, start_build
from .settings import Settings
from .wire import PointId, engine_error

Json = dict[str, Any]

_log = logging.getLogger(__name__)
_MANIFEST = "collection.json"

# Where the engine saw nothing to do, or failed, it is asked again once this share of the points has changed.
_ASK_AGAIN_AFTER = 0.1


def _ask(question: Callable[..., Any], *arguments: Any) -> Any:
    """The engine's answer, or its refusal as an ApiError."""
    try:
        return question(*arguments)
    except Exception as error:
        raise engine_error(error) from error


class Collection:
    """Reads answer at once. Writes are coroutines: they wait while the shard is being copied.

    The folder holds a manifest and numbered shards, of which the manifest names the live one; replacing the
    manifest is what makes a new index the current one, so that a crash at any moment leaves a whole shard."""

    def __init__(
        self, home: Path, settings: Settings, number: int, outdated: bool, builds: asyncio.Semaphore
    ) -> None:
        self.name = home.name
        self.settings = settings
        self._home = home
        self._number = number
        # The live shard's index was built under older settings than those that are in force.
        self._outdated = outdated
        self._builds = builds
        self._shard: Any = None
        self._writing = asyncio.Lock()
        self._journal: deque[Any] | None = None
        self._unindexed: set[PointId] = set()
        self._operations = 0
        self._changes = 0
        self._declined_at: int | None = None
        self._task: asyncio.Task[None] | None = None
        self._building = False
        self._error: str | None = None
        self._flush_timer: asyncio.TimerHandle | None = None

    @classmethod
    def create(cls, home: Path, settings: Settings, builds: asyncio.Semaphore) -> Collection:
        """Make a new, empty collection in `home`, which must not exist. Raises ApiError."""
        collection = cls(home, settings, 0, False, builds)
        home.mkdir(parents=True)
        try:
            collection._shard = engine.EdgeShard.create(str(collection._shard_path), settings.for_engine())
        except Exception as error:
            shutil.rmtree(home)
            raise engine_error(error) from error
        collection._save(settings, 0, False)
        return collection

    @classmethod
    def open(cls, home: Path, builds: asyncio.Semaphore) -> Collection | None:
        """Load what `home` holds; None where a crash left a collection that was never finished."""
        try:
            manifest = json.loads((home / _MANIFEST).read_text())
        except FileNotFoundError:
            shutil.rmtree(home)
            return None
        settings = Settings.from_json(manifest["settings"])
        collection = cls(home, settings, manifest["shard"], manifest["outdated"], builds)
        for path in home.glob("shard-*"):
            if path != collection._shard_path:
                shutil.rmtree(path)
        collection._shard = engine.EdgeShard.load(str(collection._shard_path))
        return collection

    @property
    def _shard_path(self) -> Path:
        return self._home / f"shard-{self._number}"

    def _save(self, settings: Settings, number: int, outdated: bool) -> None:
        manifest = {"settings": settings.to_json(), "shard": number, "outdated": outdated}
        draft = self._home / f"{_MANIFEST}.new"
        draft.write_text(json.dumps(manifest))
        draft.replace(self._home / _MANIFEST)

    # Reads

    def query(self, request: Any) -> list[Any]:
        return list(_ask(self._shard.query, request))

    def query_batch(self, requests: list[Any]) -> list[list[Any]]:
        return list(_ask(self._shard.query_batch, engine.QueryBatchRequest(requests)))

    def scroll(self, request: Any) -> tuple[list[Any], PointId | None]:
        """A page of points in the order of their ids, and the id that the next page begins with."""
        points, following = _ask(self._shard.scroll, request)
        return points, following

    def count(self, request: Any) -> int:
        return int(_ask(self._shard.count, request))

    def retrieve(self, ids: Iterable[Any], with_payload: Any, with_vector: Any) -> list[Any]:
        return list(_ask(self._shard.retrieve, list(ids), with_payload, with_vector))

    @property
    def points(self) -> int:
        return int(self._shard.info().points_count)

    @property
    def building(self) -> bool:
        return self._building

    def info(self) -> Json:
        """The `result` of Qdrant's collection info."""
        info = self._shard.info()
        return {
            "status": self._status(),
            "optimizer_status": {"error": self._error} if self._error else "ok",
            "warnings": [],
            "indexed_vectors_count": info.indexed_vectors_count,
            "points_count": info.points_count,
            "segments_count": info.segments_count,
            "config": self.settings.config(),
            "payload_schema": {
                field: {"data_type": str(index.data_type).rpartition(".")[2].lower(), "points": index.points}
                for field, index in info.payload_schema.items()
            },
        }

    def _status(self) -> str:
        if self._building:
            return "yellow"
        if self._error:
            return "red"
        # Grey is Qdrant's word for an optimization that is due and does not run.
        return "grey" if self._due() else "green"

    # Writes

    async def upsert(self, points: list[Any]) -> int:
        """Insert or replace points; returns the operation's number. Raises ApiError."""
        return await self._apply(
            engine.UpdateOperation.upsert_points(points), added=[point.id for point in points]
        )

    async def delete(self, ids: list[Any]) -> int:
        """Delete points by id; returns the operation's number."""
        # The engine's own form of an id: a UUID may be spelt in several ways.
        found = [record.id for record in self.retrieve(ids, False, False)]
        return await self._apply(engine.UpdateOperation.delete_points(found), removed=found)

    async def delete_matching(self, query_filter: Any) -> int:
        """Delete the points that pass a filter; returns the operation's number."""
        ids: list[Any] = []
        offset = None
        while True:
            page, offset = self.scroll(
                engine.ScrollRequest(
                    offset=offset, limit=1000, filter=query_filter, with_payload=False, with_vector=False
                )
            )
            ids += [record.id for record in page]
            if offset is None:
                return await self.delete(ids)

    async def create_index(self, field: str, schema: Any) -> int:
        return await self._apply(engine.UpdateOperation.create_field_index(field, schema))

    async def delete_index(self, field: str) -> int:
        return await self._apply(engine.UpdateOperation.delete_field_index(field))

    async def _apply(
        self, operation: Any, added: Sequence[PointId] = (), removed: Sequence[PointId] = ()
    ) -> int:
        async with self._writing:
            _ask(self._shard.update, operation)
            if self._journal is not None:
                self._journal.append(operation)
            self._unindexed.update(added)
            self._unindexed.difference_update(removed)
            self._changes += len(added) + len(removed)
            self._operations += 1
            number = self._operations
        self._flush_later()
        self.consider_build()
        return number

    def _flush_later(self) -> None:
        if self._flush_timer is None:
            seconds = max(1, self.settings.optimizers["flush_interval_sec"])
            self._flush_timer = asyncio.get_running_loop().call_later(seconds, self._flush)

    def _flush(self) -> None:
        self._flush_timer = None
        if self._writing.locked():  # The shard is being copied; files must stay as they are.
            self._flush_later()
        else:
            self._shard.flush()

    # Indexing

    def _due(self) -> bool:
        info = self._shard.info()
        if self._declined_at is not None:
            changed = self._changes - self._declined_at
            if changed < _ASK_AGAIN_AFTER * info.points_count:
                return False
        if self._outdated:
            return True
        # After a restart nobody knows which points were replaced since the last build: a lower bound.
        unindexed = max(len(self._unindexed), info.points_count - info.indexed_vectors_count)
        return optimization_due(self.settings, info.points_count, info.indexed_vectors_count, unindexed)

    def consider_build(self) -> None:
        """Start building the index in the background where it is due and allowed."""
        allowed = self.settings.optimizers["max_optimization_threads"] != 0
        if self._task is None and allowed and self._due():
            self._task = asyncio.create_task(self._build())

    async def _build(self) -> None:
        indexed_by_build = self._unindexed
        target = self._home / f"shard-{self._number + 1}"
        try:
            async with self._builds, start_build() as build:
                self._building = True
                async with self._writing:
                    self._shard.flush()
                    await build.copy(self._shard_path, target, self.settings)
                    self._journal = deque()
                    indexed_by_build, self._unindexed = self._unindexed, set()
                if await build.optimize() or self._outdated:
                    await self._switch_to(target)
                    indexed_by_build = set()
                    self._declined_at = None
                else:
                    self._unindexed |= indexed_by_build
                    self._declined_at = self._changes
            self._error = None
        except asyncio.CancelledError:
            self._unindexed |= indexed_by_build
            raise
        except Exception as error:
            self._unindexed |= indexed_by_build
            self._declined_at = self._changes
            self._error = str(error) if isinstance(error, BuildError) else repr(error)
            _log.error("index build of %s failed: %s", self.name, self._error)
        finally:
            self._building = False
            self._journal = None
            self._task = None
            if target != self._shard_path:
                shutil.rmtree(target, ignore_errors=True)
        if self._error is None:
            self.consider_build()

    async def _switch_to(self, target: Path) -> None:
        """Serve from the new shard once it has caught up with the writes that came meanwhile."""
        assert self._journal is not None
        fresh = engine.EdgeShard.load(str(target))
        try:
            while self._journal:
                fresh.update(self._journal.popleft())
                await asyncio.sleep(0)
            # No await from here on: nothing can be written between the last replay and the switch.
            self._save(self.settings, self._number + 1, outdated=False)
        except BaseException:
            fresh.close()
            raise
        old, old_path = self._shard, self._shard_path
        self._shard = fresh
        self._number += 1
        self._outdated = False
        old.close()
        shutil.rmtree(old_path)

    async def reconfigure(self, changes: Json) -> None:
        """Put the fields of an update request into force: at once, or by a new index where there is one.

        Raises ApiError where they are wrong or the engine refuses them; the old ones then stay in force."""
        async with self._writing:
            settings = self.settings.patched(changes)
            if settings == self.settings:
                return
            await self._cancel_build()
            if not self._shard.info().indexed_vectors_count:
                self._reload(settings)
            elif not settings.same_index(self.settings):
                self._outdated = True
            self._save(settings, self._number, self._outdated)
            self.settings = settings
            self._declined_at = None
            self._error = None
        self.consider_build()

    def _reload(self, settings: Settings) -> None:
        path = str(self._shard_path)
        self._shard.close()
        try:
            self._shard = engine.EdgeShard.load(path, settings.for_engine())
        except Exception as error:
            self._shard = engine.EdgeShard.load(path)
            raise engine_error(error) from error

    async def _cancel_build(self) -> None:
        if self._task is not None:
            task = self._task
            task.cancel()
            await asyncio.wait([task])
            self._task = None  # Cancelled before its first step, it could not do so itself.

    async def close(self) -> None:
        """Stop building, write everything to disk and let the folder go."""
        async with self._writing:
            await self._cancel_build()
            if self._flush_timer is not None:
                self._flush_timer.cancel()
            self._shard.flush()
            self._shard.close()

    async def drop(self) -> None:
        await self.close()
        shutil.rmtree(self._home)
