"""From what a plan says of its target to the deployment that is loaded, one way for each kind of target."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from bench.loadgen.catalogue import find
from bench.plan import ComposePlan, Plan, TargetPlan
from bench.record.folder import node_prefix
from bench.supervision.supervisor import Supervisor
from bench.targets.base import Target
from bench.targets.checkout.api import CheckoutApi
from bench.targets.embedded.api import Api
from bench.targets.embedded.deployment import EmbeddedDeployment
from bench.targets.leftovers import Swept
from bench.targets.url import UrlTarget

#: Seconds that each system of a deployment that runs has to answer before a load.
_TIMEOUT = 5.0


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
    target = plan.target
    if target.compose is not None:
        return _by_compose(plan, target.compose, say, looking)
    if target.url is not None:
        nodes, stores = int(plan.data["nodes"]), target.stores
        if looking is not None:
            return UrlTarget(target.url, looking, nodes, stores, strict=False)
        return UrlTarget(target.url, nodes=nodes, stores=stores)
    deployment = EmbeddedDeployment(
        supervisor,
        folder / "parts",
        target.profile,
        target.knobs,
        api=api_of(target, supervisor, say),
        stores=target.stores,
        faults=target.faults,
        logs=folder / "logs",
    )
    for warning in deployment.warnings:
        say(warning)
    if target.stores and not plan.keep_data and looking is None:
        return Swept(deployment, target.stores, node_prefix(folder.name), say)
    return deployment


def _by_compose(
    plan: Plan, compose: ComposePlan, say: Callable[[str], None], looking: float | None
) -> Target:
    from bench.targets.compose.target import ComposeTarget

    return ComposeTarget(
        [Path(file) for file in compose.files],
        compose.service,
        nodes=int(plan.data["nodes"]),
        stores=plan.target.stores,
        needed=find(plan.scenario).about.get("stores", ()) if looking is None else (),
        timeout=looking or _TIMEOUT,
        say=say,
    )


def api_of(target: TargetPlan, supervisor: Supervisor, say: Callable[[str], None]) -> Api | None:
    """The KATO that stands in front of the engines; None = our reference API."""
    return CheckoutApi(target.source, target.knobs, supervisor, say) if target.source is not None else None
