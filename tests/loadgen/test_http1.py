"""One reading of an answer, whichever way it is read and in whatever pieces it comes."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bench.loadgen import http1
from bench.loadgen.client import Connection, Exchange
from bench.loadgen.http1 import ParsedAnswer, ordinary

BUFFER = 65_536


class Pieces:
    """A transport on which an answer arrives in given pieces, and then the end of the stream."""

    def __init__(self, pieces: Sequence[bytes]) -> None:
        self._pieces = iter(pieces)

    def send(self, data: bytes) -> None:
        pass

    def receive_into(self, buffer: bytearray) -> int:
        piece = next(self._pieces, b"")
        # What is left of earlier answers must never be read.
        buffer[:] = b"\xff" * len(buffer)
        buffer[: len(piece)] = piece
        return len(piece)

    def is_silent(self) -> bool:
        return True

    def close(self) -> None:
        pass


@dataclass(frozen=True)
class Answer:
    """What is on the wire, and what it says."""

    wire: bytes
    status: int
    body: bytes
    keeps_alive: bool


def read(pieces: Sequence[bytes]) -> tuple[int, bytes, bool]:
    exchange = Exchange()
    reusable = Connection(0, Pieces(pieces), bytearray(BUFFER)).exchange(b"", exchange)
    return exchange.status, exchange.body, reusable


def cut(wire: bytes, places: Sequence[int]) -> list[bytes]:
    edges = [0, *sorted({place % len(wire) for place in places} - {0}), len(wire)]
    return [wire[start:end] for start, end in itertools.pairwise(edges)]


NAMES = (b"Date", b"server", b"X-Trace-ID", b"content-length-was", b"x-content-length", b"Connections", b"A")
names = st.sampled_from(NAMES)
values = st.binary(max_size=12).map(lambda raw: bytes(32 + byte % 95 for byte in raw).strip())
headers = st.tuples(names, values).map(lambda pair: pair[0] + b": " + pair[1] + b"\r\n")
plain_headers = st.lists(headers, max_size=4)


@st.composite
def answers(draw: st.DrawFn) -> Answer:
    status = draw(st.sampled_from([200, 201, 404, 422, 500, 503]))
    body = draw(st.binary(max_size=300))
    before, after = draw(plain_headers), draw(plain_headers)
    connection = draw(st.sampled_from([b"", b"Connection: keep-alive\r\n", b"connection:close\r\n"]))
    form = draw(st.sampled_from(["length", "length", "chunked", "to the end"]))
    keeps_alive = b"close" not in connection and form != "to the end"
    if form == "length":
        name = draw(st.sampled_from([b"Content-Length: ", b"content-length:", b"CONTENT-LENGTH:  "]))
        before.append(name + b"%d\r\n" % len(body))
        content = body
    elif form == "chunked":
        before.append(b"Transfer-Encoding: chunked\r\n")
        size = draw(st.integers(1, 100))
        chunks = [body[start : start + size] for start in range(0, len(body), size)]
        content = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"
    else:
        content = body
    interim = draw(st.sampled_from([b"", b"", b"HTTP/1.1 100 Continue\r\n\r\n"]))
    head = b"HTTP/1.1 %d %b\r\n" % (status, draw(st.sampled_from([b"OK", b"", b"Not so good"])))
    wire = interim + head + b"".join(before) + connection + b"".join(after) + b"\r\n" + content
    return Answer(wire, status, body, keeps_alive)


@given(answers(), st.lists(st.integers(0, 10_000), max_size=5))
def test_an_answer_says_the_same_however_it_arrives(answer: Answer, places: list[int]) -> None:
    assert read(cut(answer.wire, places)) == (answer.status, answer.body, answer.keeps_alive)


BODY = b'{"count":      7}'
ORDINARY = b"HTTP/1.1 200 OK\r\nserver: uvicorn\r\ncontent-length: 17\r\nx-trace-id: kato-1\r\n\r\n" + BODY


@pytest.mark.parametrize("place", range(1, len(ORDINARY)))
def test_an_ordinary_answer_may_be_cut_anywhere(place: int) -> None:
    assert read([ORDINARY[:place], ORDINARY[place:]]) == (200, BODY, True)


@given(
    st.integers(0, len(ORDINARY) - 1),
    st.one_of(st.integers(0, 255), st.sampled_from(list(b"\r\n:; \t09AZaz\x00"))),
    st.booleans(),
)
def test_what_passes_for_ordinary_is_what_the_parser_reads(place: int, byte: int, inserted: bool) -> None:
    """One byte is changed, or put in: the short way may decline, but it must not read anything else."""
    wire = ORDINARY[:place] + bytes([byte]) + ORDINARY[place + (not inserted) :]
    head = ordinary(wire, 0, len(wire))
    assume(head is not None and len(wire) - head.end() == int(head[2]))
    assert head is not None
    parsed = ParsedAnswer()
    parsed.feed(wire)
    assert parsed.complete
    assert (parsed.status, parsed.body) == (int(head[1]), wire[head.end() :])
    assert parsed.keeps_alive


@pytest.mark.parametrize(
    "wire",
    [
        b"HTTP/1.1 204 No Content\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 304 Not Modified\r\ncontent-length: 5\r\n\r\n",
        b"HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\ncontent-length : 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ncontent-length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nfolded: one\r\n two\r\ncontent-length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\n\nok",
        b"HTTP/1.1 200 OK\r\ncontent-length: -2\r\n\r\nok",
        b"HTTP/1.1 101 Switching Protocols\r\ncontent-length: 2\r\n\r\nok",
    ],
)
def test_what_is_not_ordinary_is_left_to_the_parser(wire: bytes) -> None:
    assert ordinary(wire, 0, len(wire)) is None


@pytest.mark.parametrize("after", [b"H", b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nno", b"{}"])
@pytest.mark.parametrize("places", [[], [len(ORDINARY)], [40], [len(ORDINARY) - 3]])
def test_bytes_that_answer_nothing_end_the_connection(after: bytes, places: list[int]) -> None:
    """But for those that come after a pause: they are found before the connection is used again."""
    pieces = cut(ORDINARY + after, places)
    came_later = places == [len(ORDINARY)]
    assert read(pieces) == (200, BODY, came_later)


@pytest.mark.parametrize(
    "pieces",
    [
        [],
        [b"HTTP/1.1 200 OK\r\n"],
        [ORDINARY[:-1]],
        [ORDINARY[:50], ORDINARY[50:-1]],
        [b"-ERR unknown command\r\n"],
        [b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"],
    ],
)
def test_what_breaks_off_or_is_no_answer_is_a_reset(pieces: list[bytes]) -> None:
    exchange = Exchange()
    with pytest.raises(ConnectionResetError):
        Connection(0, Pieces(pieces), bytearray(BUFFER)).exchange(b"", exchange)
    assert (exchange.done, exchange.status, exchange.body) == (None, 0, b"")


def test_a_body_without_end_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http1, "LARGEST", 10_000)
    chunk = b"1000\r\n" + b"x" * 0x1000 + b"\r\n"
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    whole = [head, chunk, chunk, b"0\r\n\r\n"]
    assert read(whole) == (200, b"x" * 0x2000, True)
    exchange = Exchange()
    with pytest.raises(ConnectionResetError):
        Connection(0, Pieces([head, *itertools.repeat(chunk, 10)]), bytearray(BUFFER)).exchange(b"", exchange)
    assert (exchange.done, exchange.status, exchange.body) == (None, 0, b"")


def test_a_length_of_100_megabytes_is_not_ordinary() -> None:
    wire = b"HTTP/1.1 200 OK\r\ncontent-length: 100000000\r\n\r\n"
    assert ordinary(wire, 0, len(wire)) is None
