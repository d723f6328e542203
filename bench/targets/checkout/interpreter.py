"""The Python that a checkout runs with: which one, and what it brings."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.errors import UsageError
from bench.targets.checkout.layout import Checkout
from bench.targets.embedded import environment

_SECONDS = 30.0

#: What decides the cost of KATO's requests, besides KATO.
_LIBRARIES = (
    *("uvicorn", "uvloop", "httptools", "fastapi", "pydantic", "redis", "qdrant-client"),
    *("clickhouse-connect", "rapidfuzz", "numpy"),
)
_TELL = """
import json, platform, sys
from importlib import metadata
found = {}
for name in sys.argv[1:]:
    try:
        found[name] = metadata.version(name)
    except metadata.PackageNotFoundError:
        pass
told = {"version": platform.python_version(), "build": sys.version + platform.machine(), "libraries": found}
print(json.dumps(told))
"""


@dataclass(frozen=True)
class Interpreter:
    """`build` differs where compiled packages of one cannot serve another. `libraries`: name -> version, of
    those that are installed."""

    path: Path
    version: str
    build: str
    libraries: Mapping[str, str]


def chosen(checkout: Checkout, wanted: str | None) -> Interpreter:
    """The one of `--kato-python`, a path or a command; else that of an environment in the checkout; else the
    one that kato-bench runs with. Raises UsageError where it does not work."""
    if wanted is None:
        return _asked(checkout.interpreter or Path(sys.executable))
    found = wanted if os.sep in wanted else shutil.which(wanted)
    if found is None or not Path(found).is_file():
        raise UsageError(f"--kato-python {wanted}: there is no such program; give the path of a Python.")
    # Its links stay: an environment is known by the path of its interpreter.
    return _asked(Path(found).absolute())


def in_environment(folder: Path) -> Interpreter:
    """That of a virtual environment. Raises UsageError where it does not work."""
    return _asked(folder / "bin" / "python")


def _asked(path: Path) -> Interpreter:
    try:
        done = subprocess.run(
            [str(path), "-c", _TELL, *_LIBRARIES],
            env=environment.for_foreign({}),
            # Nothing to import by accident lies there.
            cwd=path.anchor,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_SECONDS,
            check=False,
        )
        told = json.loads(done.stdout)
        return Interpreter(path, told["version"], told["build"], told["libraries"])
    except (OSError, subprocess.TimeoutExpired, ValueError, KeyError, TypeError) as error:
        raise UsageError(
            f"{path} is no Python that works ({_first_line(error)}); name one with --kato-python."
        ) from error


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
