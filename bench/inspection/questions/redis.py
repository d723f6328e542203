"""Redis: its settings, its state, and which keys it holds, by a few of them."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import redis as client

from bench.collectors.redis_keys import KeySampler
from bench.collectors.sources.redis import connect
from bench.inspection.seen import KeyFamily
from bench.knobs import fixed

#: Draws of a few keys each: together below two hundred, in some milliseconds.
_DRAWS = 20
_TIMEOUT = 1.0
_SAMPLED, _ENDLESS, _BYTES = (
    "sampled_keys_total",
    "sampled_keys_without_ttl_total",
    "sampled_bytes_total",
)


def about(address: str) -> Iterator[tuple[str, Any]]:
    """The fields of `seen.Redis` that the server tells, and `refused`: a sentence where it forbids CONFIG."""
    with connect(address) as server:
        told: Any = server.info("all")
        yield "info", {name: value for name, value in told.items() if isinstance(value, int | float | str)}
        yield "open", _obeys_anybody(address)
        try:
            yield "config", server.config_get("*")
        except client.ResponseError as error:
            yield "refused", f"the server does not tell its settings ({error})"
        with server.pipeline(transaction=False) as pipeline:
            pipeline.dbsize()
            pipeline.xlen(fixed.GLOBAL_STREAM)
            pipeline.memory_usage(fixed.GLOBAL_STREAM)
            pipeline.scard(fixed.SESSION_INDEX)
            answers = pipeline.execute(raise_on_error=False)
        for name, answer in zip(
            ("keys", "stream_entries", "stream_bytes", "sessions_indexed"), answers, strict=True
        ):
            if isinstance(answer, int):
                yield name, answer
        sampler = KeySampler(server, lambda *_, **__: None)
        for _ in range(_DRAWS - 1):
            list(sampler.rows())
        yield from _families(list(sampler.rows()))


def unique_patterns(address: str, nodes: list[str]) -> Iterator[tuple[str, Any]]:
    """`unique_patterns`: kb id -> how many patterns Redis counts for it, None where it has no count."""
    with connect(address) as server:
        keys = [f"{node}:global:total_unique_patterns" for node in nodes]
        answers: Any = server.mget(keys) if keys else []
        yield (
            "unique_patterns",
            {
                node: int(answer) if str(answer).isdecimal() else None
                for node, answer in zip(nodes, answers, strict=True)
            },
        )


def _families(rows: list[tuple[str, str, float]]) -> Iterator[tuple[str, Any]]:
    drawn = {family: value for metric, family, value in rows if metric == _SAMPLED}
    endless = {family: value for metric, family, value in rows if metric == _ENDLESS}
    size = {family: value for metric, family, value in rows if metric == _BYTES}
    total = sum(drawn.values())
    yield "drawn", int(total)
    yield (
        "families",
        {
            family: KeyFamily(number / total, endless[family] / number, size[family] / number)
            for family, number in drawn.items()
            if number
        },
    )


def _obeys_anybody(address: str) -> bool | None:
    """Whether a client without a password gets an answer; None where that cannot be tried."""
    parts = urlsplit(address if "://" in address else f"redis://{address}")
    if parts.scheme != "redis" or not parts.hostname:
        return None
    try:
        with socket.create_connection((parts.hostname, parts.port or 6379), _TIMEOUT) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(200).startswith(b"+PONG")
    except OSError:
        return None
