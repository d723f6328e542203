"""A few random keys of Redis at a time: which families there are, which of them never end, what they weigh.

Every command costs the server about a microsecond, however many keys there are; SCAN and KEYS would stop it.
A family's share of the samples is its share of the keys, within what so many samples can tell."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import redis

from bench.collectors.base import Metric, Row, counter, describe

#: Per sample of the collector: some hundreds in a run.
_KEYS = 8
#: Members of a set, a hash or a stream that its memory is estimated from.
_MEMBERS = 2

METRICS: Mapping[str, Metric] = {
    "sampled_keys_total": counter("keys drawn at random; instance = family"),
    "sampled_keys_without_ttl_total": counter("of these, keys that stay for ever; instance = family"),
    "sampled_bytes_total": counter("memory of the keys drawn; instance = family", "bytes"),
}

#: What KATO's keys are called after the name of their node and a colon (no node's name holds a colon).
_OF_NODES = frozenset(
    {
        "frequency", "emotives", "metadata", "symbols", "symbol_to_patterns", "affinity", "global",
        "prediction", "entropy", "normalized_entropy", "global_normalized_entropy", "tf_vector",
    }
)  # fmt: skip

_NO_TTL = -1


class KeySampler:
    """Counts what it has drawn so far. Where one of its commands is forbidden, as hosts of Redis may do, it
    notes `keys_not_sampled` and asks no more."""

    def __init__(self, client: redis.Redis, note: Callable[..., None]) -> None:
        self._client = client
        self._note = note
        self._allowed = True
        self._drawn: Counter[str] = Counter()
        self._endless: Counter[str] = Counter()
        self._bytes: Counter[str] = Counter()

    def rows(self) -> Iterator[Row]:
        """Draw once more; the counters of all families that were ever met."""
        if self._allowed:
            self._draw()
        for family, drawn in self._drawn.items():
            yield "sampled_keys_total", family, float(drawn)
            yield "sampled_keys_without_ttl_total", family, float(self._endless[family])
            yield "sampled_bytes_total", family, float(self._bytes[family])

    def _draw(self) -> None:
        keys = [key for key in self._ask([("RANDOMKEY",)] * _KEYS) if isinstance(key, str)]
        answers = self._ask(
            [
                command
                for key in keys
                for command in (("TTL", key), ("MEMORY USAGE", key, "SAMPLES", _MEMBERS))
            ]
        )
        for key, ttl, size in zip(keys, answers[::2], answers[1::2], strict=False):
            # A key may be gone since it was drawn.
            if isinstance(ttl, int) and isinstance(size, int):
                family = family_of(key)
                self._drawn[family] += 1
                self._endless[family] += ttl == _NO_TTL
                self._bytes[family] += size

    def _ask(self, commands: list[tuple[Any, ...]]) -> list[Any]:
        """The answers, in one round trip; none at all once a command was refused."""
        if not commands:
            return []
        with self._client.pipeline(transaction=False) as pipeline:
            for command in commands:
                pipeline.execute_command(*command)  # type: ignore[no-untyped-call]
            answers = pipeline.execute(raise_on_error=False)
        refusal = next((answer for answer in answers if isinstance(answer, redis.ResponseError)), None)
        if refusal is None:
            return answers
        self._allowed = False
        self._note("keys_not_sampled", source="redis", error=describe(refusal))
        return []


def family_of(key: str) -> str:
    """What a key of KATO's holds: `session`, `metrics_cache`, `stream`, what a node keeps (`frequency`,
    `prediction` and so on), or `other`."""
    if key.startswith("kato:session:session-"):
        return "session"
    if key.startswith("kato:metrics:conditional_probability:"):
        return "metrics_cache"
    if key.startswith("stm:"):
        return "stream"
    kind = key.split(":", 2)[1:2]
    return kind[0] if kind and kind[0] in _OF_NODES else "other"
