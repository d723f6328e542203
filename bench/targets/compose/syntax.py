"""Values of a Compose file in their short and long forms: ports, mounts, sizes, commands."""

from __future__ import annotations

import os.path
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from bench.targets.compose.tree import Node, Scalar, Tree, is_null, wrong

_HIGHEST_PORT = 65_535
_RANGE = re.compile(r"(?P<first>\d{1,5})(?:-(?P<last>\d{1,5}))?")
_SIZE = re.compile(r"(?P<number>\d+(?:\.\d+)?) ?(?P<unit>[kKmMgGtTpP]?)[iI]?[bB]?")
_UNITS = {"": 0, "k": 10, "m": 20, "g": 30, "t": 40, "p": 50}
_DRIVE = re.compile(r"[A-Za-z]:[\\/]")

_PORT = 'a port is written "8000:8000", or as target and published'


@dataclass(frozen=True)
class Port:
    """A port of a container. `published`: that of this machine which leads there, None where the engine
    chooses it. `host`: the address that it is published at, None for all."""

    target: int
    published: int | None = None
    host: str | None = None
    protocol: str = "tcp"


@dataclass(frozen=True)
class Mount:
    """A file or folder of this machine (`source`, absolute) that the container sees at `target`."""

    source: str
    target: str


def ports(node: Node) -> list[Port]:
    """Every port that a list of them publishes; ranges are spread. Raises UsageError."""
    return [port for one in items(node, "ports") for port in _ports(one)]


def _ports(node: Node) -> Iterator[Port]:
    if isinstance(node, dict):
        targets = _range(node, text(node, "target"))
        published = text(node, "published")
        host, protocol = text(node, "host_ip") or None, text(node, "protocol") or "tcp"
    else:
        short, _, protocol = str(scalar(node).text).partition("/")
        before, _, target = short.rpartition(":")
        host, _, published = before.rpartition(":")
        host = host.strip("[]") or None
        targets, protocol = _range(node, target), protocol or "tcp"
    if not published:
        yield from (Port(target, None, host, protocol) for target in targets)
        return
    there = _range(node, published)
    if len(there) == len(targets):
        yield from (Port(target, at, host, protocol) for target, at in zip(targets, there, strict=True))
    elif len(targets) == 1:
        # The engine takes any free one of the range.
        yield Port(targets[0], None, host, protocol)
    else:
        raise wrong(node, f"{len(targets)} ports cannot be published at {len(there)}: {_PORT}.")


def _range(node: Node, said: str) -> list[int]:
    match = _RANGE.fullmatch(said.strip())
    first, last = (int(match["first"]), int(match["last"] or match["first"])) if match else (0, -1)
    if not 0 < first <= last <= _HIGHEST_PORT:
        raise wrong(node, f"{said!r} is no port and no range of ports: {_PORT}.")
    return list(range(first, last + 1))


def mounts(node: Node) -> list[Mount]:
    """The files and folders of this machine among the volumes, by absolute source. Volumes of the engine's
    own are left out."""
    found = []
    for one in items(node, "volumes"):
        source, target = _mount(one)
        if source and target and source.startswith("/"):
            found.append(Mount(source, target))
    return found


def _mount(node: Node) -> tuple[str, str]:
    """Source and target; the source is empty where it is none of this machine's."""
    if isinstance(node, dict):
        kind = text(node, "type") or "bind"
        return (text(node, "source") if kind == "bind" else ""), text(node, "target")
    said = scalar(node).text
    drive = said[:2] if _DRIVE.match(said) else ""
    first, _, rest = said[len(drive) :].partition(":")
    if not rest:
        return "", drive + first
    return drive + first, rest.partition(":")[0]


def mount_target(node: Node) -> str:
    """Where a volume appears in the container: what makes two of them the same one."""
    return str(PurePosixPath(_mount(node)[1] or "/"))


def absolute_mount(node: Node, folder: str) -> Node:
    """A volume whose source, if it is a path, counts from `folder`."""
    source = _mount(node)[0]
    if not source.startswith((".", "~")) and not (isinstance(node, dict) and source):
        return node
    path = _in(folder, source)
    if isinstance(node, dict):
        return {**node, "source": _replaced(node["source"], path)}
    said = scalar(node).text
    return _replaced(node, path + said[len(source) :])


def _replaced(node: Node, value: str) -> Scalar:
    return Scalar(value, scalar(node).place)


def size(node: Node | None) -> int | None:
    """Bytes; units are binary. None for nothing and for 0, which is no limit. Raises UsageError."""
    if node is None or is_null(node):
        return None
    said = scalar(node).text.strip()
    match = _SIZE.fullmatch(said)
    if match is None:
        raise wrong(node, f"{said!r} is no size such as 512m or 8G.")
    return int(float(match["number"]) * 2 ** _UNITS[match["unit"].lower()]) or None


def number(node: Node | None, what: str) -> float | None:
    """A number that may be written as text. None for nothing. Raises UsageError."""
    if node is None or is_null(node):
        return None
    said = scalar(node).text.strip()
    try:
        found = float(said)
    except ValueError:
        found = -1.0
    if not 0 <= found < float("inf"):
        raise wrong(node, f"{what} is a number, not {said!r}.")
    return found


def command(node: Node | None) -> tuple[str, ...] | None:
    """The words of a command, of a text as a shell splits it; None where the image decides. Raises
    UsageError."""
    if node is None or is_null(node):
        return None
    if isinstance(node, list):
        return tuple(scalar(one).text for one in node)
    try:
        return tuple(shlex.split(scalar(node).text))
    except ValueError as error:
        raise wrong(node, f"the command cannot be split into words: {str(error).lower()}.") from error


def texts(node: Node | None) -> list[str]:
    """A list of texts, or a single one."""
    if node is None or is_null(node):
        return []
    return [scalar(one).text for one in (node if isinstance(node, list) else [node])]


def items(node: Node | None, what: str) -> list[Node]:
    """The entries of a list; none for nothing. Raises UsageError for what is no list."""
    if node is None or is_null(node):
        return []
    if not isinstance(node, list):
        raise wrong(node, f"{what} is a list.")
    return node


def table(node: Node | None, what: str) -> Tree:
    """A mapping; empty for nothing. Raises UsageError for what is none."""
    if node is None or is_null(node):
        return {}
    if not isinstance(node, dict):
        raise wrong(node, f"{what} is a mapping.")
    return node


def text(tree: Tree, key: str) -> str:
    """The text of a key, empty where it is not there. Raises UsageError for a mapping or a list."""
    node = tree.get(key)
    return "" if node is None else scalar(node, key).text


def scalar(node: Node, what: str = "this") -> Scalar:
    """A single value. Raises UsageError for a mapping or a list."""
    if isinstance(node, Scalar):
        return node
    raise wrong(node, f"{what} is a single value.")


def absolute(node: Node, folder: str) -> Scalar:
    """A path that counts from `folder`. Raises UsageError for what is no single value."""
    return _replaced(node, _in(folder, scalar(node).text))


def _in(folder: str, path: str) -> str:
    return os.path.normpath(Path(folder, Path(path).expanduser()))
