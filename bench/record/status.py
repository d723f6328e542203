"""What became of a run whose manifest still says `running`."""

from __future__ import annotations

import time
from pathlib import Path

from bench.record.manifest import Manifest
from bench.record.writer import is_alive

#: A live run writes its metrics every second; after this many seconds of silence on a host that cannot be
#: looked at, its writer counts as gone.
_SILENCE = 60.0


def judged(manifest: Manifest, folder: Path) -> Manifest:
    """The manifest with `interrupted` in place of `running` if its writer is gone."""
    if manifest.status != "running":
        return manifest
    alive = is_alive(manifest.writer)
    if alive or (alive is None and _age(folder) < _SILENCE):
        return manifest
    return manifest.model_copy(
        update={
            "status": "interrupted",
            "reason": manifest.reason or "the process that measured ended without finishing the run",
        }
    )


def _age(folder: Path) -> float:
    """Seconds since anything in the folder was written."""
    return time.time() - max(path.stat().st_mtime for path in [folder, *folder.iterdir()])
