"""A small HTTP server that answers like KATO's workers, and fails like them on request.

`python kato_server.py PORT WORKERS`: each new connection belongs to the next worker. Lines on standard
input set the mode; each is echoed once in force. `ok`; `overload`: 503, and the connection closes without a
word of warning; `refuse`: 503, and the connection stays; `reset`: closed without an answer; `garbage`: 200,
but no JSON; `hang`: no answer."""

from __future__ import annotations

import itertools
import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

STARTED = 1795443979.25
mode = "ok"
hanging = threading.Event()
turns = itertools.count()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def setup(self) -> None:
        super().setup()
        self.worker = next(turns) % int(sys.argv[2])

    def do_GET(self) -> None:
        if mode == "hang":
            hanging.wait()
        if mode in ("overload", "refuse"):
            self.answer(503, b"Service Unavailable", "text/plain; charset=utf-8")
            self.close_connection = mode == "overload"
            return
        if mode == "reset":
            self.close_connection = True
            return
        if mode == "garbage":
            self.answer(200, b"<html>", "text/html")
            return
        body = json.dumps(self.body()).encode()
        self.answer(200, body, "application/json")

    def answer(self, status: int, body: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def body(self) -> dict[str, Any]:
        if self.path == "/health":
            return {
                "status": "healthy" if self.worker == 0 else "degraded",
                "uptime_seconds": 12.5,
                "last_collection": STARTED + self.worker,
                "active_sessions": 7,
            }
        if self.path == "/metrics":
            return {
                "sessions": {"active": 7},
                "performance": {"total_requests": 100.0 + self.worker, "average_response_time": 0.0073},
                "rates": {"requests_per_second": 58.9},
                "processor_manager": {"total_processors": 3, "max_processors": 100},
                "uptime_seconds": None,
            }
        return {"service": "KATO API", "version": "3.10.1", "status": "running"}

    def log_message(self, *_: Any) -> None: ...


def main() -> None:
    global mode
    server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print("ready", flush=True)
    for line in sys.stdin:
        mode = line.strip()
        if mode == "hang":
            hanging.clear()
        else:
            hanging.set()
        print(mode, flush=True)


if __name__ == "__main__":
    main()
