"""CityHash128 in version 1.0.2, with which ClickHouse guards the blocks of its own compression format.

ClickHouse stayed with this version of the algorithm for the sake of its files; later versions give other
values. Numbers are unsigned 64-bit words, so every sum and product is cut to 64 bits.
"""

from __future__ import annotations

import struct

_WORD = (1 << 64) - 1
_K0 = 0xC3A5C85C97CB3127
_K1 = 0xB492B66FBE98F273
_K2 = 0x9AE16A3B2F90404F
_K3 = 0xC949D7C7509E6557
_MUL = 0x9DDFEA08EB382D69

_Pair = tuple[int, int]


def city_hash_128(data: bytes) -> _Pair:
    """The hash's low and high word."""
    size = len(data)
    if size >= 16:
        low, high = struct.unpack_from("<QQ", data)
        return _with_seed(data[16:], (low ^ _K3, high))
    if size >= 8:
        seed = (_word(data, 0) ^ (size * _K0 & _WORD), _word(data, size - 8) ^ _K1)
        return _with_seed(b"", seed)
    return _with_seed(data, (_K0, _K1))


def _word(data: bytes, at: int) -> int:
    word: int = struct.unpack_from("<Q", data, at)[0]
    return word


def _rotate(value: int, by: int) -> int:
    return (value >> by | value << (64 - by)) & _WORD if by else value


def _shift_mix(value: int) -> int:
    return value ^ (value >> 47)


def _join(low: int, high: int) -> int:
    """One word made of two."""
    a = (low ^ high) * _MUL & _WORD
    b = (high ^ a ^ (a >> 47)) * _MUL & _WORD
    return (b ^ (b >> 47)) * _MUL & _WORD


def _up_to_16(data: bytes) -> int:
    size = len(data)
    if size > 8:
        first, last = _word(data, 0), _word(data, size - 8)
        return _join(first, _rotate((last + size) & _WORD, size)) ^ last
    if size >= 4:
        first, last = struct.unpack_from("<I", data)[0], struct.unpack_from("<I", data, size - 4)[0]
        return _join(size + (first << 3), last)
    if size:
        y = data[0] + (data[size >> 1] << 8)
        z = size + (data[size - 1] << 2)
        return _shift_mix((y * _K2 ^ z * _K3) & _WORD) * _K2 & _WORD
    return _K2


def _with_seed(data: bytes, seed: _Pair) -> _Pair:
    if len(data) < 128:
        return _murmur(data, seed)
    return _long(data, seed)


def _murmur(data: bytes, seed: _Pair) -> _Pair:
    """For data of less than 128 bytes, in the manner of MurmurHash."""
    a, b = seed
    size = len(data)
    if size <= 16:
        a = _shift_mix(a * _K1 & _WORD) * _K1 & _WORD
        c = (b * _K1 + _up_to_16(data)) & _WORD
        d = _shift_mix((a + (_word(data, 0) if size >= 8 else c)) & _WORD)
    else:
        c = _join((_word(data, size - 8) + _K1) & _WORD, a)
        d = _join((b + size) & _WORD, (c + _word(data, size - 16)) & _WORD)
        a = (a + d) & _WORD
        at = 0
        for _ in range((size - 1) // 16):
            first, second = struct.unpack_from("<QQ", data, at)
            a = (a ^ _shift_mix(first * _K1 & _WORD) * _K1) * _K1 & _WORD
            b ^= a
            c = (c ^ _shift_mix(second * _K1 & _WORD) * _K1) * _K1 & _WORD
            d ^= c
            at += 16
    a = _join(a, c)
    b = _join(d, b)
    return a ^ b, _join(b, a)


def _weak_32(words: tuple[int, ...], a: int, b: int) -> _Pair:
    """A quick hash of four words, seeded by two."""
    w, x, y, z = words
    a = (a + w) & _WORD
    b = _rotate((b + a + z) & _WORD, 21)
    c = a
    a = (a + x + y) & _WORD
    return (a + z) & _WORD, (b + _rotate(a, 44) + c) & _WORD


def _long(data: bytes, seed: _Pair) -> _Pair:
    x, y = seed
    size = len(data)
    z = size * _K1 & _WORD
    v0 = (_rotate(y ^ _K1, 49) * _K1 + _word(data, 0)) & _WORD
    v1 = (_rotate(v0, 42) * _K1 + _word(data, 8)) & _WORD
    w0 = (_rotate((y + z) & _WORD, 35) * _K1 + x) & _WORD
    w1 = _rotate((x + _word(data, 88)) & _WORD, 53) * _K1 & _WORD
    at = 0
    for _ in range(2 * (size // 128)):
        words = struct.unpack_from("<8Q", data, at)
        x = _rotate((x + y + v0 + words[2]) & _WORD, 37) * _K1 & _WORD
        y = _rotate((y + v1 + words[6]) & _WORD, 42) * _K1 & _WORD
        x ^= w1
        y ^= v0
        z = _rotate(z ^ w0, 33)
        v0, v1 = _weak_32(words[:4], v1 * _K1 & _WORD, (x + w0) & _WORD)
        w0, w1 = _weak_32(words[4:], (z + w1) & _WORD, y)
        z, x = x, z
        at += 64
    y = (y + _rotate(w0, 37) * _K0 + z) & _WORD
    x = (x + _rotate((v0 + z) & _WORD, 49) * _K0) & _WORD
    rest = size % 128
    for done in range(32, rest + 32, 32):
        y = (_rotate((y - x) & _WORD, 42) * _K0 + v1) & _WORD
        w0 = (w0 + _word(data, size - done + 16)) & _WORD
        x = (_rotate(x, 49) * _K0 + w0) & _WORD
        w0 = (w0 + v0) & _WORD
        v0, v1 = _weak_32(struct.unpack_from("<4Q", data, size - done), v0, v1)
    x = _join(x, v0)
    y = _join(y, w0)
    return (_join((x + v1) & _WORD, w1) + y) & _WORD, _join((x + w1) & _WORD, (y + v1) & _WORD)
