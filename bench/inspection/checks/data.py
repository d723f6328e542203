"""What the stores hold against each other, and against KATO's settings."""

from __future__ import annotations

from collections.abc import Iterator

from bench import words
from bench.inspection.checks.base import check
from bench.inspection.findings import Finding
from bench.inspection.seen import Seen

#: Longer names are cut, and end with a hash in place of the service's name.
_LONGEST_KB = 60
#: Patterns that may be on their way while both stores are asked, and the share of them.
_SLACK, _SLACK_SHARE = 20, 0.02
_STORED = "KATO 3.10.1 [V]: Redis counts unique patterns, ClickHouse holds their rows"


def _nodes(seen: Seen) -> Iterator[tuple[str, int, int | None]]:
    """(kb, rows in ClickHouse, patterns that Redis counts) of the nodes that both were asked for."""
    if seen.clickhouse is None or seen.redis is None:
        return
    for node in seen.clickhouse.nodes:
        if node.kb in seen.redis.unique_patterns:
            yield node.kb, node.rows, seen.redis.unique_patterns[node.kb]


@check("data.metadata-lost", source="KATO's own history (DEC-012); nothing recomputes frequencies")
def metadata_lost(seen: Seen) -> Iterator[Finding]:
    """Where Redis was emptied while ClickHouse kept the patterns, predictions go on with a frequency of 1 and
    without emotives, and each pattern that is learned again is stored twice."""
    lost = [(kb, rows) for kb, rows, unique in _nodes(seen) if unique is None and rows > 0]
    if not lost:
        return
    kb, rows = max(lost, key=lambda one: one[1])
    yield Finding(
        "data.metadata-lost",
        "critical",
        "Pattern metadata is gone from Redis",
        f"ClickHouse holds {words.count(sum(rows for _, rows in lost))} patterns of {len(lost)} "
        f"node{'s' if len(lost) > 1 else ''} of which Redis knows nothing, {kb} with {words.count(rows)} "
        "first.",
        "KATO's scripts/rehydrate_redis.py restores frequencies of 1 and symbol counts; a backup restores "
        "all.",
        ("redis.appendonly", "redis.maxmemory-policy"),
        {"nodes": len(lost), "patterns": sum(rows for _, rows in lost)},
    )


@check("data.duplicates", source=f"{_STORED}; an evicted frequency key makes the next learn insert again")
def duplicates(seen: Seen) -> Iterator[Finding]:
    """More rows than patterns: the same predictions come twice, and nothing merges such rows away."""
    more = [
        (rows - unique, kb)
        for kb, rows, unique in _nodes(seen)
        if unique is not None and _exceeds(rows, unique)
    ]
    if not more:
        return
    surplus, kb = max(more)
    yield Finding(
        "data.duplicates",
        "warning",
        "ClickHouse holds patterns twice",
        f"{len(more)} node{'s have' if len(more) > 1 else ' has'} more rows than Redis counts patterns, {kb} "
        f"by {words.count(surplus)}: frequency keys were lost, and their patterns learned again.",
        "SELECT name, count() FROM kato.patterns_data WHERE kb_id = … GROUP BY name HAVING count() > 1 lists "
        "them.",
        ("redis.maxmemory-policy",),
        {"nodes": len(more), "rows_too_many": sum(surplus for surplus, _ in more)},
    )


@check("data.rows-missing", source=f"{_STORED}; KATO does not wait for inserts (wait_for_async_insert 0)")
def rows_missing(seen: Seen) -> Iterator[Finding]:
    """Fewer rows than patterns: inserts failed after they were acknowledged, and are never tried again."""
    fewer = [
        (unique - rows, kb)
        for kb, rows, unique in _nodes(seen)
        if unique is not None and _exceeds(unique, rows)
    ]
    if not fewer:
        return
    missing, kb = max(fewer)
    yield Finding(
        "data.rows-missing",
        "critical",
        "Learned patterns are missing in ClickHouse",
        f"{len(fewer)} node{'s have' if len(fewer) > 1 else ' has'} fewer rows than Redis counts patterns, "
        f"{kb} by {words.count(missing)}: inserts failed after they were acknowledged.",
        "Look for errors in system.asynchronous_insert_log; delete the frequency keys of what is missing, "
        "and teach it again.",
        ("clickhouse.insert.wait_for_async_insert",),
        {"nodes": len(fewer), "rows_missing": sum(missing for missing, _ in fewer)},
    )


def _exceeds(more: int, less: int) -> bool:
    return more - less > max(_SLACK, _SLACK_SHARE * more)


@check("kato.other-service-name", source="KATO 3.10.1: a node's data is called <node>_<SERVICE_NAME>")
def other_service_name(seen: Seen) -> Iterator[Finding]:
    """SERVICE_NAME ends the name of all data of a node: under another one nothing of it is found."""
    service = seen.kato.service_name
    if not service or seen.clickhouse is None:
        return
    names = [node.kb for node in seen.clickhouse.nodes if len(node.kb) < _LONGEST_KB]
    if not names or any(name.endswith(f"_{service}") for name in names):
        return
    yield Finding(
        "kato.other-service-name",
        "critical",
        "KATO does not find what was learned",
        f"SERVICE_NAME is {service}, and none of the {len(names)} nodes in ClickHouse ends with _{service}, "
        f"such as {names[0]}: their patterns are not found.",
        "Set SERVICE_NAME back to what it was when they were learned.",
        ("kato.SERVICE_NAME",),
        {"service_name": service, "nodes": len(names)},
    )


@check("kato.metric-of-old-collections", source="KATO 3.10.1 vectordb_config.py: new collections only")
def metric_of_old_collections(seen: Seen) -> Iterator[Finding]:
    """The distance of a collection is fixed when it is created: a changed setting acts on new nodes only, and
    nodes then answer by different measures."""
    wanted = seen.value("kato.KATO_SIMILARITY_METRIC")
    setting = seen.settings.get("kato.KATO_SIMILARITY_METRIC")
    names = {"euclidean": "Euclid", "cosine": "Cosine", "dot": "Dot", "manhattan": "Manhattan"}
    if seen.qdrant is None or setting is None or str(wanted) not in names:
        return
    others = [
        (one.name, one.config["params.vectors.distance"])
        for one in seen.qdrant.collections
        if one.config.get("params.vectors.distance") not in (None, names[str(wanted)])
    ]
    if not others:
        return
    yield Finding(
        "kato.metric-of-old-collections",
        "warning",
        "Collections measure another distance than is set",
        f"KATO_SIMILARITY_METRIC is {wanted}, and {len(others)} collections have another distance, such as "
        f"{others[0][0]} with {others[0][1]}: the setting acts on new collections only.",
        "Learn these nodes' vectors anew, or set the metric back.",
        ("kato.KATO_SIMILARITY_METRIC",),
        {"collections": len(others)},
    )


@check("kato.quantisation-of-old-collections", source="KATO 3.10.1 vectordb_config.py: new collections only")
def quantisation_of_old_collections(seen: Seen) -> Iterator[Finding]:
    """Quantisation acts on collections that are created afterwards; older ones keep their memory."""
    if seen.value("kato.KATO_QUANTIZATION_ENABLED") is not True or seen.qdrant is None:
        return
    without = [
        one.name
        for one in seen.qdrant.collections
        if "quantization_config" in one.config and one.config["quantization_config"] is None
    ]
    if not without:
        return
    yield Finding(
        "kato.quantisation-of-old-collections",
        "advice",
        "Collections are not quantised although it is set",
        f"KATO_QUANTIZATION_ENABLED is true, and {len(without)} collections are without, such as "
        f"{without[0]}: it acts on new collections only.",
        f"PATCH /collections/{without[0]} with a quantization_config.",
        ("kato.KATO_QUANTIZATION_ENABLED", "qdrant.quantization"),
        {"collections": len(without)},
    )
