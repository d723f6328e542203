"""`--kato-source` and what goes with it: which KATO stands in front of the engines, and what can be set
then."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from bench.errors import UsageError
from bench.knobs import checkout as settable
from bench.knobs.catalogue import find
from bench.plan import SourcePlan, TargetPlan
from bench.secrecy import is_secret
from bench.targets.checkout.layout import checkout_at
from bench.targets.embedded import faults
from bench.targets.stores import addresses_of

if TYPE_CHECKING:
    from bench.flags import RunFlags

_TITLES = {"redis": "Redis", "qdrant": "Qdrant", "clickhouse": "ClickHouse"}


def source_from(flags: RunFlags, stated: SourcePlan | None) -> SourcePlan | None:
    """The checkout of the flags, or of the plan file with what the flags say of its Python; None = none.

    Raises UsageError where the folder is no checkout, or there is none that the other flags could be of."""
    python = _path(flags.kato_python)
    if flags.kato_source is not None:
        folder = checkout_at(flags.kato_source).folder
        return SourcePlan(folder=str(folder), python=python, venv=flags.kato_venv)
    if stated is None:
        if flags.kato_python is not None or flags.kato_venv:
            raise UsageError(
                "--kato-python and --kato-venv say with which Python a KATO checkout runs: name it with "
                "--kato-source DIR."
            )
        return None
    checkout_at(stated.folder)
    return stated.model_copy(
        update={"python": python or stated.python, "venv": flags.kato_venv or stated.venv}
    )


def _path(python: str | None) -> str | None:
    """A path that means the same in every folder; a command stays one."""
    return python if python is None or os.sep not in python else str(Path(python).absolute())


def require_settable(target: TargetPlan) -> None:
    """Raises UsageError for a knob or a fault of what is not there: of the reference API where a checkout
    stands in its place, or of an engine that a server takes the place of; and for an address of such a server
    that is none."""
    addresses_of(target.stores)
    for name, value in target.knobs.items():
        knob = find(name)
        if knob.system in target.stores:
            raise UsageError(
                f"--set {name}={value}: {_TITLES[knob.system]} is the one of --{knob.system}-url, which runs "
                "already with settings of its own; leave it out."
            )
        reason = knob.refusal if target.source is None else settable.refusal(knob)
        if reason is not None:
            raise UsageError(f"--set: {reason}.")
        if knob.system == "env" and is_secret(knob.spelled):
            raise UsageError(
                f"--set {name}: a secret would be kept in the record of the run; leave it out, or measure a "
                "KATO of yours that has it, with --target URL."
            )
    faults.require_carried(target.faults, checkout=target.source is not None, replaced=target.stores)
