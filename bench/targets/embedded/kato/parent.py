"""A worker must not outlive the process that started it."""

from __future__ import annotations

import multiprocessing
import os
import threading
import time

_POLL_SECONDS = 0.5


def end_with_parent() -> None:
    """Ends this process, without ceremony, within a second of its parent's disappearance.

    A thread watches, so that a busy event loop does not delay it."""
    spawner = multiprocessing.parent_process()
    parent = os.getppid() if spawner is None else spawner.pid
    threading.Thread(target=_watch, args=(parent,), name="parent-watch", daemon=True).start()


def _watch(parent: int | None) -> None:
    while os.getppid() == parent:
        time.sleep(_POLL_SECONDS)
    os._exit(1)
