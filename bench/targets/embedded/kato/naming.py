"""How KATO names nodes, patterns, vectors and sessions."""

from __future__ import annotations

import hashlib
import time
import uuid
from collections.abc import Sequence

from bench.targets.embedded.kato.domain import Event

PATTERN_PREFIX = "PTRN|"
VECTOR_PREFIX = "VCTR|"

_UNSAFE_IN_NODE_ID = str.maketrans(dict.fromkeys('/\\."$*<>:|?- ', "_"))
_LONGEST_KB_ID = 60


def kb_id(node_id: str, service_name: str) -> str:
    """The name of a node's knowledge base: the prefix of its Redis keys, its partition, its collection.

    Unsafe characters become underscores, so `a-b` and `a.b` are one node; a name over 60 characters is
    cut and told apart by eight hex digits of an MD5."""
    name = f"{node_id.translate(_UNSAFE_IN_NODE_ID)}_{service_name}"
    if len(name) <= _LONGEST_KB_ID:
        return name
    digest = hashlib.md5(name.encode(), usedforsecurity=False).hexdigest()[:8]
    return f"{name[: _LONGEST_KB_ID - 9]}_{digest}"


def pattern_name(events: Sequence[Event]) -> str:
    """The SHA-1 of the Python text of the events, without prefix."""
    return _sha1(str([list(event) for event in events]))


def sum_vectors(vectors: Sequence[Sequence[float]]) -> tuple[str, list[float]]:
    """The vectors of one event as the single vector that KATO makes of them, and its symbol.

    The symbol is the SHA-1 of NumPy's text of the sum: eight digits per component, shortened beyond a
    thousand. Raises ValueError if the vectors differ in dimension."""
    import numpy as np  # a tenth of a second that a node without vectors need not pay at start-up

    total = np.sum(np.array(vectors, dtype=float), axis=0)
    return VECTOR_PREFIX + _sha1(str(total)), total.tolist()


def point_id(symbol: str) -> str:
    """The id of a vector's point in Qdrant."""
    return str(uuid.uuid5(uuid.NAMESPACE_DNS, symbol))


def session_id() -> str:
    return f"session-{uuid.uuid4().hex}-{time.time_ns() // 1_000_000}"


def _sha1(text: str) -> str:
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
