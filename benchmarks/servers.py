"""The servers that are loaded: one that answers at once, and those of known latency."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.targets.embedded.ports import HOST, free_ports

#: What every request is answered with. It looks enough like KATO that every operation finds its key in it.
BODY = json.dumps(
    {"session_id": "null", "status": "okay", "stm_length": 1, "predictions": [], "count": 0},
    separators=(",", ":"),
)
#: The one GET of all tools, and the one POST.
GET_PATH = "/sessions/null/predictions"
POST_PATH = "/sessions/null/observe"

_TRUTH = Path(__file__).parents[1] / "tests" / "truth" / "known_server.py"
_NGINX = """
daemon off;
master_process off;
pid nginx.pid;
error_log stderr;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    keepalive_requests 1000000000;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    server {{
        listen {host}:{port};
        default_type application/json;
        location / {{ return 200 '{body}'; }}
    }}
}}
"""


@dataclass(frozen=True)
class Server:
    url: str
    name: str


@contextmanager
def null_server(core: int) -> Iterator[Server]:
    """nginx with one worker where it is installed, else our own null server; on the given core."""
    nginx = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
    if nginx is None:
        with _python(["-m", "bench.loadgen.null_server", "--body", BODY], core) as url:
            yield Server(url, "bench/loadgen/null_server.py (no nginx: apt install nginx-light)")
        return
    with tempfile.TemporaryDirectory() as folder:
        port = free_ports(1)[0]
        config = Path(folder) / "nginx.conf"
        config.write_text(_NGINX.format(host=HOST, port=port, body=BODY))
        with _running([nginx, "-p", folder, "-e", "stderr", "-c", str(config)], core) as process:
            _wait_for(port, process)
            yield Server(f"http://{HOST}:{port}", f"{_version(nginx)}, one worker")


@contextmanager
def truth_server(mode: str, core: int) -> Iterator[Server]:
    """A server whose latency is known (`tests/truth/known_server.py` says what modes there are)."""
    with (
        tempfile.TemporaryDirectory() as folder,
        _python([str(_TRUTH), "--log", f"{folder}/log", mode], core) as url,
    ):
        yield Server(url, mode)


@contextmanager
def _python(arguments: Sequence[str], core: int) -> Iterator[str]:
    """A Python server that says its port or URL first; its URL."""
    with _running([sys.executable, *arguments], core, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        port = process.stdout.readline().decode().rpartition(":")[2]
        yield f"http://{HOST}:{int(port)}"


@contextmanager
def _running(
    command: Sequence[str], core: int, stdout: int = subprocess.DEVNULL
) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        preexec_fn=lambda: os.sched_setaffinity(0, {core}),
    )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 5
    while process.poll() is None and time.monotonic() < deadline:
        try:
            socket.create_connection((HOST, port), timeout=1).close()
        except ConnectionRefusedError:
            time.sleep(0.02)
        else:
            return
    raise RuntimeError("nginx did not start")


def _version(nginx: str) -> str:
    said = subprocess.run([nginx, "-v"], capture_output=True, text=True, check=True).stderr
    return said.partition(": ")[2].strip().replace("/", " ")
