"""Where run folders are, what they are called, and which one a name means."""

from __future__ import annotations

import difflib
import re
import secrets
import string
from datetime import UTC, datetime
from pathlib import Path

from bench.errors import UsageError
from bench.record.origin import newest_worth_reading
from bench.record.writing import write_failure

DEFAULT_BASE = Path("results/runs")
MANIFEST = "run.json"

#: Colons are not allowed in file names everywhere, so the time of day is written with hyphens.
_STAMP = "%Y-%m-%dT%H-%M-%SZ"
#: Letters of a name that a sentence repeats.
_SHOWN = 100
_NAME = re.compile(r"\d{4}-\d\d-\d\dT\d\d-\d\d-\d\dZ-.+-[a-z]{4}")


def run_id(scenario: str, created: datetime) -> str:
    """A new id `<utc>-<scenario>-<4 letters>`; the letters keep runs of the same second apart.

    A scenario given as a file counts by the file's name; what cannot stand in a file name becomes `_`."""
    name = re.sub(r"[^A-Za-z0-9_]+", "_", Path(scenario).stem).strip("_") or "run"
    letters = "".join(secrets.choice(string.ascii_lowercase) for _ in range(4))
    return f"{created.astimezone(UTC).strftime(_STAMP)}-{name}-{letters}"


def run_letters(run: str) -> str:
    """Letters and digits that tell a run's nodes from those of every other, from its id."""
    stamp, letters = run[:19], run[-4:]
    return "".join(c for c in stamp if c.isdigit())[4:] + letters


def node_prefix(run: str) -> str:
    """What the names of a run's nodes begin with, and those of nobody else's."""
    return f"bench_{run_letters(run)}_"


def create(scenario: str, base: Path | None = None, created: datetime | None = None) -> Path:
    """Make the folder of a new run in `base` (default: results/runs here); its name is the run id.

    Raises UsageError if it cannot be made there."""
    base = base or DEFAULT_BASE
    try:
        str(base).encode()
    except UnicodeEncodeError:
        raise UsageError(f"--out {str(base)!r}: the name of the folder is not valid UTF-8.") from None
    moment = created or datetime.now(UTC)
    try:
        base.mkdir(parents=True, exist_ok=True)
        while True:
            folder = base / run_id(scenario, moment)
            try:
                folder.mkdir()
            except FileExistsError:
                continue
            return folder
    except (FileExistsError, NotADirectoryError):
        raise UsageError(f"{base} is not a folder; name one with --out.") from None
    except OSError as error:
        raise UsageError(f"{write_failure(base, error)}; name another folder with --out.") from error


def list_runs(base: Path | None = None) -> list[Path]:
    """The run folders in `base`, newest first; runs of the same second in the order they were written."""
    base = base or DEFAULT_BASE
    if not base.is_dir():
        return []
    folders = [path for path in base.iterdir() if _NAME.fullmatch(path.name) and path.is_dir()]
    return sorted(folders, key=lambda path: (path.name[:20], path.stat().st_mtime_ns), reverse=True)


def find_run(name: str, base: Path | None = None) -> Path:
    """The run folder that `name` means: a path, `latest`, a full id, its four letters, or a prefix of one id.

    Raises UsageError if there is none, or more than one; the sentence names the nearest."""
    if not name:
        raise UsageError("A run must be named: its id, the beginning of one, `latest`, or a path.")
    path = Path(name)
    if path.name == MANIFEST and _exists(path):
        return path.parent
    if _exists(path / MANIFEST):
        return path
    base = base or DEFAULT_BASE
    runs = list_runs(base)
    if "/" in name or (not runs and _exists(path)):
        raise UsageError(_no_run_at(path))
    if not runs:
        raise UsageError(
            f"There is no run in {base}; measure one with `kato-bench run`, or name it by its path."
        )
    if name == "latest":
        return newest_worth_reading(runs)
    by_id = {run.name: run for run in runs}
    if name in by_id:
        return by_id[name]
    matches = [run for run in runs if run.name.startswith(name) or run.name.rsplit("-", 1)[1] == name]
    if len(matches) == 1:
        return matches[0]
    if matches:
        shown = ", ".join(run.name for run in matches[:3]) + (", …" if len(matches) > 3 else "")
        raise UsageError(f"`{name}` means {len(matches)} runs in {base}: {shown}; write more of the id.")
    if _exists(path):
        raise UsageError(_no_run_at(path))
    near = difflib.get_close_matches(name, by_id, n=1, cutoff=0.0)
    raise UsageError(f"There is no run `{_short(name)}` in {base}; the nearest is {near[0]}.")


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):
        # A name too long for a file system, or in a folder that may not be looked into.
        return False


def _no_run_at(path: Path) -> str:
    if _exists(path):
        return f"{path} is no run: it has no {MANIFEST}; name the folder of one."
    return f"There is no {_short(str(path))}; name the folder of a run."


def _short(name: str) -> str:
    return name if len(name) <= _SHOWN else f"{name[:_SHOWN]}…"
