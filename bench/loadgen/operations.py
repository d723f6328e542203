"""KATO's operations as requests: the shapes of its HTTP contract, and what a good answer must hold."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import orjson

Event = Sequence[str]

#: What the record's column holds; no honest answer counts so far.
_MOST_ITEMS = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Request:
    """One request of a session. `path` continues `/sessions/<id>`; `absolute` paths stand alone.

    `key` is a JSON key that every good answer holds; `counted` the key whose number is recorded as `items`
    (predictions returned, events in the STM)."""

    operation: str
    method: str
    path: str
    key: bytes
    body: bytes | None = None
    counted: bytes | None = None
    absolute: bool = False

    def target(self, session_id: str) -> str:
        return self.path if self.absolute else f"/sessions/{session_id}{self.path}"

    def items(self, answer: bytes) -> int:
        """The number behind `counted` in an answer, -1 if there is none. Read without parsing the JSON:
        an answer of 100 predictions is 150 KB, and this runs inside the load generator's loop."""
        if self.counted is None:
            return -1
        start = answer.rfind(self.counted)
        if start < 0:
            return -1
        digits = answer[start + len(self.counted) : start + len(self.counted) + 12].lstrip()
        end = 0
        while end < len(digits) and digits[end : end + 1].isdigit():
            end += 1
        return min(int(digits[:end]), _MOST_ITEMS) if end else -1


def _json(value: object) -> bytes:
    try:
        return orjson.dumps(value)
    except TypeError:
        # It has no integers beyond 64 bits, which a session config may ask for.
        return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def create(node: str, config: Mapping[str, object], ttl: int | None = None) -> Request:
    body: dict[str, object] = {"node_id": node, "config": dict(config)}
    if ttl is not None:
        body["ttl_seconds"] = ttl
    return Request("create", "POST", "/sessions", b'"session_id"', _json(body), absolute=True)


def observe(
    strings: Iterable[str],
    vectors: Sequence[Sequence[float]] = (),
    emotives: Mapping[str, float] | None = None,
) -> Request:
    body = {"strings": list(strings), "vectors": [list(v) for v in vectors], "emotives": dict(emotives or {})}
    return Request("observe", "POST", "/observe", b'"stm_length"', _json(body), b'"stm_length":')


def sequence(
    events: Iterable[Event], vectors: Sequence[Sequence[float]] = (), *, learn_at_end: bool
) -> Request:
    """`vectors`: one for each event, or none at all. Raises ValueError for another number."""
    observations: list[dict[str, object]] = [{"strings": list(event)} for event in events]
    if vectors:
        for observation, vector in zip(observations, vectors, strict=True):
            observation["vectors"] = [list(vector)]
    body = {"observations": observations, "learn_at_end": learn_at_end}
    return Request(
        "sequence",
        "POST",
        "/observe-sequence",
        b'"observations_processed"',
        _json(body),
        b'"observations_processed":',
    )


def learn() -> Request:
    return Request("learn", "POST", "/learn", b'"pattern_name"')


def predict() -> Request:
    return Request("predict", "GET", "/predictions", b'"predictions"', counted=b'"count":')


def stm() -> Request:
    return Request("stm", "GET", "/stm", b'"stm"', counted=b'"length":')


def clear() -> Request:
    """Empty the session's short-term memory."""
    return Request("clear", "POST", "/clear-stm", b'"status"')


def clear_node() -> Request:
    """Drop everything that the session's node has learned."""
    return Request("clear", "POST", "/clear-all", b'"status"')


def delete() -> Request:
    return Request("delete", "DELETE", "", b'"status"')
