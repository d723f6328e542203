"""From what a plan says of its target to the deployment that is loaded, one way for each kind of target."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from bench.plan import Plan
from bench.supervision.supervisor import Supervisor
from bench.targets.base import Target
from bench.targets.embedded.deployment import EmbeddedDeployment
from bench.targets.url import UrlTarget


def choose(
    plan: Plan,
    supervisor: Supervisor,
    folder: Path,
    say: Callable[[str], None],
    *,
    looking: float | None = None,
) -> Target:
    """The plan's target, not yet started. Its parts and logs go into `folder`, the run's own; `say` takes
    warnings, a sentence each. `looking`: nothing will be loaded: each system of a deployment that runs
    has so many seconds to answer, and a store that does not is no failure."""
    if plan.target.url is not None:
        nodes, stores = int(plan.data["nodes"]), plan.target.stores
        if looking is not None:
            return UrlTarget(plan.target.url, looking, nodes, stores, strict=False)
        return UrlTarget(plan.target.url, nodes=nodes, stores=stores)
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
