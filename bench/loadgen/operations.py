"""KATO's operations as requests: the shapes of its HTTP contract, and what a good answer must hold."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import NamedTuple
from urllib.parse import quote

import orjson

from bench.loadgen.session import Session

Event = Sequence[str]
Emotives = Mapping[str, float]

#: The method of requests that open a WebSocket.
SOCKET = "WEBSOCKET"
#: What the record's column holds; no honest answer counts so far.
_MOST_ITEMS = 2**31 - 1
_NUMBER = re.compile(rb"\s*(\d{1,12})")


class Request(NamedTuple):
    """One request of a session. `path` continues `/sessions/<id>`; `absolute` paths stand alone.

    `contract` names the shape of a good answer (`bench.loadgen.contract`), of which `key` is one JSON key
    that is cheap to look for; `counted` is the key whose number is recorded as `items` (predictions returned,
    events in the STM). `session`: whom it is sent for, if not for its user's own session."""

    operation: str
    method: str
    path: str
    key: bytes
    body: bytes | None = None
    counted: bytes | None = None
    absolute: bool = False
    contract: str = ""
    session: Session | None = None

    def on(self, session: Session) -> Request:
        """The same request, for another session than its user's own."""
        return self._replace(session=session)

    def target(self, session_id: str) -> str:
        return self.path if self.absolute else f"/sessions/{session_id}{self.path}"

    def items(self, answer: bytes) -> int:
        """The number behind `counted` in an answer, -1 if there is none. Read without parsing the JSON:
        an answer of 100 predictions is 150 KB, and this runs inside the load generator's loop."""
        if self.counted is None:
            return -1
        start = answer.rfind(self.counted)
        found = _NUMBER.match(answer, start + len(self.counted)) if start >= 0 else None
        return min(int(found[1]), _MOST_ITEMS) if found else -1


def _json(value: object) -> bytes:
    try:
        return orjson.dumps(value)
    except TypeError:
        # It has no integers beyond 64 bits, which a session config may ask for.
        return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def create(node: str, config: Mapping[str, object], ttl: int | None = None) -> Request:
    """`ttl`: seconds after which KATO forgets a session that nobody writes to; None = KATO's default."""
    body: dict[str, object] = {"node_id": node, "config": dict(config)}
    if ttl is not None:
        body["ttl_seconds"] = ttl
    return Request(
        *("create", "POST", "/sessions", b'"session_id"', _json(body)),
        absolute=True,
        contract="POST /sessions",
    )


def observe(
    strings: Iterable[str],
    vectors: Sequence[Sequence[float]] = (),
    emotives: Emotives | None = None,
) -> Request:
    body = {"strings": list(strings), "vectors": [list(v) for v in vectors], "emotives": dict(emotives or {})}
    return Request(
        *("observe", "POST", "/observe", b'"stm_length"', _json(body), b'"stm_length":'),
        contract="POST /sessions/{id}/observe",
    )


def sequence(
    events: Iterable[Event],
    vectors: Sequence[Sequence[float]] = (),
    emotives: Sequence[Emotives] = (),
    *,
    learn_at_end: bool,
) -> Request:
    """`vectors`, `emotives`: one for each event, or none at all. Raises ValueError for another number."""
    observations: list[dict[str, object]] = [{"strings": list(event)} for event in events]
    if vectors:
        for observation, vector in zip(observations, vectors, strict=True):
            observation["vectors"] = [list(vector)]
    if emotives:
        for observation, felt in zip(observations, emotives, strict=True):
            observation["emotives"] = dict(felt)
    body = {"observations": observations, "learn_at_end": learn_at_end}
    return Request(
        "sequence",
        "POST",
        "/observe-sequence",
        b'"observations_processed"',
        _json(body),
        b'"observations_processed":',
        contract="POST /sessions/{id}/observe-sequence",
    )


@cache
def learn() -> Request:
    return Request("learn", "POST", "/learn", b'"pattern_name"', contract="POST /sessions/{id}/learn")


@cache
def predict() -> Request:
    return Request(
        *("predict", "GET", "/predictions", b'"predictions"'),
        counted=b'"count":',
        contract="GET /sessions/{id}/predictions",
    )


@cache
def stm() -> Request:
    return Request("stm", "GET", "/stm", b'"stm"', counted=b'"length":', contract="GET /sessions/{id}/stm")


@cache
def clear() -> Request:
    """Empty the session's short-term memory."""
    return Request("clear", "POST", "/clear-stm", b'"status"', contract="POST /sessions/{id}/clear-stm")


@cache
def clear_node() -> Request:
    """Drop everything that the session's node has learned."""
    return Request("clear", "POST", "/clear-all", b'"status"', contract="POST /sessions/{id}/clear-all")


def configure(config: Mapping[str, object]) -> Request:
    return Request(
        *("config", "POST", "/config", b'"status"', _json({"config": dict(config)})),
        contract="POST /sessions/{id}/config",
    )


@cache
def show_config() -> Request:
    return Request("config", "GET", "/config", b'"config"', contract="GET /sessions/{id}/config")


def extend(seconds: int) -> Request:
    """Let the session live for so many seconds from now on."""
    return Request(
        *("extend", "POST", f"/extend?ttl_seconds={seconds}", b'"status"'),
        contract="POST /sessions/{id}/extend",
    )


@cache
def delete() -> Request:
    return Request("delete", "DELETE", "", b'"status"', contract="DELETE /sessions/{id}")


@cache
def finalize() -> Request:
    """Compute what needs all patterns of the session's node at once; KATO's worker does nothing else then."""
    return Request(
        *("finalize", "POST", "/finalize-training", b'"patterns_processed"'),
        contract="POST /sessions/{id}/finalize-training",
    )


@cache
def listen() -> Request:
    """Open the socket of session events, wait for its first message and one pong, and close it."""
    return Request(
        "events", SOCKET, "/ws/events", b'"event_type"', absolute=True, contract="WEBSOCKET /ws/events"
    )


def lookup(path: str, contract: str, key: str) -> Request:
    """Ask for what KATO knows of the session, beyond its STM, config and predictions."""
    return Request("lookup", "GET", path, f'"{key}"'.encode(), contract=contract)


def ask(contract: str, key: str, *names: str, query: str = "", method: str = "GET") -> Request:
    """Ask for what belongs to no session: nodes, patterns, health. `names` stand where the path in the
    contract's name says `{}`."""
    path = contract.partition(" ")[2]
    for name in names:
        path = path.replace("{}", quote(name, safe=""), 1)
    return Request(
        *("lookup", method, path + query, f'"{key}"'.encode()),
        absolute=True,
        contract=contract,
    )


def learned(answer: bytes) -> str | None:
    """The name of the pattern that was learned, `PTRN|` and forty digits, from an answer to `learn` or to a
    `sequence` that learns at its end. None where it names none: it failed, or there was one symbol."""
    try:
        found = json.loads(answer)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict):
        return None
    name = found.get("pattern_name") or found.get("final_learned_pattern")
    return name if isinstance(name, str) and name else None
