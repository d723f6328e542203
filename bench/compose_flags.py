"""`--target compose:FILE[,FILE…][#SERVICE]`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.errors import UsageError
from bench.plan import ComposePlan, TargetPlan

_FORM = "compose:FILE, compose:FILE,FILE or compose:FILE#SERVICE"


def is_compose(target: str) -> bool:
    return target.startswith(ComposePlan.PREFIX)


def parse(target: str, environment: Mapping[str, str]) -> TargetPlan:
    """What `--target compose:…` names. Raises UsageError where it is malformed, and for files that are no
    Compose files or hold no KATO."""
    files, sign, service = target.removeprefix(ComposePlan.PREFIX).partition("#")
    names = files.split(",")
    if not all(names) or (sign and not service):
        raise UsageError(f"--target {target!r}: write {_FORM}, such as compose:docker-compose.yml.")
    return target_of([Path(name) for name in names], service or None, environment)


def target_of(paths: Sequence[Path], service: str | None, environment: Mapping[str, str]) -> TargetPlan:
    """The target of these files. Raises UsageError for files that are no Compose files or hold no KATO, and
    for names that `--target` could not repeat."""
    from bench.targets.compose.reading import named_files
    from bench.targets.compose.target import require_kato

    files = named_files(paths)
    for file in files:
        if "," in str(file) or "#" in str(file):
            raise UsageError(
                f"{file}: a comma or # in a path would end it in --target; give it by another path."
            )
    require_kato(files, service, environment)
    return TargetPlan(kind="compose", compose=ComposePlan(files=tuple(map(str, files)), service=service))
