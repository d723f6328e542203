"""What is looked at while something else happens."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from pathlib import Path

import httpx
import psutil

from .bed import Bed


class Watch:
    """Asks for `/` all the while; `longest` is the longest time without an answer, in seconds."""

    def __init__(self, bed: Bed) -> None:
        self._url = bed.facts.base_url
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._ask)
        self.longest = 0.0

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _ask(self) -> None:
        with httpx.Client(base_url=self._url, timeout=60, trust_env=False) as http:
            while not self._over.wait(0.01):
                began = time.perf_counter()
                http.get("/")
                self.longest = max(self.longest, time.perf_counter() - began)


class Children:
    """Notes every child that a process has while this is entered."""

    def __init__(self, process: psutil.Process) -> None:
        self._process = process
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look)
        self.seen: set[int] = set()

    def __enter__(self) -> Children:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        path = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
        while not self._over.wait(0.001):
            with suppress(OSError):
                self.seen.update(map(int, path.read_text().split()))
