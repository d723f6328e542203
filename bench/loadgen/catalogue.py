"""The scenarios that are installed, read without importing them: an import would bring in Locust, which
patches the sockets and threads of the whole process."""

from __future__ import annotations

import ast
import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from bench.errors import UsageError

_GROUP = "kato_bench.scenarios"


@dataclass(frozen=True)
class Scenario:
    """`about` is the file's literal `SCENARIO`: title, operations, options, defaults, and perhaps `mix`, the
    share of each operation of the requests at the default options."""

    name: str
    path: Path
    about: dict[str, Any]


def _files() -> dict[str, Path]:
    package = find_spec("scenarios")
    folders = [Path(place) for place in (package.submodule_search_locations or ())] if package else []
    files = {path.stem: path for folder in folders for path in sorted(folder.glob("*.py"))}
    for entry in entry_points(group=_GROUP):
        spec = find_spec(entry.module)
        if spec is not None and spec.origin:
            files[entry.name] = Path(spec.origin)
    return files


def _read(path: Path) -> dict[str, Any] | None:
    """The literal SCENARIO of a file, None if it has none."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if (
            isinstance(node, ast.Assign)
            and isinstance(node.targets[0], ast.Name)
            and node.targets[0].id == "SCENARIO"
        ):
            about: dict[str, Any] = ast.literal_eval(node.value)
            return about
    return None


def scenarios() -> dict[str, Scenario]:
    """All installed scenarios by name: the files of `scenarios/`, and other packages' entry points."""
    found = ((name, path, _read(path)) for name, path in _files().items())
    return {name: Scenario(name, path, about) for name, path, about in found if about is not None}


def find(name: str) -> Scenario:
    """Raises UsageError that lists the scenarios there are."""
    known = scenarios()
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        hint = f" Did you mean {near[0]}?" if near else ""
        raise UsageError(f"There is no scenario {name!r}.{hint} There are: {', '.join(sorted(known))}.")
    return known[name]


def option_values(about: Mapping[str, Any], given: Mapping[str, str]) -> dict[str, Any]:
    """The scenario's options with defaults filled in and `given` text values read and checked.

    Raises UsageError for an unknown option, a value of another type, or one out of range."""
    options: Mapping[str, Mapping[str, Any]] = about["options"]
    values = {name: option["default"] for name, option in options.items()}
    for name, text in given.items():
        if name not in options:
            near = difflib.get_close_matches(name, options, n=1)
            hint = f" Did you mean {near[0]}?" if near else ""
            raise UsageError(
                f"--data {name}: this scenario has no such option.{hint} It has: {', '.join(options)}."
            )
        values[name] = _value(name, text, options[name])
    return values


def _value(name: str, text: str, option: Mapping[str, Any]) -> Any:
    kind = type(option["default"])
    if kind is bool:
        words = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
        if text.lower() not in words:
            raise UsageError(f"--data {name}={text}: say true or false.")
        return words[text.lower()]
    try:
        value = kind(text)
    except ValueError:
        wanted = {int: "a whole number", float: "a number"}[kind]
        raise UsageError(f"--data {name}={text}: {name} must be {wanted}.") from None
    low, high = option.get("min", float("-inf")), option.get("max", float("inf"))
    if not low <= value <= high:
        raise UsageError(f"--data {name}={text}: {name} must be from {low} to {high}.")
    return value
