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
from bench.record.vocabulary import OPERATIONS

_GROUP = "kato_bench.scenarios"


@dataclass(frozen=True)
class Scenario:
    """`about` is the file's literal `SCENARIO`: title, operations, options, defaults, and perhaps `mix`, the
    share of each operation of the requests at the default options."""

    name: str
    path: Path
    about: dict[str, Any]


def _files() -> dict[str, Path | UsageError]:
    """Every file that may hold a scenario, by name; of an entry point that leads nowhere, the refusal."""
    package = find_spec("scenarios")
    folders = [Path(place) for place in (package.submodule_search_locations or ())] if package else []
    files: dict[str, Path | UsageError] = {
        path.stem: path for folder in folders for path in sorted(folder.glob("*.py"))
    }
    for entry in entry_points(group=_GROUP):
        try:
            # This imports the package around the module, where anything may go wrong.
            spec = find_spec(entry.module)
        except Exception as error:
            files[entry.name] = UsageError(f"The scenario {entry.name} ({entry.value}) is broken: {error}.")
            continue
        if spec is not None and spec.origin:
            files[entry.name] = Path(spec.origin)
    return files


def _read(path: Path) -> dict[str, Any] | None:
    """The literal SCENARIO of a file, None if it has none.

    Raises UsageError for what is no Python, and for a SCENARIO that says too little."""
    try:
        parsed = ast.parse(path.read_text(encoding="utf-8")).body
    except SyntaxError as error:
        raise UsageError(f"{path}, line {error.lineno}: this is not Python: {error.msg}.") from error
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}.") from error
    for node in parsed:
        if isinstance(node, ast.Assign):
            targets, value = node.targets, node.value
        elif isinstance(node, ast.AnnAssign) and node.value is not None:
            targets, value = [node.target], node.value
        else:
            continue
        if isinstance(targets[0], ast.Name) and targets[0].id == "SCENARIO":
            try:
                about = ast.literal_eval(value)
            except (ValueError, TypeError) as error:
                raise UsageError(
                    f"{path}, line {node.lineno}: SCENARIO must be a literal, without names and calls."
                ) from error
            if (complaint := _lacks(about)) is not None:
                raise UsageError(f"{path}, line {node.lineno}: SCENARIO {complaint}.")
            return dict(about)
    return None


def _lacks(about: object) -> str | None:
    """What is wrong with a SCENARIO; None if nothing is."""
    if not isinstance(about, dict):
        return "must be a dictionary"
    kinds = {"title": str, "operations": list, "options": dict, "defaults": dict}
    for key, kind in kinds.items():
        if not isinstance(about.get(key), kind):
            return f"needs {key!r}, a {kind.__name__}"
    unknown = [name for name in about["operations"] if name not in OPERATIONS]
    if unknown:
        return f"names an operation {unknown[0]!r}; there are {', '.join(OPERATIONS)}"
    for name in ("nodes", "sessions"):
        option = about["options"].get(name)
        if not isinstance(option, dict) or not isinstance(option.get("default"), int):
            return f"needs an option {name!r} with a whole number as its default"
    for name, option in about["options"].items():
        if not isinstance(option, dict) or type(option.get("default")) not in (int, float, bool):
            return f"needs a number, true or false as the default of {name!r}"
    rate = about["defaults"].get("rate")
    if not isinstance(rate, int | float) or not rate > 0:
        return "needs a rate among its defaults, above 0"
    return None


def _catalogue() -> dict[str, Scenario | UsageError]:
    """Every scenario by name, and why one cannot be used."""
    found: dict[str, Scenario | UsageError] = {}
    for name, path in _files().items():
        if isinstance(path, UsageError):
            found[name] = path
            continue
        try:
            about = _read(path)
        except UsageError as error:
            found[name] = error
        else:
            if about is not None:
                found[name] = Scenario(name, path, about)
    return found


def scenarios() -> dict[str, Scenario]:
    """All installed scenarios by name: the files of `scenarios/`, and other packages' entry points. A broken
    one is left out; `find` says why."""
    return {name: one for name, one in _catalogue().items() if isinstance(one, Scenario)}


def find(name: str) -> Scenario:
    """Raises UsageError that lists the scenarios there are, or says what is wrong with this one."""
    known = _catalogue()
    found = known.get(name)
    if isinstance(found, UsageError):
        raise found
    if found is None:
        near = difflib.get_close_matches(name, known, n=1)
        hint = f" Did you mean {near[0]}?" if near else ""
        raise UsageError(f"There is no scenario {name!r}.{hint} There are: {', '.join(sorted(known))}.")
    return found


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
