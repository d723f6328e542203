"""TCP ports on loopback."""

from __future__ import annotations

import socket
from contextlib import ExitStack

from bench.errors import UsageError

HOST = "127.0.0.1"


def free_ports(count: int) -> list[int]:
    """Different ports that nobody listens on. Another process may still take one before its user does."""
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind((HOST, 0))
        return [one.getsockname()[1] for one in sockets]


def require_free(port: int) -> None:
    """Raises UsageError, naming the port, where nobody could listen on it now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except (OSError, OverflowError) as error:
            reason = error.strerror if isinstance(error, OSError) else "ports end at 65535"
            raise UsageError(
                f"KATO cannot listen on port {port} of {HOST} ({reason}); choose another port."
            ) from error
