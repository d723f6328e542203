"""Folders laid out as KATO's repository, with an application of the tests' own in them."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

CHECKOUT = Path(__file__).parent / "checkout"
APPLICATION = Path("kato/services/kato_fastapi.py")

#: Makes a checkout of its own for a test, which may change it.
MakeCheckout = Callable[[], Path]


def make(folder: Path) -> Path:
    """Committed, with a developer's `.env` beside it, which in KATO's working folder stops it from
    starting."""
    shutil.copytree(CHECKOUT, folder, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / ".env").write_text("COMPOSE_PROJECT_NAME=kato\n")
    (folder / ".gitignore").write_text("__pycache__/\n.env\n")
    git(folder, "init", "--quiet")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "--message", "all")
    return folder


def git(folder: Path, *arguments: str) -> str:
    """What git says; its user is nobody."""
    who = {"GIT_AUTHOR_NAME": "n", "GIT_AUTHOR_EMAIL": "n@example.org"}
    who |= {"GIT_COMMITTER_NAME": "n", "GIT_COMMITTER_EMAIL": "n@example.org"}
    # A hook's own repository is another one.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    done = subprocess.run(
        ["git", "-C", str(folder), *arguments],
        env=environment | who,
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout.strip()
