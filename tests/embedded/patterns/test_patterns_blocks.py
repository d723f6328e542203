"""ClickHouse's own blocks, and the hash that guards them."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.targets.embedded.patterns.blocks import pack, unpack
from bench.targets.embedded.patterns.cityhash import city_hash_128
from bench.targets.embedded.patterns.errors import QueryError

#: Hashes of the first n bytes of 0, 7, 14, 21, ... (modulo 256), from CityHash 1.0.2 itself.
KNOWN = {
    0: (0x3DF09DFC64C09A2B, 0x3CB540C392E51E29),
    3: (0x904C24441E897AE0, 0xEAD37D2C71AF49A5),
    7: (0x2AC1CB1E79A3033E, 0x1A511DB9333E0D88),
    8: (0x4F8F9BE1D179C9B5, 0x7AE37C19937D40E6),
    15: (0xA710A80537CF2D8D, 0xE533A7496F95EE85),
    16: (0x83EC0FAC4964837B, 0xD275575FABA34852),
    24: (0x5DB5184A72E71EF2, 0x87F90F46C106EDD4),
    33: (0x460B9320DF3E669C, 0x07849D860850E2A4),
    127: (0x92014B33A50C9FA1, 0x90FE7C076ED61607),
    143: (0xBEFD988D63110637, 0x794A5B6C2EC5832B),
    144: (0x692E4B2CA634B28A, 0x4FA73D4EEDD250CD),
    145: (0xD900EA1095B5E1EB, 0x9CD6B5E995016F8B),
    300: (0xDB51129120EB68E5, 0xB914B72E3214660D),
    1000: (0x4253C6E06639463E, 0x2DF1AEA0EB8329D7),
}


def guarded(block: bytes) -> bytes:
    return struct.pack("<QQ", *city_hash_128(block)) + block


@pytest.mark.parametrize("size", KNOWN)
def test_hash_is_that_of_the_original(size: int) -> None:
    assert city_hash_128(bytes(number * 7 % 256 for number in range(size))) == KNOWN[size]


@given(st.binary(max_size=5000))
def test_blocks_give_back_what_they_got(content: bytes) -> None:
    assert unpack(pack(content)) == content


def test_long_content_is_several_blocks() -> None:
    content = bytes(range(256)) * 10_000
    packed = pack(content)
    assert unpack(packed) == content
    assert len(packed) < len(content) // 10
    assert unpack(packed + packed) == content * 2


def test_plain_and_zstd_blocks_are_read() -> None:
    import pyarrow as pa

    plain = guarded(struct.pack("<BII", 0x02, 9 + 3, 3) + b"abc")
    body = pa.compress(b"d" * 100, codec="zstd", asbytes=True)
    zstd = guarded(struct.pack("<BII", 0x90, 9 + len(body), 100) + body)
    assert unpack(plain + zstd) == b"abc" + b"d" * 100


@pytest.mark.parametrize(
    ("packed", "code"),
    [
        (b"short", 33),
        (pack(b"abc" * 100)[:-1], 33),
        (b"\0" + pack(b"abc" * 100)[1:], 40),
        (guarded(struct.pack("<BII", 0x55, 9, 0)), 89),
        (guarded(struct.pack("<BII", 0x82, 9 + 3, 100) + b"\xff\xff\xff"), 271),
        (bytes(16) + struct.pack("<BII", 0x82, 2, 1), 12),
    ],
)
def test_broken_blocks_are_refused(packed: bytes, code: int) -> None:
    with pytest.raises(QueryError) as caught:
        unpack(packed)
    assert caught.value.code == code
