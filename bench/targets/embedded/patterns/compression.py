"""Content codings of HTTP bodies, as far as ClickHouse and its clients use them.

lz4, zstd and brotli come from pyarrow, which the project has anyway, as frames of their own standards.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import zlib
from collections.abc import Callable

from bench.targets.embedded.patterns.errors import refused

# A smaller answer is sent plain: packing it saves nobody time, and who offers codings takes plain too.
_WORTHWHILE = 1024
_GZIP_LEVEL = 3  # ClickHouse's default of http_zlib_compression_level
_LZMA_PRESET = 3


def decode(body: bytes, coding: str | None) -> bytes:
    """A request's body as it was before `coding`; several frames behind each other are read as one.

    Raises QueryError (UNKNOWN_COMPRESSION_METHOD, or CANNOT_DECOMPRESS for bytes that are no such stream)."""
    coding = (coding or "").strip().lower()
    if coding in {"", "identity"} or not body:
        return body
    if coding not in _DECODERS:
        raise refused(89, "UNKNOWN_COMPRESSION_METHOD", f"Unknown compression method: {coding}.")
    try:
        return _DECODERS[coding](body)
    except (OSError, EOFError, ValueError, lzma.LZMAError, zlib.error) as error:
        reason = f"Cannot decompress the request's body as {coding}: {error}."
        raise refused(271, "CANNOT_DECOMPRESS", reason) from error


def encode(body: bytes, accepted: str) -> tuple[bytes, str | None]:
    """An answer's body in the first known coding of an Accept-Encoding header, and that coding's name."""
    if len(body) < _WORTHWHILE:
        return body, None
    for offer in accepted.split(","):
        coding, _, quality = offer.strip().lower().partition(";")
        if coding in _ENCODERS and quality.replace(" ", "") not in {"q=0", "q=0.0"}:
            return _ENCODERS[coding](body), coding
    return body, None


def _arrow_decoder(codec: str) -> Callable[[bytes], bytes]:
    def unpack(body: bytes) -> bytes:
        import pyarrow as pa

        with pa.CompressedInputStream(pa.BufferReader(body), codec) as stream:
            return bytes(stream.read())

    return unpack


def _arrow_encoder(codec: str, level: int | None = None) -> Callable[[bytes], bytes]:
    def pack(body: bytes) -> bytes:
        import pyarrow as pa

        return bytes(pa.Codec(codec, compression_level=level).compress(body, asbytes=True))

    return pack


_DECODERS: dict[str, Callable[[bytes], bytes]] = {
    "lz4": _arrow_decoder("lz4"),
    "zstd": _arrow_decoder("zstd"),
    "br": _arrow_decoder("brotli"),
    "gzip": gzip.decompress,
    "deflate": zlib.decompress,
    "xz": lzma.decompress,
    "bz2": bz2.decompress,
}
_ENCODERS: dict[str, Callable[[bytes], bytes]] = {
    "lz4": _arrow_encoder("lz4"),
    "zstd": _arrow_encoder("zstd"),
    # The codec's own default is its slowest level.
    "br": _arrow_encoder("brotli", 3),
    "gzip": lambda body: gzip.compress(body, _GZIP_LEVEL),
    "deflate": zlib.compress,
    "xz": lambda body: lzma.compress(body, preset=_LZMA_PRESET),
    "bz2": bz2.compress,
}
