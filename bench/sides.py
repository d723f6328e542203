"""The two sides of a gate as its user writes them: flags of the embedded target or of a checkout, or the URL
or Compose files of a KATO that runs, and the URLs of its stores."""

from __future__ import annotations

import shlex
from pathlib import Path

from bench import compose_flags
from bench.errors import UsageError
from bench.flags import RunFlags, target_plan
from bench.plan import TargetPlan
from bench.targets.stores import STORES

_MANY = ("--set", "--fault")
_STORES = {f"--{store}-url": store for store in STORES}
_ONCE = ("--workers", "--profile", "--kato-source", "--kato-python", *_STORES)
_SWITCH = "--kato-venv"


def parse(side: str, text: str) -> TargetPlan:
    """What `--baseline TEXT` or `--candidate TEXT` names; empty is the embedded target as it comes.

    `side` is the flag's name for the sentence. Raises UsageError for a word that belongs to neither form."""
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise UsageError(f"--{side} {text!r}: {str(error).lower()}.") from error
    target = words.pop(0) if words and _runs_already(words[0]) else "embedded"
    many: dict[str, list[str]] = {flag: [] for flag in _MANY}
    once: dict[str, str] = {}
    venv = False
    while words:
        flag, equals, value = words.pop(0).partition("=")
        if flag == _SWITCH and not equals:
            venv = True
            continue
        if flag not in _MANY and flag not in _ONCE:
            raise UsageError(
                f"--{side} {text!r}: {flag!r} does not belong there; write --set, --workers, "
                "--profile, --fault and --kato-source in quotes, or a running KATO's URL, and --redis-url, "
                "--qdrant-url, --clickhouse-url."
            )
        if not equals:
            if not words:
                raise UsageError(f"--{side} {text!r}: {flag} needs a value.")
            value = words.pop(0)
        if flag in _MANY:
            many[flag].append(value)
        elif once.setdefault(flag, value) != value:
            raise UsageError(f"--{side} {text!r}: {flag} has two values.")
    try:
        flags = RunFlags(
            target=target,
            kato_source=Path(once["--kato-source"]) if "--kato-source" in once else None,
            kato_python=once.get("--kato-python"),
            kato_venv=venv,
            stores={store: once.get(flag) for flag, store in _STORES.items()},
            set=many["--set"],
            fault=many["--fault"],
            profile=once.get("--profile"),
            workers=_workers(once.get("--workers")),
        )
        return target_plan(flags)
    except UsageError as error:
        raise UsageError(f"--{side} {text!r}: {error}") from error


def _runs_already(word: str) -> bool:
    return "://" in word or compose_flags.is_compose(word)


def _workers(text: str | None) -> int | None:
    try:
        return None if text is None else int(text)
    except ValueError:
        raise UsageError(f"--workers {text}: give a whole number.") from None
