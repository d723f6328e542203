"""Which process of this machine serves a port: the one whose CPU and memory count for a part at a URL."""

from __future__ import annotations

from dataclasses import dataclass

import psutil

#: What the processes of a part are called. A port of a container, of another machine or of a proxy is held by
#: a forwarder (docker-proxy, ssh, kubectl, nginx), whose CPU time says nothing about the part.
_PROGRAMS = {
    "kato": ("python", "uvicorn", "gunicorn", "granian", "hypercorn"),
    "redis": ("redis", "valkey", "keydb", "dragonfly"),
    "qdrant": ("qdrant", "python"),
    "clickhouse": ("clickhouse", "clickhouse-serv", "python"),
}

_UNSEEN = "the process behind its port cannot be seen by this user"


@dataclass(frozen=True)
class Listener:
    """`pid`: root of the processes that listen; None where `note` says in a sentence why it is not known."""

    pid: int | None
    note: str | None = None


def listener(part: str, port: int) -> Listener:
    """The process that serves `part` at a TCP port of this machine. Reads what the system shows to this user
    and never raises for what it does not."""
    try:
        return _judged(part, _roots(port))
    except (psutil.Error, OSError):
        return Listener(None, _UNSEEN)


def _judged(part: str, roots: list[psutil.Process]) -> Listener:
    if not roots:
        return Listener(None, _UNSEEN)
    if len(roots) != 1:
        return Listener(None, f"{len(roots)} unrelated processes listen at its port")
    root, this = roots[0], psutil.Process()
    if root.pid in {this.pid, *(one.pid for one in this.parents())}:
        return Listener(None, "it runs in a process of kato-bench's own, whose CPU time is not its own")
    name = root.name()
    if not name.lower().startswith(_PROGRAMS[part]):
        return Listener(None, f"its port is held by {name}, whose CPU time is not its own")
    return Listener(root.pid)


def _roots(port: int) -> list[psutil.Process]:
    """The processes that listen at the port, without those whose parent does: a server and its workers share
    a socket, of which the system's table names one holder only."""
    found = {}
    for one in psutil.net_connections("tcp"):
        if one.status == psutil.CONN_LISTEN and one.laddr.port == port and one.pid is not None:
            root = psutil.Process(one.pid)
            while (parent := root.parent()) is not None and _listens(parent, port):
                root = parent
            found[root.pid] = root
    return list(found.values())


def _listens(process: psutil.Process, port: int) -> bool:
    """False for a process that this user may not look into, as init is for most."""
    try:
        sockets = process.net_connections("tcp")
    except psutil.AccessDenied:
        return False
    return any(one.status == psutil.CONN_LISTEN and one.laddr.port == port for one in sockets)
