"""HTTP clients of the collectors."""

from __future__ import annotations

import httpx

#: A source that takes longer says nothing in this sample; the loop around it must come round.
TIMEOUT = 2.0


def client(base_url: str) -> httpx.Client:
    """A client with one connection and a short timeout that ignores proxies from the environment: what is
    measured must be the part itself."""
    return httpx.Client(
        base_url=base_url if "://" in base_url else f"http://{base_url}",
        timeout=TIMEOUT,
        trust_env=False,
        limits=httpx.Limits(max_connections=1, max_keepalive_connections=1),
        headers={"User-Agent": "kato-bench"},
    )
