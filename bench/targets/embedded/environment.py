"""The environment and the cores that the parts of the deployment get."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from pathlib import Path

# Everything else stays with the user: their REDIS_URL or UVICORN_LOG_LEVEL would silently change a part.
_PASSED_ON = frozenset(
    {
        "HOME", "LANG", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "LOGNAME", "PATH", "PYTHONDONTWRITEBYTECODE",
        "PYTHONHOME", "PYTHONPYCACHEPREFIX", "SHELL", "TMPDIR", "TZ", "USER", "VIRTUAL_ENV",
    }
)  # fmt: skip

_OF_OUR_PYTHON = frozenset({"PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV"})

_QUOTA = Path("/sys/fs/cgroup/cpu.max")


def for_part(own: Mapping[str, str]) -> dict[str, str]:
    """The part's own variables on top of what every program needs from the user's environment."""
    passed = {
        name: value for name, value in os.environ.items() if name in _PASSED_ON or name.startswith("LC_")
    }
    path = os.environ.get("PYTHONPATH")
    if path:  # the parts run in folders of their own, where a relative entry means something else
        passed["PYTHONPATH"] = os.pathsep.join(
            str(Path(entry).absolute()) for entry in path.split(os.pathsep) if entry
        )
    return {**passed, "PYTHONUNBUFFERED": "1", **own}


def for_foreign(own: Mapping[str, str]) -> dict[str, str]:
    """The same for a program with a Python of its own: nothing of what says where ours imports from."""
    passed = {name: value for name, value in for_part({}).items() if name not in _OF_OUR_PYTHON}
    return {**passed, **own}


def cores(quota: Path = _QUOTA) -> int:
    """Cores that this process may use: its affinity, or its CPU quota (cgroup v2) rounded up."""
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        limit, period = quota.read_text().split()
        return min(available, math.ceil(int(limit) / int(period)))
    except (OSError, ValueError, ZeroDivisionError):  # no quota reads "max 100000"
        return available
