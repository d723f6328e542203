"""One collection: a shard of the engine, its settings, and the index that grows behind it."""

from __future__ import annotations

import asyncio
import json
import logging
import shutil
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Any

import qdrant_edge as engine

from .backlog import Backlog
from .payload_index import describe_index
from .reindex import BuildError, optimization_due, start_build
from .rules import Json
from .settings import Settings
from .shard import create_shard, load_shard
from .wire import PointId, engine_error, make
from .writes import Effect, Write, root_of

_log = logging.getLogger(__name__)
_MANIFEST = "collection.json"


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
        # The operations since the shard was copied, and whether the engine refused each of them.
        self._journal: deque[tuple[Any, bool]] | None = None
        self._backlog = Backlog()
        self._operations = 0
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
            collection._shard = create_shard(collection._shard_path, settings)
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
        collection._shard = load_shard(collection._shard_path)
        info = collection._shard.info()
        collection._backlog = Backlog(max(0, info.points_count - collection._indexed(info)))
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

    def facet(self, request: Any) -> list[Any]:
        """The values of a payload field, each with the number of points that have it."""
        return list(_ask(self._shard.facet, request).hits)

    def retrieve(self, ids: Iterable[Any], with_payload: Any, with_vector: Any) -> list[Any]:
        return list(_ask(self._shard.retrieve, list(ids), with_payload, with_vector))

    @property
    def points(self) -> int:
        return int(self._shard.info().points_count)

    def vector_counts(self) -> dict[str, int]:
        """The number of points that have each of the vectors."""
        if len(self.settings.sizes) == 1:
            return dict.fromkeys(self.settings.sizes, self.points)
        return {
            name: self.count(
                engine.CountRequest(filter=engine.Filter(must=[engine.HasVectorCondition(name)]))
            )
            for name in self.settings.sizes
        }

    @property
    def optimizer_status(self) -> Any:
        return {"error": self._error} if self._error else "ok"

    @property
    def building(self) -> bool:
        return self._building

    def info(self) -> Json:
        """The `result` of Qdrant's collection info."""
        info = self._shard.info()
        return {
            "status": self._status(),
            "optimizer_status": self.optimizer_status,
            "warnings": [],
            "indexed_vectors_count": info.indexed_vectors_count,
            "points_count": info.points_count,
            "segments_count": info.segments_count,
            "config": self.settings.config(),
            "payload_schema": {field: describe_index(index) for field, index in info.payload_schema.items()},
        }

    def _status(self) -> str:
        if self._task is not None:
            return "yellow"
        if self._error:
            return "red"
        # Grey is Qdrant's word for an optimization that is due and does not run.
        return "grey" if self._due() else "green"

    # Writes

    async def apply(self, write: Write) -> int:
        """Do it; returns the operation's number. Raises ApiError where the engine refuses it."""
        async with self._writing:
            touched = self._touched(write)
            self._update(write.operation)
            if write.effect is Effect.GONE:
                self._backlog.remove(touched)
            else:
                self._backlog.add(touched)
            self._operations += 1
            number = self._operations
        self._flush_later()
        self.consider_build()
        return number

    async def create_index(self, field: str, schema: Any) -> int:
        operation = make(engine.UpdateOperation.create_field_index, field, schema)
        return await self.apply(Write(operation, Effect.NONE))

    async def delete_index(self, field: str) -> int:
        operation = make(engine.UpdateOperation.delete_field_index, field)
        return await self.apply(Write(operation, Effect.NONE))

    def _update(self, operation: Any) -> None:
        refused = True
        try:
            _ask(self._shard.update, operation)
            refused = False
        finally:
            # What the engine refuses it may have done in part.
            if self._journal is not None:
                self._journal.append((operation, refused))

    def _touched(self, write: Write) -> Sequence[PointId]:
        """The ids, in the engine's own form, of the points that the write takes out of the index."""
        if write.effect is Effect.STORED:
            return write.ids
        if write.effect is Effect.NONE:
            return ()
        if write.effect is Effect.EDITED and not self._indexes_any_of(write.fields):
            return ()
        if write.matching is not None:
            return self._matching(write.matching)
        # A UUID may be spelt in several ways.
        return [record.id for record in self.retrieve(write.ids, False, False)]

    def _indexes_any_of(self, fields: frozenset[str] | None) -> bool:
        indexed = {root_of(path) for path in self._shard.info().payload_schema}
        return bool(indexed if fields is None else indexed & fields)

    def _matching(self, condition: Any) -> list[PointId]:
        ids: list[PointId] = []
        offset = None
        while True:
            page, offset = self.scroll(
                engine.ScrollRequest(
                    offset=offset, limit=1000, filter=condition, with_payload=False, with_vector=False
                )
            )
            ids += [record.id for record in page]
            if offset is None:
                return ids

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
        if self._backlog.is_declined(info.points_count):
            return False
        if self._outdated:
            return True
        return optimization_due(self.settings, info.points_count, self._indexed(info), len(self._backlog))

    def _indexed(self, info: Any) -> int:
        """The number of indexed points: the engine counts vectors."""
        return int(info.indexed_vectors_count) // len(self.settings.sizes)

    def consider_build(self) -> None:
        """Start building the index in the background where it is due and allowed."""
        allowed = self.settings.optimizers["max_optimization_threads"] != 0
        if self._task is None and allowed and self._due():
            self._task = asyncio.create_task(self._build())

    async def _build(self) -> None:
        target = self._home / f"shard-{self._number + 1}"
        try:
            async with self._builds, start_build() as build:
                self._building = True
                async with self._writing:
                    self._shard.flush()
                    await build.copy(self._shard_path, target, self.settings)
                    self._journal = deque()
                    self._backlog.take()
                if await build.optimize() or self._outdated:
                    await self._switch_to(target)
                    self._backlog.indexed()
                else:
                    self._backlog.give_back(declined=True)
            self._error = None
        except asyncio.CancelledError:
            self._backlog.give_back(declined=False)
            raise
        except Exception as error:
            self._backlog.give_back(declined=True)
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
        fresh = load_shard(target)
        try:
            while self._journal:
                operation, refused = self._journal.popleft()
                with suppress(Exception) if refused else nullcontext():
                    fresh.update(operation)
                await asyncio.sleep(0)
            # No await from here on: nothing can be written between the last replay and the switch.
            self._replace_shard(fresh, self.settings)
        except BaseException:
            fresh.close()
            raise

    def _replace_shard(self, fresh: Any, settings: Settings) -> None:
        """Make the next shard, of these settings, the live one."""
        self._save(settings, self._number + 1, outdated=False)
        old, old_path = self._shard, self._shard_path
        self._shard = fresh
        self._number += 1
        self._outdated = False
        old.close()
        shutil.rmtree(old_path, ignore_errors=True)  # What is left of it goes at the next start.

    async def reconfigure(self, changes: Json) -> None:
        """Put the fields of an update request into force: at once, or by a new index where there is one.

        Raises ApiError where they are wrong or the engine refuses them; the old ones then stay in force."""
        async with self._writing:
            settings = self.settings.patched(changes)
            if settings == self.settings:
                return
            await self._cancel_build()
            info = self._shard.info()
            if not info.points_count:
                self._recreate(settings, info.payload_schema)
            elif not info.indexed_vectors_count and settings.same_storage(self.settings):
                self._reload(settings)
            elif not settings.same_index(self.settings):
                self._outdated = True
            self._save(settings, self._number, self._outdated)
            self.settings = settings
            self._backlog.reconsider()
            self._error = None
        self.consider_build()

    def _recreate(self, settings: Settings, indexes: Mapping[str, Any]) -> None:
        """Begin anew with an empty shard: the empty segment of this one would stay as it was made."""
        path = self._home / f"shard-{self._number + 1}"
        try:
            fresh = create_shard(path, settings)
            for field, index in indexes.items():
                schema = index.data_type if index.params is None else index.params
                fresh.update(engine.UpdateOperation.create_field_index(field, schema))
        except Exception as error:
            shutil.rmtree(path, ignore_errors=True)
            raise engine_error(error) from error
        self._replace_shard(fresh, settings)

    def _reload(self, settings: Settings) -> None:
        self._shard.close()
        try:
            self._shard = load_shard(self._shard_path, settings)
        except Exception as error:
            self._shard = load_shard(self._shard_path)
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
        # First what makes it a collection: a crash must not leave half of one.
        (self._home / _MANIFEST).unlink()
        shutil.rmtree(self._home)
