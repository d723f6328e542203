"""What a run leaves in stores that are not its own, and its removal: only what its own nodes have written.

KATO clears a node's patterns when it is told to, but leaves its collection of vectors, its event streams and
the predictions that it stored (KATO 3.10.1, clear-all), and everything where the run is cut short."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from bench.secrecy import redact
from bench.targets.base import Target, TargetFacts

if TYPE_CHECKING:
    import httpx
    import redis

#: Seconds for each store; a large one that answers slowly must not hold up the end of the command for ever.
_SECONDS = 60.0
_REQUEST = 10.0
#: Seconds by which the clock of a store may be behind.
_SKEW = 60.0
#: Keys or entries that are asked for, or removed, at once.
_BATCH = 500
_TITLES = {"redis": "Redis", "qdrant": "Qdrant", "clickhouse": "ClickHouse"}

_STREAM = "stm:global"
_SESSIONS = "kato:session:"
_INDEX = f"{_SESSIONS}_active_index"
#: A session's name ends in the milliseconds since 1970 when it was made.
_SESSION = re.compile(r"session-[0-9a-f]{32}-(?P<made>\d{10,16})")


class Swept:
    """A target whose stores (URLs by `redis`, `qdrant`, `clickhouse`) outlive it: once it has ended, what the
    nodes whose names begin with `prefix` wrote there is removed. `say` is told what could not be."""

    def __init__(
        self, target: Target, stores: Mapping[str, str], prefix: str, say: Callable[[str], None]
    ) -> None:
        self._target = target
        self._stores = stores
        self._prefix = prefix
        self._say = say
        self._began: float | None = None

    def start(self) -> TargetFacts:
        began = time.time()
        facts = self._target.start()
        self._began = began - _SKEW
        return facts

    def check(self) -> None:
        self._target.check()

    def close(self) -> None:
        """Ends the target first: nobody may write any more."""
        self._target.close()
        began, self._began = self._began, None
        if began is None:
            return
        for store, url in self._stores.items():
            try:
                _SWEEPS[store](url, self._prefix, began, time.monotonic() + _SECONDS)
            except Exception as error:
                why = str(error).splitlines()[0].rstrip(".") if str(error) else type(error).__name__
                self._say(
                    f"what the nodes {self._prefix}… of this run left in {_TITLES[store]} at {redact(url)} "
                    f"could not all be removed: {redact(why)}"
                )


def _sweep_redis(url: str, prefix: str, began: float, deadline: float) -> None:
    import redis

    with redis.Redis.from_url(
        url, decode_responses=True, socket_timeout=_REQUEST, socket_connect_timeout=_REQUEST
    ) as client:
        own = (prefix, f"stm:events:{prefix}", f"{_SESSIONS}node:{prefix}")
        for keys in _batches(key for key in _scan(client, f"*{prefix}*", deadline) if key.startswith(own)):
            client.unlink(*keys)
        _forget_sessions(client, prefix, began, deadline)
        _forget_events(client, prefix, began, deadline)


def _scan(client: redis.Redis, pattern: str, deadline: float) -> Iterator[str]:
    cursor = 0
    while True:
        found: Any = client.scan(cursor, match=pattern, count=_BATCH)
        cursor, keys = found
        yield from keys
        if cursor == 0:
            return
        _require_time(deadline)


def _forget_sessions(client: redis.Redis, prefix: str, began: float, deadline: float) -> None:
    """Those made since the run began, on its nodes; KATO's index of them names no node."""
    for name in client.sscan_iter(_INDEX, count=_BATCH):
        _require_time(deadline)
        made = _SESSION.fullmatch(name.removeprefix(_SESSIONS))
        if made is None or int(made["made"]) < int(began * 1000):
            continue
        key = f"{_SESSIONS}{made[0]}"
        if _node(client.get(key)).startswith(prefix):
            client.unlink(key)
            client.srem(_INDEX, name)


def _node(session: Any) -> str:
    try:
        return str(json.loads(session)["node_id"])
    except (ValueError, TypeError, KeyError):
        return ""


def _forget_events(client: redis.Redis, prefix: str, began: float, deadline: float) -> None:
    """Every KATO of this Redis writes to the one stream: only entries of these nodes go."""
    start = f"{int(began * 1000)}"
    while True:
        entries: Any = client.xrange(_STREAM, min=start, count=_BATCH)
        own = [name for name, fields in entries if any(prefix in value for value in fields.values())]
        if own:
            client.xdel(_STREAM, *own)
        if len(entries) < _BATCH:
            return
        start = f"({entries[-1][0]}"
        _require_time(deadline)


def _sweep_qdrant(url: str, prefix: str, began: float, deadline: float) -> None:
    with _http(url) as client:
        told = client.get("/collections").raise_for_status().json()
        for one in told["result"]["collections"]:
            if one["name"].startswith(f"vectors_{prefix}"):
                _require_time(deadline)
                client.delete(f"/collections/{quote(one['name'], safe='')}").raise_for_status()


def _sweep_clickhouse(url: str, prefix: str, began: float, deadline: float) -> None:
    """A node's patterns are a partition of its own. KATO does not wait until they are written."""
    with _http(url) as client:

        def ask(statement: str) -> str:
            return client.post("/", content=statement.encode()).raise_for_status().text

        ask("SYSTEM FLUSH ASYNC INSERT QUEUE")
        partitions = ask(
            "SELECT DISTINCT partition FROM system.parts WHERE active AND database = 'kato' "
            f"AND table = 'patterns_data' AND startsWith(partition, '{prefix}') FORMAT TabSeparated"
        )
        for partition in partitions.splitlines():
            _require_time(deadline)
            ask(f"ALTER TABLE kato.patterns_data DROP PARTITION '{partition}'")


def _http(url: str) -> httpx.Client:
    import httpx

    # A proxy of the environment's is none between KATO and its stores.
    return httpx.Client(base_url=url, timeout=_REQUEST, trust_env=False)


def _require_time(deadline: float) -> None:
    if time.monotonic() > deadline:
        raise TimeoutError(f"it was not done after {_SECONDS:.0f} s")


def _batches(found: Iterator[str]) -> Iterator[Sequence[str]]:
    batch: list[str] = []
    for one in found:
        batch.append(one)
        if len(batch) == _BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


_SWEEPS: Mapping[str, Callable[[str, str, float, float], None]] = {
    "redis": _sweep_redis,
    "qdrant": _sweep_qdrant,
    "clickhouse": _sweep_clickhouse,
}
