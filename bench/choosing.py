"""From what a plan says of its target to the deployment that is loaded, one way for each kind of target."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from bench.plan import Plan
from bench.supervision.supervisor import Supervisor
from bench.targets.base import Target
from bench.targets.embedded.deployment import EmbeddedDeployment
from bench.targets.url import UrlTarget


def choose(plan: Plan, supervisor: Supervisor, folder: Path, say: Callable[[str], None]) -> Target:
    """The plan's target, not yet started. Its parts and logs go into `folder`, the run's own; `say` takes
    warnings, a sentence each."""
    if plan.target.url is not None:
        return UrlTarget(plan.target.url, nodes=int(plan.data["nodes"]), stores=plan.target.stores)
    deployment = EmbeddedDeployment(
        supervisor,
        folder / "parts",
        plan.target.profile,
        plan.target.knobs,
        faults=plan.target.faults,
        logs=folder / "logs",
    )
    for warning in deployment.warnings:
        say(warning)
    return deployment
