"""The pattern store as KATO reads it: tokens pasted into SQL, a client that blocks, failures for nothing."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Mapping
from typing import Any

import httpx

from bench.targets.embedded.faults.values import Hang
from bench.targets.embedded.kato.domain import Pattern
from bench.targets.embedded.kato.faults.requests import Ballast
from bench.targets.embedded.kato.patterns import PatternStore, PatternStoreError, text

log = logging.getLogger("kato.patterns")

_PLACEHOLDER = re.compile(r"\{(\w+):[^}]+\}")
_OF_ONE_SYMBOL = "first"
_CONNECT_SECONDS = 10.0
_READ_SECONDS = 30.0
_ROUND_SECONDS = 0.044
"""What one failing query and its handling take KATO, measured: 21 s for 477 of them."""


class PlantedPatternStore(PatternStore):
    """`rounds`: how often a query that a quote has broken is repeated, None where quotes are escaped. `hang`:
    whether, and how soon, a read that gets no answer counts as one that found nothing. `index_size`: bytes
    that each pattern leaves in memory. What differs from a healthy read blocks the event loop, as in KATO."""

    def __init__(
        self, rounds: int | None, hang: Hang | None, index_size: int, *more: Any, **named: Any
    ) -> None:
        super().__init__(*more, **named)
        self._rounds = rounds
        self._hangs = hang is not None
        patience = hang.patience if hang is not None else _READ_SECONDS
        self._blocking = httpx.Client(
            timeout=httpx.Timeout(patience, connect=_CONNECT_SECONDS), trust_env=False
        )
        self._index = Ballast(index_size) if index_size else None

    async def add(self, kb: str, pattern: Pattern) -> None:
        await super().add(kb, pattern)
        if self._index is not None:
            self._index.grow()

    async def _post(self, statement: str | bytes, parameters: Mapping[str, Any] | None = None) -> bytes:
        reads = isinstance(statement, str) and statement.startswith("SELECT")
        if reads and self._rounds is not None and _has_quote(parameters or {}):
            return self._ask_pasted(str(statement), parameters or {}, self._rounds)
        if reads and self._hangs:
            return self._ask_patiently(str(statement), parameters or {})
        return await super()._post(statement, parameters)

    def _ask_pasted(self, statement: str, parameters: Mapping[str, Any], rounds: int) -> bytes:
        """A filter's failure counts as nothing found. The prediction for one symbol answers a failure by
        asking again, until Python's stack ends."""
        pasted = paste(statement, parameters)
        for _ in range(rounds if _OF_ONE_SYMBOL in parameters else 1):
            due = time.monotonic() + _ROUND_SECONDS
            answer = self._blocking.post(self._url, content=pasted, headers=self._headers)
            if answer.is_success:
                return answer.content
            log.error("query failed: %s", answer.text.strip())
            time.sleep(max(0.0, due - time.monotonic()))
        if _OF_ONE_SYMBOL in parameters:
            raise RecursionError("maximum recursion depth exceeded")
        return b""

    def _ask_patiently(self, statement: str, parameters: Mapping[str, Any]) -> bytes:
        try:
            answer = self._blocking.post(
                self._url,
                content=statement,
                params={f"param_{name}": text(value) for name, value in parameters.items()},
                headers=self._headers,
            )
        except httpx.TimeoutException as error:
            log.error("query failed: %r", error)
            return b""
        if not answer.is_success:
            raise PatternStoreError(answer.text.strip())
        return answer.content


def paste(statement: str, parameters: Mapping[str, Any]) -> str:
    """The statement with its parameters written into it as they are, nothing escaped."""
    return _PLACEHOLDER.sub(lambda match: _pasted(parameters[match[1]]), statement)


def _pasted(value: Any) -> str:
    if isinstance(value, str):
        return f"'{value}'"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_pasted, value))}]"
    return str(value)


def _has_quote(parameters: Mapping[str, Any]) -> bool:
    return any("'" in one for value in parameters.values() for one in _texts(value))


def _texts(value: Any) -> list[str]:
    found = value if isinstance(value, list | tuple) else [value]
    return [one for one in found if isinstance(one, str)]
