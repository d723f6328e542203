"""Room for the sockets of a load process: systems give a process some hundred open files unless it asks."""

from __future__ import annotations

import resource

from bench.errors import UsageError

#: Files that a load process has open besides its connections, generously.
_OTHERS = 100


def make_room(connections: int) -> None:
    """Let this process have so many connections open at once, as far as the system allows it to.

    Raises UsageError where it does not: the target would be blamed for connections that this process could
    not open."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + _OTHERS
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    except (ValueError, OSError):
        # macOS takes no more than its own limit, whatever the hard one says.
        raise UsageError(
            f"A load process may need {connections} connections, and the system lets it open "
            f"{max(soft, hard)} files: give fewer with --connections N, divide them with --processes N, or "
            "raise the limit (ulimit -n)."
        ) from None
