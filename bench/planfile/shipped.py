"""Plans by name: those that come with kato-bench, and files."""

from __future__ import annotations

import difflib
import sys
from pathlib import Path
from typing import BinaryIO

from bench.errors import UsageError
from bench.loadgen.catalogue import scenarios
from bench.planfile.reading import parse
from bench.planfile.stated import PlanFile

FOLDER = Path(__file__).parents[1] / "plans"
#: The plan comes on standard input.
STDIN = "-"
_LARGEST = 2**20


def names() -> list[str]:
    """Of the plans that come with kato-bench."""
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


def load(plan: str) -> PlanFile:
    """`plan`: the path of a file, `-` for standard input, or a shipped plan's name.

    Raises UsageError where there is none, and for what is no plan."""
    if plan == STDIN:
        return parse(_from_stdin(), "standard input", Path())
    if plan in names():
        path, name = FOLDER / f"{plan}.toml", f"plan {plan}"
    else:
        path, name = Path(plan), plan
    return parse(_from_file(path, name), name, path.parent)


def _from_stdin() -> str:
    name = "standard input"
    if sys.stdin is None:
        raise UsageError(f"{name} is closed: send the plan there, or name its file.")
    try:
        # Not its text, whose encoding the locale decides.
        return _text(sys.stdin.buffer, name)
    except OSError as error:
        raise UsageError(f"{name} cannot be read: {error.strerror}.") from error


def _from_file(path: Path, name: str) -> str:
    try:
        with path.open("rb") as file:
            return _text(file, name)
    except IsADirectoryError:
        raise UsageError(f"{name} is a folder; name a plan file, such as {path / 'plan.toml'}.") from None
    except (FileNotFoundError, NotADirectoryError):
        raise _no_plan(path, name) from None
    except OSError as error:
        raise UsageError(f"{name} cannot be read: {error.strerror}.") from error


def _text(file: BinaryIO, name: str) -> str:
    content = file.read(_LARGEST + 1)
    if len(content) > _LARGEST:
        raise UsageError(f"{name} is larger than 1 MiB: this is no plan.")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UsageError(f"{name} is not UTF-8: save it as UTF-8 text.") from None


def _no_plan(path: Path, plan: str) -> UsageError:
    if path.suffix == ".toml" or path.parent != Path():
        return UsageError(f"There is no plan file {plan}.")
    if plan in scenarios():
        return UsageError(f"{plan} is a scenario: say --scenario {plan}.")
    near = difflib.get_close_matches(plan, names(), n=1)
    hint = f" Did you mean {near[0]}?" if near else ""
    return UsageError(
        f"There is no plan {plan!r}.{hint} There are {', '.join(names())}; or name a file, such as plan.toml."
    )
