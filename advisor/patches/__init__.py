"""Changes in the forms in which deployments take them, one module a form, each with its `FORM`."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

from advisor.patches.base import Changes, Deployment, Form
from bench.record.advice import Patch


@cache
def forms() -> tuple[Form, ...]:
    """The forms of all modules in this folder."""
    modules = (
        importlib.import_module(f"{__name__}.{module.name}") for module in pkgutil.iter_modules(__path__)
    )
    return tuple(module.FORM for module in modules if hasattr(module, "FORM"))


def patches(changes: Changes, deployment: Deployment) -> list[Patch]:
    """The changes in each form that can say any of them."""
    written = (form.write(changes, deployment) for form in forms())
    return [patch for patch in written if patch is not None]


def files(changes: Changes, deployment: Deployment) -> dict[str, str]:
    """The same as files: name -> text."""
    found: dict[str, str] = {}
    for form in forms():
        if (patch := form.write(changes, deployment)) is not None:
            found.update(form.files(patch, deployment))
    return found
