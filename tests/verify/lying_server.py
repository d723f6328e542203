"""A server with KATO's contract whose predictions follow from the short-term memory alone, and which lies.

    python lying_server.py --lie LIE --every N --sessions S     (prints its port)

It lies in each N-th prediction of a session among the first S that were opened: under load, and not to who
asks again. LIE: `none`; `field` (another potential), `missing` (one prediction less), `empty` (none at all),
`stranger` (the short-term memory of another session), `order` (the first two change places); and what is no
lie: `ties` (equals change places), `noise` (the last digits of a sum).
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
from typing import Any

import httptools

NOT_FOUND = b"404 Not Found", {"detail": "no such session"}


def predictions_of(stm: list[list[str]]) -> list[dict[str, Any]]:
    """Four of them, two with the same potential."""
    root = hashlib.sha1(json.dumps(stm).encode()).hexdigest()
    return [
        {
            "name": f"{root[:12]}{rank}",
            "potential": potential + len(stm) / 7,
            "similarity": potential / 4,
            "matches": [word for event in stm for word in event],
            "future": [[f"after {root[:4]}"]],
        }
        for rank, potential in enumerate((3.0, 2.0, 1.0, 1.0))
    ]


def lie(kind: str, stm: list[list[str]]) -> list[dict[str, Any]]:
    found = predictions_of(stm if kind != "stranger" else [["of", "another"]])
    if kind == "field":
        found[1]["potential"] *= 1.01
    elif kind == "noise":
        found[1]["potential"] *= 1 + 1e-13
    elif kind == "missing":
        del found[1]
    elif kind == "empty":
        found = []
    elif kind == "ties":
        found[2], found[3] = found[3], found[2]
    elif kind == "order":
        found[0], found[1] = found[1], found[0]
    return found


class Kato:
    """The state of the server: sessions with their short-term memory, and how often each was asked."""

    def __init__(self, kind: str, every: int, lied_to: int) -> None:
        self._kind = kind
        self._every = every
        self._lied_to = lied_to
        self._memories: dict[str, list[list[str]]] = {}
        self._asked: dict[str, int] = {}

    def answer(self, method: str, path: str, body: bytes) -> tuple[bytes, Any]:
        parts = path.strip("/").split("/")
        if parts == [""]:
            return b"200 OK", {"service": "KATO API", "version": "3.10.1", "status": "running"}
        if parts[0] != "sessions":
            return b"200 OK", {"status": "healthy", "service_name": "kato"}
        if len(parts) == 1:
            name = f"session-{len(self._memories) + 1}"
            self._memories[name] = []
            return b"200 OK", {"session_id": name}
        if parts[1] not in self._memories:
            return NOT_FOUND
        return b"200 OK", self._of_session(parts[1], parts[2] if len(parts) > 2 else "", body)

    def _of_session(self, session: str, operation: str, body: bytes) -> Any:
        memory = self._memories[session]
        if operation == "observe":
            memory.append(json.loads(body)["strings"])
            return {"status": "okay", "stm_length": len(memory)}
        if operation == "observe-sequence":
            events = json.loads(body)["observations"]
            memory.extend(event["strings"] for event in events)
            return {"status": "okay", "observations_processed": len(events)}
        if operation == "learn" or operation == "clear-stm":
            memory.clear()
            return {"status": "okay", "pattern_name": "PTRN|0"}
        if operation == "predictions":
            return self._predictions(session, memory)
        return {"status": "okay"}

    def _predictions(self, session: str, memory: list[list[str]]) -> Any:
        self._asked[session] = asked = self._asked.get(session, 0) + 1
        lies = int(session.rpartition("-")[2]) <= self._lied_to and asked % self._every == 0
        found = lie(self._kind, memory) if lies else predictions_of(memory)
        return {"predictions": found, "future_potentials": [], "session_id": session, "count": len(found)}


class Connection(asyncio.Protocol):
    def __init__(self, kato: Kato) -> None:
        self._kato = kato
        self._parser = httptools.HttpRequestParser(self)
        self._url = self._body = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        status, answer = self._kato.answer(self._parser.get_method().decode(), self._url.decode(), self._body)
        self._url = self._body = b""
        content = json.dumps(answer).encode()
        head = b"HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
        self._transport.write(head % (status, len(content)) + content)


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--lie", default="none")
    parser.add_argument("--every", type=int, default=5)
    parser.add_argument("--sessions", type=int, default=1_000_000)
    options = parser.parse_args()
    kato = Kato(options.lie, options.every, options.sessions)
    server = await asyncio.get_running_loop().create_server(lambda: Connection(kato), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
