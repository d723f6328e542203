"""From method and path to an endpoint, in a few microseconds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Router(Generic[T]):
    """Finds what stands at a path such as `/collections/{collection_name}/points`.

    A tree by the parts of the path: Starlette tries one pattern after the other, which takes a tenth of the
    time of a search."""

    def __init__(self, routes: Iterable[tuple[str, str, T]]) -> None:
        """`routes`: method, path, and what stands there."""
        self._root = _Node[T]()
        for method, path, found in routes:
            node, names = self._root, []
            for part in _parts(path):
                if part.startswith("{"):
                    names.append(part.strip("{}"))
                    part = ""
                node = node.children.setdefault(part, _Node())
            node.found[method] = (found, tuple(names))

    def find(self, method: str, path: str) -> tuple[T, dict[str, str]] | None:
        """What stands there, and the values of the path's placeholders."""
        values: list[str] = []
        match = _find(self._root, method, _parts(path), 0, values)
        if match is None:
            return None
        found, names = match
        return found, dict(zip(names, values, strict=True))


class _Node(Generic[T]):
    """What follows a part of a path; the child without a name stands for any part."""

    __slots__ = ("children", "found")

    def __init__(self) -> None:
        self.children: dict[str, _Node[T]] = {}
        self.found: dict[str, tuple[T, tuple[str, ...]]] = {}


def _parts(path: str) -> list[str]:
    return path.split("/")[1:]


def _find(node: _Node[T], method: str, parts: Sequence[str], depth: int, values: list[str]) -> Any:
    if depth == len(parts):
        return node.found.get(method)
    part = parts[depth]
    if part and (child := node.children.get(part)) is not None:
        match = _find(child, method, parts, depth + 1, values)
        if match is not None:
            return match
    if part and (child := node.children.get("")) is not None:
        values.append(part)
        match = _find(child, method, parts, depth + 1, values)
        if match is not None:
            return match
        values.pop()
    return None
