"""A few random keys of Redis at a time: which families there are, which of them never end, what they weigh.

Every command costs the server about a microsecond, however many keys there are; SCAN and KEYS would stop it.
A family's share of the samples is its share of the keys, within what so many samples can tell."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

import redis

from bench.collectors.base import Metric, Row, counter

#: Per sample of the collector: some hundreds in a run.
_KEYS = 8

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
    """Counts what it has drawn so far. Where RANDOMKEY is forbidden, as hosts of Redis may do, it gives up
    after the first refusal."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client
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
        with self._client.pipeline(transaction=False) as pipeline:
            for _ in range(_KEYS):
                pipeline.randomkey()
            answers = pipeline.execute(raise_on_error=False)
        if any(isinstance(answer, redis.ResponseError) for answer in answers):
            self._allowed = False
            return
        keys = [answer for answer in answers if answer is not None]
        if not keys:
            return
        with self._client.pipeline(transaction=False) as pipeline:
            for key in keys:
                pipeline.ttl(key)
                pipeline.memory_usage(key)
            answers = pipeline.execute(raise_on_error=False)
        for key, ttl, size in zip(keys, answers[::2], answers[1::2], strict=True):
            # Gone since it was drawn, or not for us to ask about.
            if isinstance(ttl, int) and isinstance(size, int):
                family = family_of(key)
                self._drawn[family] += 1
                self._endless[family] += ttl == _NO_TTL
                self._bytes[family] += size


def family_of(key: str) -> str:
    """What a key of KATO's holds: `kato:session`, `kato:metrics`, `stream`, what a node keeps (`frequency`,
    `prediction` and so on), or `other`."""
    if key.startswith("kato:session:session-"):
        return "kato:session"
    if key.startswith("kato:metrics:"):
        return "kato:metrics"
    if key.startswith("stm:"):
        return "stream"
    kind = key.split(":", 2)[1:2]
    return kind[0] if kind and kind[0] in _OF_NODES else "other"
