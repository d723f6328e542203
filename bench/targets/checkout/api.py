"""The KATO of a checkout, as one that can stand in front of the engines."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal

from bench.knobs import checkout as settable
from bench.knobs.catalogue import find
from bench.knobs.knob import Knob, Value
from bench.plan import SourcePlan
from bench.supervision.supervisor import Supervisor
from bench.targets.base import SourceFacts
from bench.targets.checkout import interpreter, tables, venv
from bench.targets.checkout.git import revision
from bench.targets.checkout.interpreter import Interpreter
from bench.targets.checkout.layout import APPLICATION, Checkout, checkout_at
from bench.targets.embedded import parts, wiring
from bench.targets.embedded.api import Stores
from bench.targets.embedded.parts import Part
from bench.targets.embedded.ports import HOST
from bench.targets.embedded.probes import get_json

#: The version whose defaults the catalogue of knobs tells.
_CATALOGUED = "3.10.1"
#: Of `ModuleNotFoundError: No module named 'x'`, and of `python: No module named x`.
_MISSING = re.compile(r"^\S+: No module named '?(?P<name>[\w.]+)'?\s*$", re.MULTILINE)
#: uvicorn's supervisor begins workers that end as they start again and again.
_HOPELESS = re.compile(r"Child process \[\d+\] (?:died|failed to start)")


class CheckoutApi:
    """`chosen`: what the user has set, by canonical knob name. `say` is told what takes its time."""

    kind: Literal["embedded", "source"] = "source"
    #: On two busy cores a worker imports KATO for ten seconds, and all workers do so at the same time.
    patience = 120.0
    makes_tables = True

    def __init__(
        self,
        plan: SourcePlan,
        chosen: Mapping[str, str],
        supervisor: Supervisor,
        say: Callable[[str], None],
    ) -> None:
        self._plan = plan
        self._chosen = chosen
        self._supervisor = supervisor
        self._say = say
        self._checkout: Checkout
        self._python: Interpreter
        self._source: SourceFacts

    def refusal(self, knob: Knob) -> str | None:
        return settable.refusal(knob)

    def prepare(self) -> None:
        self._checkout = checkout_at(self._plan.folder)
        python = interpreter.chosen(self._checkout, self._plan.python)
        if self._plan.venv:
            python = venv.made(self._checkout, python, self._supervisor, self._say)
        self._python = python
        at = revision(self._checkout.folder)
        self._source = SourceFacts(
            folder=str(self._checkout.folder),
            commit=at.commit if at else None,
            dirty=at.dirty if at else None,
            python=str(python.path),
            python_version=python.version,
            libraries=dict(python.libraries),
        )

    def make_tables(self, port: int) -> None:
        tables.make(port, self._checkout.init_sql)

    def part(self, port: int, values: Mapping[str, Value], stores: Stores) -> Part:
        workers, seen = int(values["uvicorn.workers"]), set[object]()

        def ready(log: Path) -> bool:
            # Workers take turns in answering: the log tells of all of them, unless the checkout logs
            # otherwise.
            health = get_json(port, "/health")
            seen.add(health.get("last_collection") if isinstance(health, dict) else None)
            return len(seen) >= workers or log.read_text("utf-8", "replace").count(parts.STARTED) >= workers

        return Part(
            name="kato",
            title=f"KATO from {self._checkout.folder}",
            port=port,
            address=f"http://{HOST}:{port}",
            argv=parts.uvicorn((str(self._python.path),), APPLICATION, port, values),
            env={**wiring.variables(stores), **self._variables(values)},
            ready=ready,
            engine=lambda: ("KATO checkout", _version(port)),
            hopeless=_HOPELESS,
            explain=self._explained,
            links=self._checkout.served(),
            foreign=True,
        )

    def told(self, values: Mapping[str, Value], version: str | None) -> dict[str, Value]:
        """What was given to it, and the defaults of the version that the catalogue knows."""
        return {
            name: value
            for name, value in values.items()
            if version == _CATALOGUED or find(name).home != "environment" or self._is_given(name, value)
        }

    def source(self) -> SourceFacts:
        return self._source

    def _variables(self, values: Mapping[str, Value]) -> dict[str, str]:
        knobs = {name: find(name) for name in values}
        return {
            knob.spelled: knob.write(values[name])
            for name, knob in knobs.items()
            if knob.home == "environment" and self._is_given(name, values[name])
        }

    def _is_given(self, name: str, value: Value) -> bool:
        """What a user sets is given even where it is the default: that of a branch may be another."""
        return name in self._chosen or value != find(name).shipped

    def _explained(self, log: str) -> str | None:
        """The module that is missing, and how to get it."""
        missing = [found["name"] for found in _MISSING.finditer(log)]
        if not missing or missing[-1].partition(".")[0] == APPLICATION.partition(".")[0]:
            return None
        requirements = self._checkout.requirements
        made = f"let --kato-venv make one from {requirements.name}, or " if requirements is not None else ""
        return (
            f"KATO from {self._checkout.folder} does not start with {self._python.path}, because that has no "
            f"module {missing[-1]}: {made}name the Python of an environment with all that KATO requires by "
            "--kato-python."
        )


def _version(port: int) -> str | None:
    """None where a branch does not tell it."""
    with contextlib.suppress(OSError):
        told = get_json(port, "/")
        version = told.get("version") if isinstance(told, dict) else None
        return version if isinstance(version, str) else None
    return None
