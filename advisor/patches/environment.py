"""Variables of KATO's process, one a line, as `.env` files, systemd and `docker run --env-file` read them."""

from __future__ import annotations

from advisor.patches.base import Changes, Deployment, Form, in_one_file
from bench.knobs.catalogue import find
from bench.record.advice import Patch

#: What KATO's compose files take from `.env`; they give the container none of the other variables.
_FROM_DOT_ENV = frozenset({"KATO_WORKERS", "KATO_LIMIT_CONCURRENCY"})

#: Variables of kato-bench's reference API, which KATO does not know.
_OURS = "KATO_BENCH_"


def write(changes: Changes, deployment: Deployment) -> Patch | None:
    found = variables(changes)
    if not found:
        return None
    title = (
        "In .env beside docker-compose.yml, then docker compose up -d kato"
        if found.keys() <= _FROM_DOT_ENV
        else "In the environment of KATO's process; Docker Compose needs the override instead of .env"
    )
    lines = "".join(f"{name}={value}\n" for name, value in found.items())
    return Patch(kind="environment", title=title, text=lines)


def variables(changes: Changes) -> dict[str, str]:
    """Name -> value of the variables by which KATO's container takes these changes."""
    found = {}
    for name, value in changes.items():
        knob = find(name)
        spellings = {"environment": (knob.spelled,), "uvicorn command line": knob.aliases}.get(knob.home, ())
        variable = next((spelling for spelling in spellings if spelling.isupper()), None)
        if variable is not None and not variable.startswith(_OURS):
            found[variable] = knob.write(value)
    return found


FORM = Form(write, in_one_file("kato.env"))
