"""MinHash signatures and LSH bands of a pattern's token set, as stored beside each pattern.

A. Broder, "On the resemblance and containment of documents", 1997: two sets agree in a signature
position with a probability equal to their Jaccard similarity. The hash functions are
(a·x + b) mod (2^61 - 1), truncated to 32 bits.
"""

from __future__ import annotations

import hashlib
import random
import struct
from collections.abc import Collection

HASHES = 100
BANDS = 20
ROWS = HASHES // BANDS

_PRIME = (1 << 61) - 1
_MASK = (1 << 32) - 1
_coefficients = random.Random(1)
_PERMUTATIONS = [(_coefficients.randrange(1, _PRIME), _coefficients.randrange(_PRIME)) for _ in range(HASHES)]


def signature(tokens: Collection[str]) -> list[int]:
    """The 100 minima (UInt32) of a non-empty token set."""
    hashes = [
        int.from_bytes(hashlib.sha1(token.encode(), usedforsecurity=False).digest()[:4], "little")
        for token in tokens
    ]
    return [min([(a * value + b) % _PRIME & _MASK for value in hashes]) for a, b in _PERMUTATIONS]


def bands(minima: list[int]) -> list[int]:
    """One UInt64 per band of five minima; sets that share a band are candidates for similarity."""
    packed = struct.pack(f"<{HASHES}I", *minima)
    width = 4 * ROWS
    return [
        int.from_bytes(
            hashlib.sha1(
                bytes([band]) + packed[band * width : (band + 1) * width], usedforsecurity=False
            ).digest()[:8],
            "little",
        )
        for band in range(BANDS)
    ]
