"""Plans by name: those that come with kato-bench, and files."""

from __future__ import annotations

import difflib
import sys
from pathlib import Path

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
        _require_file(path, plan)
    return parse(_text(path, name), name, path.parent)


def _from_stdin() -> str:
    try:
        return sys.stdin.read()
    except UnicodeDecodeError:
        raise UsageError("standard input is not UTF-8: send UTF-8 text.") from None


def _text(path: Path, name: str) -> str:
    try:
        if path.stat().st_size > _LARGEST:
            raise UsageError(f"{name} is larger than 1 MiB: this is no plan.")
        return path.read_bytes().decode("utf-8-sig")

    except OSError as error:
        raise UsageError(f"{name} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError:
        raise UsageError(f"{name} is not UTF-8: save it as UTF-8 text.") from None


def _require_file(path: Path, plan: str) -> None:
    if path.is_file():
        return
    if path.is_dir():
        raise UsageError(f"{plan} is a folder; name a plan file, such as {path / 'plan.toml'}.")
    if path.suffix == ".toml" or path.parent != Path():
        raise UsageError(f"There is no plan file {plan}.")
    if plan in scenarios():
        raise UsageError(f"{plan} is a scenario: say --scenario {plan}.")
    near = difflib.get_close_matches(plan, names(), n=1)
    hint = f" Did you mean {near[0]}?" if near else ""
    raise UsageError(
        f"There is no plan {plan!r}.{hint} There are {', '.join(names())}; or name a file, such as plan.toml."
    )
