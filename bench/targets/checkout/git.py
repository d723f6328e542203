"""Which commit a folder is at, as far as git tells."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from bench.targets.embedded import environment

_SECONDS = 10.0


@dataclass(frozen=True)
class Revision:
    """`dirty`: tracked files differ from the commit; None where git does not say in time."""

    commit: str
    dirty: bool | None


def revision(folder: Path) -> Revision | None:
    """None where there is no git, the folder is in no repository, or that has no commit."""
    commit = _git(folder, "rev-parse", "HEAD")
    if commit is None:
        return None
    changes = _git(folder, "status", "--porcelain", "--untracked-files=no", "--", ".")
    return Revision(commit.strip(), None if changes is None else bool(changes.strip()))


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments],
            # Without the user's GIT_DIR, which names another repository, and without a lock on the index.
            env=environment.for_part({"GIT_OPTIONAL_LOCKS": "0"}),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.decode("utf-8", "replace") if done.returncode == 0 else None
