"""From `--fault` texts to planted faults, and from planted faults to what the parts are told."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping, Sequence

from bench.errors import UsageError
from bench.targets.embedded.faults.registry import API, FAULTS, Fault

_PREFIX = "KATO_BENCH_FAULT_"


def parse(texts: Sequence[str]) -> dict[str, str]:
    """Fault -> value in its one spelling (`on` where it has none), from `NAME` and `NAME=VALUE` texts.

    Raises UsageError for an unknown fault, a malformed value, or two values of one fault."""
    found: dict[str, str] = {}
    for text in texts:
        name, _, value = (part.strip() for part in text.partition("="))
        fault = FAULTS.get(name)
        if fault is None:
            raise UsageError(f"--fault {text}: there is no fault {name!r}{_instead(name)}.")
        spelled = fault.default if not value else fault.form.spell(value)
        if spelled is None:
            raise UsageError(f"--fault {text}: give {fault.form.words}, as in {fault.shown_example}.")
        if found.setdefault(name, spelled) != spelled:
            raise UsageError(f"--fault {name}: given two values, {found[name]} and {spelled}.")
    return found


def variable(name: str) -> str:
    """The environment variable by which the API is told of a fault."""
    return _PREFIX + name.upper().replace("-", "_")


def variables(planted: Mapping[str, str]) -> dict[str, str]:
    """The API's environment for parsed faults."""
    return {
        variable(fault.name): planted[fault.name]
        for fault in _faults(planted)
        if API in fault.carrier and fault.knob is None
    }


def knobs(planted: Mapping[str, str]) -> dict[str, int]:
    """Settings that planted faults take over, by canonical knob name."""
    return {fault.knob: fault.knob_value for fault in _faults(planted) if fault.knob is not None}


def require_free(planted: Mapping[str, str], chosen: Mapping[str, str]) -> None:
    """Raises UsageError where a fault takes over a knob that the user has set as well."""
    for fault in _faults(planted):
        if fault.knob is not None and fault.knob in chosen:
            raise UsageError(
                f"--fault {fault.name} decides what --set {fault.knob}={chosen[fault.knob]} decides as well; "
                "leave one of them out."
            )


def require_carried(planted: Mapping[str, str], *, checkout: bool, replaced: Collection[str]) -> None:
    """Raises UsageError for a fault that no part is there to carry: one of the reference API's where a
    `checkout` takes its place, and one of an engine that is `replaced` (redis, qdrant, clickhouse) by a real
    server."""
    for fault in _faults(planted):
        if checkout and API in fault.carrier:
            raise UsageError(
                f"--fault {fault.name} is one of kato-bench's reference API, and --kato-source puts a "
                "checkout in its place, with the faults that it has itself; leave one of them out."
            )
        store = next((name for name in replaced if name == _struck(fault)), None)
        if store is not None:
            raise UsageError(
                f"--fault {fault.name} is one of the embedded {store}, and --{store}-url puts a server "
                "of yours in its place; leave one of them out."
            )


def warnings(planted: Mapping[str, str]) -> list[str]:
    """One sentence for each planted fault."""
    return [
        f"the deployment is made worse on purpose: {name}={value} ({FAULTS[name].meaning})"
        for name, value in planted.items()
    ]


def _struck(fault: Fault) -> str:
    """The store that a fault strikes."""
    return "clickhouse" if fault.name == "store-hang" else fault.name.rpartition("-")[2]


def _faults(planted: Mapping[str, str]) -> list[Fault]:
    return [FAULTS[name] for name in planted]


def _instead(name: str) -> str:
    near = difflib.get_close_matches(name, FAULTS, n=3, cutoff=0.5)
    shown = "`kato-bench up --list-faults` shows all"
    return (
        f"; the nearest {'are' if len(near) > 1 else 'is'} {', '.join(near)}, and {shown}"
        if near
        else (f"; {shown}")
    )
