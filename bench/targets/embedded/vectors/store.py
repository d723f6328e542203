"""All collections of one data folder, and their aliases."""

from __future__ import annotations

import asyncio
from pathlib import Path

from .aliases import Aliases
from .collection import Collection
from .errors import existing_collection, out_of_range, unknown_collection, wrong_input
from .rules import Json
from .settings import Settings

_FORBIDDEN = frozenset('<>:"/\\|?*\0')
_MAX_NAME_BYTES = 255
_SMALLEST: Json = {"vectors": {"size": 1, "distance": "Dot"}}


class Store:
    """Collections by name or alias. Index builds run one at a time: they use every core that there is."""

    def __init__(self, data: Path, imposed: Json | None = None) -> None:
        """Load what is there. `imposed`: the body of an update request that is applied to each new
        collection.

        Raises OSError, RuntimeError for a collection that cannot be loaded, and ApiError for an update that
        no collection would take."""
        self._imposed = imposed or {}
        Settings.from_request(_SMALLEST).patched(self._imposed)
        self._home = data / "collections"
        self._builds = asyncio.Semaphore(1)
        self._collections: dict[str, Collection] = {}
        self._home.mkdir(parents=True, exist_ok=True)
        for home in sorted(path for path in self._home.iterdir() if path.is_dir()):
            try:
                collection = Collection.open(home, self._builds)
            except Exception as error:
                raise RuntimeError(f"collection {home.name}: {error}") from error
            if collection is not None:
                self._collections[home.name] = collection
        try:
            self.aliases = Aliases(data / "aliases.json")
        except ValueError as error:
            raise RuntimeError(f"aliases.json: {error}") from error

    def start(self) -> None:
        """Resume the index builds that a restart cut short. Needs the running event loop."""
        for collection in self._collections.values():
            collection.consider_build()

    @property
    def collections(self) -> list[Collection]:
        return list(self._collections.values())

    def __contains__(self, name: str) -> bool:
        return name in self._collections or name in self.aliases

    def is_collection(self, name: str) -> bool:
        """Whether it is a collection's own name."""
        return name in self._collections

    def get(self, name: str) -> Collection:
        """The collection of that name or alias. Raises ApiError (404) for an unknown one."""
        collection = self._collections.get(name)
        if collection is None:
            collection = self._collections.get(self.aliases.target(name) or "")
        if collection is None:
            raise unknown_collection(name)
        return collection

    def create(self, name: str, settings: Settings) -> None:
        """Raises ApiError for a name that is taken or cannot be a folder's."""
        if not name.strip(".") or _FORBIDDEN & set(name) or len(name.encode()) > _MAX_NAME_BYTES:
            raise out_of_range("collection_name", name, 'a file name without any of <>:"/\\|?*')
        home = self._home / name
        if home.exists():  # Also one that is just being dropped.
            raise existing_collection(name)
        if name in self.aliases:
            raise wrong_input(
                f"Can't create collection with name {name}. Alias with the same name already exists"
            )
        self._collections[name] = Collection.create(home, settings.patched(self._imposed), self._builds)

    async def drop(self, name: str) -> bool:
        """Delete a collection by its own name, with its data and aliases; False where there is none."""
        collection = self._collections.pop(name, None)
        if collection is not None:
            self.aliases.forget(name)
            await collection.drop()
        return collection is not None

    async def close(self) -> None:
        """Write everything to disk; the store is of no use afterwards."""
        for collection in self._collections.values():
            await collection.close()
        self._collections.clear()
