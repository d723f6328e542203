"""Lines of the `redis.conf` that both of KATO's compose bundles mount.

They do not replace the `command:` of the service: it also carries the password and, if the user chose it,
the options of persistence with its file names, and without these Redis would start empty."""

from __future__ import annotations

from advisor.patches.base import Changes, Deployment, Form, in_one_file, living_in
from advisor.patches.redis_commands import quoted
from bench.record.advice import Patch

_EMPTY_START = (
    "# First send CONFIG SET to the running server, and wait until its\n"
    "# INFO persistence says aof_rewrite_in_progress:0. Restarted with\n"
    "# appendonly, but without such a file, Redis comes up empty.\n"
)


def write(changes: Changes, deployment: Deployment) -> Patch | None:
    directives = living_in("redis config", changes)
    if not directives:
        return None
    lines = "".join(f"{name} {quoted(value)}\n" for name, value in directives.items())
    return Patch(
        kind="redis.conf",
        title="For good, in config/redis.conf in place of the lines of the same name",
        text=(_EMPTY_START if directives.get("appendonly") == "yes" else "") + lines,
    )


FORM = Form(write, in_one_file("redis.conf"))
