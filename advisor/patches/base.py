"""What a form of patch is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from bench.knobs.catalogue import find
from bench.knobs.knob import Home, Value
from bench.record.advice import Patch

#: Canonical knob name -> new value, the most urgent first.
Changes = Mapping[str, Value]

Files = Mapping[str, str]


@dataclass(frozen=True)
class Deployment:
    """What a patch has to know of the deployment. `live`: the knobs in force (None: unknown). `collections`:
    those of Qdrant that are to stay after the run. `services`: part -> its Compose service, and `files` the
    Compose files themselves, where the deployment is known by them."""

    live: Mapping[str, Value | None] = field(default_factory=dict)
    collections: tuple[str, ...] = ()
    services: Mapping[str, str] = field(default_factory=dict)
    files: tuple[str, ...] = ()


@dataclass(frozen=True)
class Form:
    """`write` says those of the changes that this form can say, or None where it can say none of them.
    `files` are the names, and what stands in them, under which such a patch is kept beside a run."""

    write: Callable[[Changes, Deployment], Patch | None]
    files: Callable[[Patch, Deployment], Files]


def in_one_file(name: str) -> Callable[[Patch, Deployment], Files]:
    """Keep the patch as it is, under this name."""
    return lambda patch, _: {name: patch.text}


def living_in(home: Home, changes: Changes) -> dict[str, str]:
    """The changes of the knobs of one home: the knob's name there -> the value as its home reads it."""
    knobs = ((find(name), value) for name, value in changes.items())
    return {knob.spelled: knob.write(value) for knob, value in knobs if knob.home == home}
