"""Redis as KATO uses it: connections, keys that never end, settings that a restart takes back."""

from __future__ import annotations

from collections.abc import Iterator

from bench import words
from bench.inspection.checks.base import check
from bench.inspection.findings import Finding
from bench.inspection.seen import Seen
from bench.knobs import fixed
from bench.knobs.catalogue import find, in_words

#: Entries of the global event stream, at some 320 bytes each with their copies.
_MANY_ENTRIES = 100_000


@check(
    "redis.maxclients",
    source="KATO 3.10.1: per worker 1 connection for patterns, 50 for sessions and 60 for caches and streams",
)
def maxclients(seen: Seen) -> Iterator[Finding]:
    """Redis refuses connections beyond maxclients, and KATO answers 500, or 404 for sessions that live."""
    allowed, workers = seen.number("redis.maxclients"), seen.workers.expected
    refused = seen.redis.number("rejected_connections") if seen.redis else None
    if allowed is None or workers is None:
        return
    wanted = workers * fixed.REDIS_CONNECTIONS
    if wanted <= allowed:
        return
    yield Finding(
        "redis.maxclients",
        "warning",
        "Redis takes fewer connections than KATO's pools may open",
        f"{words.count(workers)} worker{'s' if workers > 1 else ''} of KATO may open {words.count(wanted)} "
        f"connections, and Redis takes {words.count(allowed)}"
        + (f"; it has refused {words.count(refused)} so far." if refused else "."),
        f"CONFIG SET maxclients {max(1000, 2 * wanted)}, and the same in redis.conf.",
        ("redis.maxclients", "uvicorn.workers"),
        {"maxclients": allowed, "connections_wanted": wanted, "rejected_connections": refused},
    )


@check("redis.not-as-stored", source="Redis documentation, CONFIG REWRITE")
def not_as_stored(seen: Seen) -> Iterator[Finding]:
    """What CONFIG SET changed holds until the next restart, unless CONFIG REWRITE has written it down."""
    for setting in seen.settings.values():
        if not setting.name.startswith("redis.") or setting.set_by != "runtime":
            continue
        now, then = in_words(setting.name, setting.value), in_words(setting.name, setting.stored)
        spelled = find(setting.name).spelled
        certain = setting.why is None
        yield Finding(
            "redis.not-as-stored",
            "warning" if certain else "advice",
            f"{spelled} is not what a restart would make it",
            f"{spelled} is {now} and stored as {then}"
            + ("." if certain else f": set {setting.why}; only the latter survives a restart."),
            "CONFIG REWRITE, or put it into redis.conf.",
            (setting.name,),
            {"live": setting.value, "stored": setting.stored},
        )


@check(
    "redis.endless-predictions", source="KATO 3.10.1: predictions made at observe time have no time to live"
)
def endless_predictions(seen: Seen) -> Iterator[Finding]:
    """Each observation that predicts leaves its predictions in Redis, up to 122 kB, and nothing deletes
    them."""
    family = seen.redis.families.get("prediction") if seen.redis else None
    if seen.redis is None or family is None or not family.endless:
        return
    keys = seen.redis.keys
    about = (
        "" if keys is None else f" (about {words.count(max(1, family.share * keys))} of {words.count(keys)})"
    )
    yield Finding(
        "redis.endless-predictions",
        "warning",
        "Predictions stay in Redis for ever",
        f"{words.percent(family.share)} of its keys{about} are predictions made at observe time, "
        f"{words.size(family.mean_bytes)} each, and never expire.",
        "PROCESS_PREDICTIONS=false, then SCAN for *:prediction:* and UNLINK once.",
        ("kato.PROCESS_PREDICTIONS",),
        {"share": family.share, "mean_bytes": family.mean_bytes},
    )


@check("redis.stream-grows", source="KATO 3.10.1: event streams have no MAXLEN, and nothing reads them")
def stream_grows(seen: Seen) -> Iterator[Finding]:
    """Every observation is appended twice to event streams that nothing reads or trims."""
    entries = seen.redis.stream_entries if seen.redis else None
    if seen.redis is None or entries is None or entries <= _MANY_ENTRIES:
        return
    size = seen.redis.stream_bytes
    yield Finding(
        "redis.stream-grows",
        "warning",
        "The event streams grow without end",
        f"{fixed.GLOBAL_STREAM} has {words.count(entries)} entries"
        + ("" if size is None else f" ({words.size(size)})")
        + ", and as many are in the streams of the workers.",
        f"XTRIM {fixed.GLOBAL_STREAM} MAXLEN ~ 10000 from time to time, and each stm:events:* too.",
        (),
        {"entries": entries, "bytes": size},
    )
