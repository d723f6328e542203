"""A server that speaks the Docker Engine API on a Unix socket, as far as reading goes, and fails on
request."""

from __future__ import annotations

import hashlib
import json
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingUnixStreamServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

GIB = 1 << 30
#: Of a container that has not run.
NEVER = "0001-01-01T00:00:00Z"


def container_id(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()


def inspected(
    service: str,
    *,
    project: str = "kato",
    number: int = 1,
    image: str = "busybox",
    env: list[str] | None = None,
    entrypoint: list[str] | None = None,
    cmd: list[str] | None = None,
    ports: dict[str, int] | None = None,
    memory: int = 0,
    cpus: float = 0.0,
    pid: int = 4_000_000,
    files: str = "",
) -> dict[str, Any]:
    """`GET /containers/{id}/json`, shortened to what tells something."""
    name = f"{project}-{service}-{number}"
    bindings = {
        port: [{"HostIp": "0.0.0.0", "HostPort": str(at)}, {"HostIp": "::", "HostPort": str(at)}]
        for port, at in (ports or {}).items()
    }
    return {
        "Id": container_id(name),
        "Created": "2026-05-01T10:00:00.123456789Z",
        "Path": (entrypoint or cmd or ["sh"])[0],
        "State": {
            "Status": "running",
            "Running": True,
            "Paused": False,
            "Restarting": False,
            "OOMKilled": False,
            "Dead": False,
            "Pid": pid,
            "ExitCode": 0,
            "Error": "",
            "StartedAt": "2026-05-01T10:00:01.123456789Z",
            "FinishedAt": NEVER,
        },
        "Image": "sha256:" + container_id(image),
        "Name": f"/{name}",
        "RestartCount": 0,
        "HostConfig": {
            "NetworkMode": f"{project}_default",
            "Memory": memory,
            "NanoCpus": int(cpus * 1e9),
            "CpuQuota": 0,
            "CpuPeriod": 0,
        },
        "Config": {
            "Image": image,
            "Env": [*(env or []), "PATH=/usr/local/bin:/usr/bin"],
            "Cmd": cmd,
            "Entrypoint": entrypoint,
            "Labels": {
                "com.docker.compose.project": project,
                "com.docker.compose.service": service,
                "com.docker.compose.container-number": str(number),
                "com.docker.compose.project.config_files": files,
                "com.docker.compose.oneoff": "False",
            },
        },
        "NetworkSettings": {"Ports": {**bindings, "9/tcp": None}},
    }


def stats_v2(cpu: float = 1.5, memory: int = 300 << 20, inactive: int = 100 << 20) -> dict[str, Any]:
    """`GET /containers/{id}/stats` of an engine on control groups of version 2, one-shot."""
    return {
        "read": "2026-05-01T10:05:00.000000001Z",
        "preread": NEVER,
        "pids_stats": {"current": 23, "limit": 18446744073709551615},
        "blkio_stats": {
            "io_service_bytes_recursive": [
                {"major": 254, "minor": 0, "op": "read", "value": 1000},
                {"major": 254, "minor": 0, "op": "write", "value": 2000},
                {"major": 254, "minor": 16, "op": "read", "value": 24},
            ],
            "io_serviced_recursive": None,
        },
        "num_procs": 0,
        "storage_stats": {},
        "cpu_stats": {
            "cpu_usage": {
                "total_usage": int(cpu * 1e9),
                "usage_in_kernelmode": int(cpu * 2e8),
                "usage_in_usermode": int(cpu * 8e8),
            },
            "system_cpu_usage": 738_000_000_000_000,
            "online_cpus": 4,
            "throttling_data": {"periods": 40, "throttled_periods": 10, "throttled_time": 2_500_000_000},
        },
        "precpu_stats": {"cpu_usage": {"total_usage": 0}, "throttling_data": {"periods": 0}},
        "memory_stats": {
            "usage": memory,
            "stats": {
                "anon": memory - inactive,
                "file": inactive,
                "inactive_file": inactive,
                "active_file": 0,
            },
            "limit": 2 * GIB,
        },
        "name": "/kato",
        "networks": {
            "eth0": {"rx_bytes": 500, "rx_packets": 5, "tx_bytes": 700, "tx_packets": 7},
            "eth1": {"rx_bytes": 50, "rx_packets": 1, "tx_bytes": 70, "tx_packets": 1},
        },
    }


def stats_v1() -> dict[str, Any]:
    """The same of control groups of version 1, of a container without a CPU limit."""
    told = stats_v2()
    told["blkio_stats"]["io_service_bytes_recursive"] = [
        {"major": 8, "minor": 0, "op": "Read", "value": 10},
        {"major": 8, "minor": 0, "op": "Write", "value": 20},
        {"major": 8, "minor": 0, "op": "Total", "value": 30},
    ]
    told["cpu_stats"]["throttling_data"] = {"periods": 0, "throttled_periods": 0, "throttled_time": 0}
    told["cpu_stats"]["cpu_usage"]["percpu_usage"] = [1, 2]
    told["memory_stats"] = {
        "usage": 1000,
        "max_usage": 2000,
        "stats": {"cache": 400, "inactive_file": 100, "total_inactive_file": 300},
        "failcnt": 0,
        "limit": 9223372036854771712,
    }
    del told["networks"]
    return told


def stopped_stats() -> dict[str, Any]:
    """What Docker answers for a container that does not run."""
    return {"read": NEVER, "preread": NEVER, "pids_stats": {}, "cpu_stats": {"cpu_usage": {"total_usage": 0}}}


class EngineServer:
    """`containers`: id -> what `inspect` and `stats` say. `mode`: how every answer fails; empty = it does
    not: a status such as `403`, `hang`, `truncate`, `drip`, `garbage`, `list` (JSON of another form),
    `endless`, or `no-events`."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.containers: dict[str, dict[str, Any]] = {}
        self.events: list[dict[str, Any]] = []
        self.mode = ""
        self.asked: list[str] = []
        self.connections = 0
        self._server: ThreadingUnixStreamServer | None = None
        self._open: set[socket.socket] = set()
        self.ended = threading.Event()

    def add(self, told: dict[str, Any], stats: dict[str, Any] | None = None) -> dict[str, Any]:
        self.containers[told["Id"]] = {"inspect": told, "stats": stats or stats_v2()}
        return told

    def of(self, service: str) -> dict[str, Any]:
        """What is told of the one container of a service."""
        (found,) = [
            one
            for one in self.containers.values()
            if one["inspect"]["Config"]["Labels"]["com.docker.compose.service"] == service
        ]
        return found

    def restart(self, service: str, *, oom: bool = False) -> None:
        told = self.of(service)
        if oom:
            self.kill(service)
        told["inspect"]["RestartCount"] += 1
        told["inspect"]["State"]["StartedAt"] = f"2026-05-01T11:00:0{told['inspect']['RestartCount']}Z"
        told["stats"]["cpu_stats"]["cpu_usage"]["total_usage"] = 1000

    def kill(self, service: str) -> None:
        """A process of the container is killed for want of memory."""
        name = self.of(service)["inspect"]["Id"]
        now = time.time()
        self.events.append(
            {"status": "oom", "id": name, "Type": "container", "Action": "oom", "Actor": {"ID": name},
             "scope": "local", "time": int(now), "timeNano": int(now * 1e9)}
        )  # fmt: skip

    def start(self) -> None:
        engine = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                engine.connections += 1
                engine._open.add(self.request)
                super().setup()

            def finish(self) -> None:
                engine._open.discard(self.request)
                super().finish()

            def do_GET(self) -> None:
                engine.asked.append(self.path)
                engine.answer(self)

            def log_message(self, *_: object) -> None:
                pass

        class Server(ThreadingUnixStreamServer):
            daemon_threads = True

        self._server = Server(self.path, Handler)
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def stop(self) -> None:
        """The engine ends: its socket is gone, and nobody is answered any more."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            Path(self.path).unlink(missing_ok=True)
            for connection in list(self._open):
                connection.shutdown(socket.SHUT_RDWR)
            self._server = None

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        place = urlsplit(handler.path)
        status, body = self._told(place.path, {key: one[0] for key, one in parse_qs(place.query).items()})
        if self.mode.isdecimal():
            status, body = int(self.mode), b'{"message":"permission denied"}\n'
        elif self.mode == "hang":
            self.ended.wait(30)
            return
        elif self.mode == "garbage":
            body = b"<html>"
        elif self.mode == "list":
            status, body = 200, b"[1]"
        handler.send_response(status)
        handler.send_header("Content-Type", "application/json")
        if self.mode == "endless":
            handler.send_header("Connection", "close")
            handler.end_headers()
            self._pour(handler)
            return
        handler.send_header("Content-Length", str(len(body) + 10 * (self.mode in ("truncate", "drip"))))
        handler.end_headers()
        handler.wfile.write(body[: len(body) // 2] if self.mode in ("truncate", "drip") else body)
        if self.mode == "truncate":
            handler.close_connection = True
        if self.mode == "drip":
            self._drip(handler)

    def _drip(self, handler: BaseHTTPRequestHandler) -> None:
        handler.close_connection = True
        try:
            while not self.ended.wait(0.05):
                handler.wfile.write(b" ")
        except OSError:
            pass

    def _pour(self, handler: BaseHTTPRequestHandler) -> None:
        handler.close_connection = True
        try:
            while not self.ended.is_set():
                handler.wfile.write(b" " * 65536)
        except OSError:
            pass

    def _told(self, path: str, query: dict[str, str]) -> tuple[int, bytes]:
        filters = json.loads(query.get("filters", "{}"))
        if path == "/containers/json":
            return 200, json.dumps(list(self._listed(filters.get("label", [])))).encode()
        if path == "/events":
            if self.mode == "no-events":
                return 400, b'{"message":"unknown filter"}'
            return 200, b"".join(json.dumps(one).encode() + b"\n" for one in self._heard(query, filters))
        _, name, what = path.strip("/").split("/")
        if name not in self.containers:
            return 404, b'{"message":"No such container"}'
        return 200, json.dumps(self.containers[name]["inspect" if what == "json" else "stats"]).encode()

    def _listed(self, wanted: list[str]) -> Iterator[dict[str, Any]]:
        for one in self.containers.values():
            told = one["inspect"]
            labels = told["Config"]["Labels"]
            if all(
                labels.get(name) == value if sign else name in labels
                for name, sign, value in (label.partition("=") for label in wanted)
            ):
                yield {"Id": told["Id"], "Names": [told["Name"]], "Labels": labels, "State": "running"}

    def _heard(self, query: dict[str, str], filters: dict[str, list[str]]) -> Iterator[dict[str, Any]]:
        since, until = float(query["since"]), float(query["until"])
        for event in self.events:
            at = event["timeNano"] / 1e9
            if (
                since < at <= until
                and event["Action"] in filters["event"]
                and event["id"] in filters["container"]
            ):
                yield event


@contextmanager
def engine_server() -> Iterator[EngineServer]:
    """A server without containers. The path of a Unix socket must be short."""
    with tempfile.TemporaryDirectory(prefix="kb-") as folder:
        server = EngineServer(f"{folder}/docker.sock")
        server.start()
        try:
            yield server
        finally:
            server.ended.set()
            server.stop()


@contextmanager
def silent_socket() -> Iterator[str]:
    """A Unix socket that takes connections and never says a word."""
    with tempfile.TemporaryDirectory(prefix="kb-") as folder, socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"{folder}/docker.sock")
        listener.listen()
        yield f"{folder}/docker.sock"
