"""The tables that a KATO needs in ClickHouse before it starts: it never makes them itself."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode
from uuid import uuid4

from bench.errors import PartFailedError, UsageError
from bench.targets.embedded.patterns.statement import tokens
from bench.targets.embedded.ports import HOST

_SECONDS = 60.0
_SHOWN = 300


def make(port: int, script: Path) -> None:
    """Run a script of statements on the pattern store of this machine, as the image of ClickHouse runs it at
    its first start: in one session, up to the first error.

    Raises UsageError, with the line, for a statement that the engine refuses."""
    try:
        text = script.read_bytes()
    except OSError as error:
        raise UsageError(f"{script} cannot be read ({error.strerror}).") from error
    session = urlencode({"session_id": f"init-{uuid4().hex}", "session_timeout": "60"})
    for line, statement in statements(text):
        try:
            status, answer = _post(port, f"/?{session}", statement)
        except (OSError, http.client.HTTPException) as error:
            raise PartFailedError(f"The pattern store does not take {script}: {error}.") from error
        if status != http.client.OK:
            raise UsageError(
                f"{script}, line {line}: the pattern store refuses this statement: {_first_line(answer)}"
            )


def statements(text: bytes) -> Iterator[tuple[int, bytes]]:
    """Each statement of a script, without the semicolon, and the line where it begins."""
    begin = end = None
    for token in tokens(text):
        if token[0] == b";":
            if begin is not None:
                yield text.count(b"\n", 0, begin) + 1, text[begin:end]
            begin = None
        else:
            begin = token.start() if begin is None else begin
            end = token.end()
    if begin is not None:
        yield text.count(b"\n", 0, begin) + 1, text[begin:end]


def _post(port: int, path: str, body: bytes) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(HOST, port, timeout=_SECONDS)
    try:
        connection.request("POST", path, body)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def _first_line(answer: bytes) -> str:
    text = answer.decode("utf-8", "replace").strip()
    line = text.splitlines()[0] if text else "it does not say why"
    return line if len(line) <= _SHOWN else f"{line[:_SHOWN]}…"
