"""What a KATO checkout can be given: variables of its own too, but not what only the reference API has."""

from __future__ import annotations

from bench.knobs import kato, uvicorn
from bench.knobs.knob import Knob

_OWN = "env."
_OF_THE_REFERENCE_API = "KATO_BENCH_"

_LISTED = {name: knob for knob in (*kato.KNOBS, *uvicorn.KNOBS) for name in knob.aliases}


def refusal(knob: Knob) -> str | None:
    """Why `--set` cannot give it to a checkout, and what to do instead; None = it can."""
    if knob.spelled.startswith(_OF_THE_REFERENCE_API):
        return (
            f"{knob.name} cannot be set on a KATO checkout: only kato-bench's reference API has it; leave it "
            "out, or measure without --kato-source"
        )
    if knob.acts and not knob.wiring and knob.home == "environment":
        return None
    return knob.refusal and knob.refusal.replace("on the embedded target", "on a KATO checkout")


def unlisted(name: str) -> Knob | None:
    """`env.NAME`: a variable that a branch of KATO reads and no released KATO does. One that is known by
    another name, and acts or is not for the user to decide, is that knob."""
    variable = name.removeprefix(_OWN)
    if variable == name or not variable.isidentifier():
        return None
    known = _LISTED.get(variable)
    if known is not None and (known.acts or known.wiring):
        return known
    return Knob(
        name=name,
        system="env",
        kind="string",
        home="environment",
        spelled=variable,
        unsettable="its reference API reads no such variable; set it on a checkout that does, given by "
        "--kato-source DIR",
        source="whoever sets it",
        influences="whatever the branch that reads it says",
        holds_for="a branch of KATO",
    )
