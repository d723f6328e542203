"""The two sides of a gate as its user writes them: flags of the embedded target, or a URL."""

from __future__ import annotations

import shlex

from bench.errors import UsageError
from bench.flags import RunFlags, target_plan
from bench.plan import TargetPlan

_MANY = ("--set", "--fault")
_ONCE = ("--workers", "--profile")


def parse(side: str, text: str) -> TargetPlan:
    """What `--baseline TEXT` or `--candidate TEXT` names; empty is the embedded target as it comes.

    `side` is the flag's name for the sentence. Raises UsageError for a word that belongs to neither form."""
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise UsageError(f"--{side} {text!r}: {str(error).lower()}.") from error
    if len(words) == 1 and "://" in words[0]:
        return target_plan(RunFlags(target=words[0]))
    many: dict[str, list[str]] = {flag: [] for flag in _MANY}
    once: dict[str, str] = {}
    while words:
        flag, equals, value = words.pop(0).partition("=")
        if flag not in _MANY and flag not in _ONCE:
            raise UsageError(
                f"--{side} {text!r}: {flag!r} does not belong there; write --set, --workers, --profile and "
                "--fault in quotes, or the URL of a running KATO."
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
            set=many["--set"],
            fault=many["--fault"],
            profile=once.get("--profile"),
            workers=_workers(once.get("--workers")),
        )
        return target_plan(flags)
    except UsageError as error:
        raise UsageError(f"--{side} {text!r}: {error}") from error


def _workers(text: str | None) -> int | None:
    try:
        return None if text is None else int(text)
    except ValueError:
        raise UsageError(f"--workers {text}: give a whole number.") from None
