"""What was loaded, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.secrecy import redact

if TYPE_CHECKING:
    from bench.plan import TargetPlan
    from bench.targets.base import SourceFacts

_STORES = {"redis": "Redis", "qdrant": "Qdrant", "clickhouse": "ClickHouse"}


def kato_words(target: TargetPlan) -> str:
    """Which KATO, with its article."""
    if target.where is not None:
        return f"the KATO at {redact(target.where)}"
    if target.source is not None:
        return f"the KATO of the checkout {target.source.folder}"
    return "an embedded KATO deployment"


def replaced_words(target: TargetPlan) -> str:
    """The servers that stand in place of embedded engines, each after a comma; empty where there are none."""
    if not target.is_started:
        return ""
    return "".join(f", {_STORES[name]} at {redact(url)}" for name, url in target.stores.items())


def commit_words(source: SourceFacts) -> str:
    """The commit that was measured, as far as git told."""
    if source.commit is None:
        return "a commit that git does not tell"
    return f"commit {source.commit[:12]}{' with changes' if source.dirty else ''}"
