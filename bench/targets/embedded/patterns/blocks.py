"""ClickHouse's own compression: checksummed blocks, as `compress=1` and `decompress=1` mean it.

A block is 16 bytes of CityHash128, then what the hash covers: one byte for the method, the sizes of the
packed block (with these 9 bytes) and of its content, both 32-bit little-endian, and the packed content.
"""

from __future__ import annotations

import struct

from bench.targets.embedded.patterns.cityhash import city_hash_128
from bench.targets.embedded.patterns.errors import refused

_CHECKSUM = struct.Struct("<QQ")
_HEADER = struct.Struct("<BII")
_PLAIN, _LZ4, _ZSTD = 0x02, 0x82, 0x90
_CODECS = {_LZ4: "lz4_raw", _ZSTD: "zstd"}
_BLOCK = 1 << 20  # ClickHouse's max_compress_block_size
_MOST = 1 << 30  # ClickHouse's own limit of one block


def pack(content: bytes) -> bytes:
    """`content` as LZ4 blocks."""
    import pyarrow as pa

    packed = bytearray()
    for start in range(0, len(content), _BLOCK):
        plain = content[start : start + _BLOCK]
        body = pa.compress(plain, codec=_CODECS[_LZ4], asbytes=True)
        block = _HEADER.pack(_LZ4, _HEADER.size + len(body), len(plain)) + body
        packed += _CHECKSUM.pack(*city_hash_128(block)) + block
    return bytes(packed)


def unpack(packed: bytes) -> bytes:
    """The content of blocks. Raises QueryError for a wrong checksum, an unknown method, a cut-off block."""
    content = bytearray()
    at = 0
    while at < len(packed):
        end = at + _CHECKSUM.size + _packed_size(packed, at)
        block = packed[at + _CHECKSUM.size : end]
        if _CHECKSUM.unpack_from(packed, at) != city_hash_128(block):
            raise refused(40, "CHECKSUM_DOESNT_MATCH", "Checksum doesn't match: corrupted data.")
        content += _content(block)
        at = end
    return bytes(content)


def _packed_size(packed: bytes, at: int) -> int:
    if len(packed) - at < _CHECKSUM.size + _HEADER.size:
        raise refused(33, "CANNOT_READ_ALL_DATA", "Cannot read all data: a compressed block is cut off.")
    _, size, plain_size = _HEADER.unpack_from(packed, at + _CHECKSUM.size)
    if not _HEADER.size <= size <= _MOST or plain_size > _MOST:
        raise refused(12, "TOO_LARGE_SIZE_COMPRESSED", f"Bad size of a compressed block: {size} bytes.")
    if len(packed) - at < _CHECKSUM.size + size:
        raise refused(33, "CANNOT_READ_ALL_DATA", "Cannot read all data: a compressed block is cut off.")
    return int(size)


def _content(block: bytes) -> bytes:
    import pyarrow as pa

    method, _, size = _HEADER.unpack_from(block)
    body = block[_HEADER.size :]
    if method == _PLAIN:
        return body
    if method not in _CODECS:
        raise refused(89, "UNKNOWN_COMPRESSION_METHOD", f"Unknown compression method: {method:#04x}.")
    try:
        return bytes(pa.decompress(body, decompressed_size=size, codec=_CODECS[method], asbytes=True))
    except (OSError, ValueError) as error:
        raise refused(271, "CANNOT_DECOMPRESS", f"Cannot decompress a block: {error}.") from error
