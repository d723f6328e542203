"""A server that looks like KATO and does nothing: what a load generator measures against it is its own doing.

    python -m bench.loadgen.null_server [--port N] [--size BYTES] [--body JSON]     (prints its URL)

Every request is answered at once with the shortest answer that KATO's contract allows, predictions with a
body of about BYTES bytes if that is longer; with `--body`, everything with that. One thread, no event loop
of a library, and no parser of headers: it has to cost much less than the generator that is measured against
it. `--fd N` serves on a listening socket that was inherited.
"""

from __future__ import annotations

import argparse
import json
import selectors
import socket
from typing import Any

_RECEIVE = 262_144
_END = b"\r\n\r\n"
_LENGTH = b"content-length:"

_BODIES: dict[str, dict[str, Any]] = {
    "": {"service": "KATO API", "version": "3.10.1", "status": "running", "uptime_seconds": 1.0},
    "health": {"status": "healthy", "service_name": "kato", "uptime_seconds": 1.0, "last_collection": 1.0},
    "sessions": {"session_id": "session-null"},
    "observe": {"status": "okay", "stm_length": 1},
    "observe-sequence": {"status": "okay", "observations_processed": 1},
    "learn": {"status": "learned", "pattern_name": "PTRN|0"},
    "predictions": {"predictions": [], "count": 0},
    "stm": {"stm": [], "length": 0},
}


def _answer(body: dict[str, Any]) -> bytes:
    return _message(json.dumps(body, separators=(",", ":")).encode())


def _message(content: bytes) -> bytes:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    return head % len(content) + content


class _Connection:
    """One keep-alive connection and what has arrived of the next request."""

    def __init__(self, accepted: socket.socket, answers: dict[bytes, bytes], other: bytes) -> None:
        accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket = accepted
        self._answers = answers
        self._other = other
        self._rest = b""

    def serve(self) -> bool:
        """Answer every request that has arrived whole; False at the end of the connection."""
        try:
            data = self._socket.recv(_RECEIVE)
            if not data:
                return False
            if self._rest:
                data = self._rest + data
            answers = []
            while (end := data.find(_END)) >= 0:
                past = end + len(_END) + _body_length(data, end)
                if len(data) < past:
                    break
                path = data[: data.find(b" ", data.find(b" ") + 1)]
                answers.append(self._answers.get(path[path.rfind(b"/") + 1 :], self._other))
                data = data[past:]
            self._rest = data
            if answers:
                self._socket.sendall(b"".join(answers))
        except OSError:
            return False
        return True

    def close(self) -> None:
        self._socket.close()


def _body_length(data: bytes, end: int) -> int:
    if data.startswith(b"GET "):
        return 0
    head = data[:end].lower()
    place = head.find(_LENGTH)
    return int(head[place + len(_LENGTH) :].split(b"\r\n", 1)[0]) if place >= 0 else 0


def _answers(size: int) -> dict[bytes, bytes]:
    """By the last step of the path. `size`: of an answer to predictions, in bytes."""
    bodies = dict(_BODIES)
    if (missing := size - len(json.dumps(bodies["predictions"]))) > 0:
        bodies["predictions"] = {**bodies["predictions"], "padding": "x" * missing}
    return {name.encode(): _answer(body) for name, body in bodies.items()}


def serve(listener: socket.socket, answers: dict[bytes, bytes], other: bytes) -> None:
    """Serve until the process is ended."""
    with selectors.DefaultSelector() as selector:
        selector.register(listener, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                if key.data is None:
                    accepted, _ = listener.accept()
                    connection = _Connection(accepted, answers, other)
                    selector.register(accepted, selectors.EVENT_READ, connection)
                elif not key.data.serve():
                    selector.unregister(key.fileobj)
                    key.data.close()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.loadgen.null_server")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--size", type=int, default=0, help="bytes of an answer to predictions")
    parser.add_argument("--body", help="of every answer, instead")
    parser.add_argument("--fd", type=int, help="a listening socket to serve on")
    options = parser.parse_args()
    if options.fd is None:
        listener = socket.create_server(("127.0.0.1", options.port), backlog=1024)
    else:
        listener = socket.socket(fileno=options.fd)
    print(f"http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
    if options.body is None:
        serve(listener, _answers(options.size), _answer({"status": "okay"}))
    else:
        serve(listener, {}, _message(options.body.encode()))


if __name__ == "__main__":
    main()
