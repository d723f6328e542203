"""Who made a run, and whether it came to anything, from its manifest alone: cheap to ask of many."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

#: `run.json` is named here too: `folder` imports this module.
_MANIFEST = "run.json"


def is_inner(folder: Path) -> bool:
    """Whether the run is a step of a gate, a search or a growth: those mark their runs with tags."""
    tags = _tags(_manifest(folder))
    return "capacity" in tags or {"side", "pair"} <= tags.keys()


def newest_worth_reading(runs: Sequence[Path]) -> Path:
    """The first of `runs` (at least one, newest first) that somebody made for itself and that measured
    something; the first of all where there is none."""
    return next((run for run in runs if not is_inner(run) and not _measured_nothing(run)), runs[0])


def _measured_nothing(folder: Path) -> bool:
    """Whether the run ended before its measure phase. Of one that was killed or still goes on, and of a
    damaged one, nobody can say so: it is not passed over."""
    manifest = _manifest(folder)
    if manifest.get("status") not in ("finished", "interrupted"):
        return False
    phases = manifest.get("phases")
    return isinstance(phases, list) and not any(
        isinstance(phase, dict) and phase.get("name") == "measure" for phase in phases
    )


def _tags(manifest: dict[str, Any]) -> dict[str, Any]:
    plan = manifest.get("plan")
    found = plan.get("tags") if isinstance(plan, dict) else None
    return found if isinstance(found, dict) else {}


def _manifest(folder: Path) -> dict[str, Any]:
    """What stands there, unchecked; empty where it cannot be read."""
    try:
        found = json.loads((folder / _MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
