"""Other names of collections, kept in a file."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

from .errors import existing_collection, malformed, not_found, unknown_collection
from .rules import Json

Exists = Callable[[str], bool]


class Aliases:
    """Aliases and the collections that they stand for. A change is on disk when the call returns."""

    def __init__(self, path: Path) -> None:
        """Read what is there. Raises OSError and ValueError."""
        self._path = path
        self._targets: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}

    def __contains__(self, alias: str) -> bool:
        return alias in self._targets

    def target(self, alias: str) -> str | None:
        """The collection that the alias stands for."""
        return self._targets.get(alias)

    def describe(self, collection: str | None = None) -> list[Json]:
        """All aliases, or those of one collection, as Qdrant lists them."""
        return [
            {"alias_name": alias, "collection_name": target}
            for alias, target in sorted(self._targets.items())
            if collection is None or target == collection
        ]

    def change(self, body: Json, is_collection: Exists) -> None:
        """Do the actions of a request in their order: all of them, or none and an ApiError."""
        actions = body.get("actions")
        if not isinstance(actions, list):
            raise malformed("missing field `actions`")
        targets = dict(self._targets)
        for action in actions:
            _do(action, targets, is_collection)
        self._save(targets)

    def forget(self, collection: str) -> None:
        """Take away the aliases of a collection that is dropped."""
        if collection in self._targets.values():
            self._save({alias: target for alias, target in self._targets.items() if target != collection})

    def _save(self, targets: dict[str, str]) -> None:
        draft = self._path.with_suffix(".new")
        draft.write_text(json.dumps(targets))
        draft.replace(self._path)
        self._targets = targets


def _do(action: object, targets: dict[str, str], is_collection: Exists) -> None:
    if not isinstance(action, dict) or len(action) != 1:
        raise malformed("data did not match any variant of untagged enum AliasOperations")
    ((kind, fields),) = action.items()
    match kind:
        case "create_alias":
            collection, alias = _texts(fields, "collection_name", "alias_name")
            if not is_collection(collection):
                raise unknown_collection(collection)
            _must_be_free(alias, is_collection)
            targets[alias] = collection
        case "delete_alias":
            (alias,) = _texts(fields, "alias_name")
            targets.pop(alias, None)
        case "rename_alias":
            old, new = _texts(fields, "old_alias_name", "new_alias_name")
            if old not in targets:
                raise not_found(f"Alias {old} does not exists!")
            _must_be_free(new, is_collection)
            targets[new] = targets.pop(old)
        case _:
            raise malformed("data did not match any variant of untagged enum AliasOperations")


def _must_be_free(alias: str, is_collection: Exists) -> None:
    if is_collection(alias):
        raise existing_collection(alias)


def _texts(fields: object, *names: str) -> list[str]:
    if not isinstance(fields, Mapping):
        raise malformed("expected an object")
    for name in names:
        if not isinstance(fields.get(name), str):
            raise malformed(f"missing field `{name}`")
    return [fields[name] for name in names]
