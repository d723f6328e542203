"""`python -m bench.targets.embedded.vectors --port P --data DIR`: serve until SIGTERM or SIGINT."""

from __future__ import annotations

import argparse
import fcntl
import json
import socket
import sys
from pathlib import Path
from typing import IO, Any, NoReturn

_USAGE = 2
_LOG_LEVELS = ("critical", "error", "warning", "info", "debug")


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(_USAGE, f"vectors: {message}\n")


def _port(text: str) -> int:
    port = int(text)
    if not 1 <= port <= 65535:
        raise argparse.ArgumentTypeError(f"{port} is no port, give one from 1 to 65535")
    return port


def _setting(text: str) -> tuple[str, str, Any]:
    name, _, value = text.partition("=")
    section, _, field = name.partition(".")
    try:
        return section, field, json.loads(value)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text} is not SECTION.NAME=VALUE, such as hnsw_config.m=8"
        ) from None


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = _Parser(prog="vectors", description="The Qdrant engine behind Qdrant's REST interface.")
    parser.add_argument("--port", type=_port, required=True)
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="where collections are kept")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--log-level", choices=_LOG_LEVELS, default="warning")
    parser.add_argument(
        "--set",
        dest="settings",
        type=_setting,
        action="append",
        default=[],
        metavar="SECTION.NAME=VALUE",
        help="what every new collection is given, whatever its creator says; may be repeated",
    )
    return parser.parse_args(arguments)


def _fail(reason: str) -> NoReturn:
    print(f"vectors: {reason}", file=sys.stderr)
    sys.exit(_USAGE)


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        _fail(f"cannot listen on {host}:{port} ({error.strerror or error}); give another --port or --host")


def _claim(data: Path) -> IO[str]:
    """Keep other processes out of the data folder for as long as the returned file is open."""
    try:
        data.mkdir(parents=True, exist_ok=True)
        lock = (data / ".lock").open("w")
    except OSError as error:
        _fail(f"cannot use {data} as data folder ({error.strerror}); give another --data")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        _fail(f"another process serves {data}; end it or give another --data")
    return lock


def main() -> None:
    options = _parse(sys.argv[1:])
    listener = _listen(options.host, options.port)
    with _claim(options.data):
        _serve(options, listener)


def _serve(options: argparse.Namespace, listener: socket.socket) -> None:
    import uvicorn

    from .app import create_app
    from .errors import ApiError
    from .store import Store

    imposed: dict[str, dict[str, Any]] = {}
    for section, field, value in options.settings:
        imposed.setdefault(section, {})[field] = value
    try:
        store = Store(options.data, imposed)
    except ApiError as error:
        _fail(f"--set: {error.message}")
    except Exception as error:
        print(f"vectors: cannot load {options.data}: {error}", file=sys.stderr)
        sys.exit(1)
    config = uvicorn.Config(
        create_app(store),
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="on",
        access_log=False,
        log_level=options.log_level,
        timeout_graceful_shutdown=2,
    )
    uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main()
