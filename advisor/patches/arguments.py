"""Arguments of `kato-bench run` that try the changes out on the embedded target."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from advisor.patches.base import Changes, Deployment, Form, in_one_file
from bench.knobs.catalogue import find
from bench.record.advice import ARGUMENTS, Patch


def write(changes: Changes, deployment: Deployment) -> Patch | None:
    lines = list(_lines(changes))
    return (
        Patch(kind="set", title="To try it out, arguments of kato-bench run", text="\n".join(lines) + "\n")
        if lines
        else None
    )


def _lines(changes: Changes) -> Iterator[str]:
    """One argument a line, quoted for a shell and for xargs."""
    for name, value in changes.items():
        knob = find(name)
        if knob.home == "session config":
            yield f"--session {shlex.quote(f'{knob.spelled}={knob.write(value)}')}"
        elif knob.refusal is None:
            yield f"--set {shlex.quote(f'{knob.name}={knob.write(value)}')}"


FORM = Form(write, in_one_file(ARGUMENTS))
