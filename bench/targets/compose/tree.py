"""YAML as trees whose values know where they stand, so that a refusal can name file and line.

Plain scalars mean what Compose's YAML library (go-yaml 3) takes them for: `yes` and `22:22` are texts, `010`
is eight."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, TypeAlias

from bench.errors import UsageError

#: Aliases can make a short file endless.
_MOST_NODES = 100_000

_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_BOOLEANS = {
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_WHOLE = re.compile(r"(?P<sign>[-+]?)(?P<prefix>0[bB]|0[oO]|0[xX]|0(?=.))?(?P<digits>[0-9A-Fa-f]+)")
_BASES = {"0b": 2, "0o": 8, "0x": 16, "0": 8, "": 10}
_FRACTION = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")


@dataclass(frozen=True)
class Place:
    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}, line {self.line}"


@dataclass(frozen=True)
class Scalar:
    value: str | int | float | bool | None
    place: Place

    @property
    def text(self) -> str:
        """As Compose writes the value into an environment."""
        if self.value is None:
            return ""
        if isinstance(self.value, bool):
            return str(self.value).lower()
        return _short(self.value) if isinstance(self.value, float) else str(self.value)


@dataclass(frozen=True)
class Reset:
    """`!reset`: what earlier files say here is dropped."""

    place: Place


@dataclass(frozen=True)
class Override:
    """`!override`: this stands instead of what earlier files say."""

    node: Node


Node: TypeAlias = "Scalar | Reset | Override | dict[str, Node] | list[Node]"
Tree: TypeAlias = "dict[str, Node]"


def parse(text: str, file: str) -> list[Tree]:
    """The documents of a file, without empty ones. `file` is its name for people.

    Raises UsageError for what is no YAML, or no mapping."""
    import yaml

    loader = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
    builder = _Builder(file)
    try:
        trees = [builder.build(root) for root in yaml.compose_all(text, Loader=loader)]
    except yaml.YAMLError as error:
        raise _syntax_error(error, file) from error
    except RecursionError:
        raise UsageError(f"{file}: it is nested too deeply.") from None
    found: list[Tree] = []
    for tree in trees:
        if isinstance(tree, dict):
            found.append(tree)
        elif not is_null(tree):
            raise wrong(tree, "a Compose file is a mapping, with services in it.")
    return found


def wrong(node: Node, sentence: str) -> UsageError:
    """The refusal of what a file says at a node, with its place if the node holds anything that has one."""
    place = next(_places(node), None)
    return UsageError(sentence if place is None else f"{place}: {sentence}")


def is_null(node: Node | None) -> bool:
    """Nothing, or a key without a value."""
    return node is None or (isinstance(node, Scalar) and node.value is None)


def scalars(node: Node) -> Iterator[Scalar]:
    """Every value below a node."""
    if isinstance(node, Scalar):
        yield node
    elif isinstance(node, Override):
        yield from scalars(node.node)
    elif isinstance(node, dict):
        for inner in node.values():
            yield from scalars(inner)
    elif isinstance(node, list):
        for inner in node:
            yield from scalars(inner)


def _places(node: Node) -> Iterator[Place]:
    if isinstance(node, Reset):
        yield node.place
    else:
        yield from (scalar.place for scalar in scalars(node))


class _Builder:
    def __init__(self, file: str) -> None:
        self._file = file
        self._left = _MOST_NODES
        self._open: set[int] = set()

    def build(self, node: Any) -> Node:
        self._left -= 1
        if self._left < 0:
            raise UsageError(f"{self._file}: it holds too much, or its aliases do.")
        if node.tag == "!reset":
            return Reset(self._place(node))
        if id(node) in self._open:
            raise UsageError(f"{self._place(node)}: an alias stands inside of what it is an alias of.")
        self._open.add(id(node))
        built = self._plain(node)
        self._open.discard(id(node))
        return Override(built) if node.tag == "!override" else built

    def _plain(self, node: Any) -> Node:
        if node.id == "mapping":
            return self._mapping(node)
        if node.id == "sequence":
            return [self.build(one) for one in node.value]
        quoted = bool(node.style) or node.tag == "!"
        return Scalar(node.value if quoted else _plain_value(node.value), self._place(node))

    def _mapping(self, node: Any) -> Tree:
        own: Tree = {}
        inherited: Tree = {}
        for key, value in node.value:
            if key.id != "scalar":
                raise UsageError(f"{self._place(key)}: a key is a word.")
            if key.value == "<<" and not key.style:
                for one in value.value if value.id == "sequence" else [value]:
                    for name, inner in self._merged(one).items():
                        inherited.setdefault(name, inner)
            elif key.value in own:
                raise UsageError(f"{self._place(key)}: {key.value} stands there for the second time.")
            else:
                own[key.value] = self.build(value)
        return {**inherited, **own}

    def _merged(self, node: Any) -> Tree:
        built = self.build(node)
        if not isinstance(built, dict):
            raise UsageError(f"{self._place(node)}: << takes mappings.")
        return built

    def _place(self, node: Any) -> Place:
        return Place(self._file, node.start_mark.line + 1)


def _syntax_error(error: Any, file: str) -> UsageError:
    mark = getattr(error, "problem_mark", None)
    problem = str(getattr(error, "problem", None) or "a character that YAML does not have")
    where = file if mark is None else Place(file, mark.line + 1)
    return UsageError(f"{where}: this is not YAML: {problem}.")


def _plain_value(text: str) -> str | int | float | bool | None:
    if text in _NULLS:
        return None
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    if text[0] not in "+-.0123456789":
        return text
    digits = text.replace("_", "")
    whole = _whole(digits)
    if whole is not None:
        return whole
    return float(digits) if _FRACTION.fullmatch(digits) else text


def _whole(text: str) -> int | None:
    match = _WHOLE.fullmatch(text)
    if match is None:
        return None
    try:
        number = int(match["digits"], _BASES[(match["prefix"] or "").lower()])
    except ValueError:
        return None
    return -number if match["sign"] == "-" else number


def _short(number: float) -> str:
    """As Go prints it: the fewest digits that tell the number from all others, with an exponent from a
    million on and below a ten-thousandth."""
    shortest = Decimal(repr(number)).normalize()
    if not shortest.is_finite():
        return str(number)
    exponent = shortest.adjusted()
    if -4 <= exponent < 6:
        return f"{shortest:f}"
    return f"{shortest.scaleb(-exponent):f}e{exponent:+03d}"
