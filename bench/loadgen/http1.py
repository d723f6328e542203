"""Reading HTTP/1.1 answers: ordinary ones with one regular expression, all others with httptools.

A whole parser costs a load generator as much as sending and receiving. What nearly every server sends, a
status line, plain headers and a Content-Length, needs none. Whatever does not match `ordinary` exactly is for
`ParsedAnswer`: chunks, bodies that end with the connection, interim answers, heads that come in pieces. The
expression may so be as strict as it likes.
"""

from __future__ import annotations

import errno
import re

import httptools

#: Bytes of a body. KATO's own are below a megabyte; one without end would take all of the machine's memory.
LARGEST = 1 << 28

_TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
#: Headers that decide where the body ends and what becomes of the connection.
_DECISIVE = rb"content-length|transfer-encoding|connection|proxy-connection|upgrade"
_LINE = rb"(?:(?!(?i:" + _DECISIVE + rb"):)" + _TOKEN + rb":[\t -~]*\r\n|(?i:connection: ?keep-alive)\r\n)*"

#: `ordinary(buffer, start, end)` matches the head of an answer whose body is as long as its Content-Length
#: says, on a connection that stays open. Group 1 is the status, group 2 the length. Answers that never have
#: a body (1xx, 204, 304) are not ordinary, whatever length they name.
ordinary = re.compile(
    rb"HTTP/1\.1 (?!204|304)([2-5][0-9][0-9]) [\t -~]*\r\n"
    + _LINE
    + rb"(?i:content-length): ?([0-9]{1,8})\r\n"
    + _LINE
    + rb"\r\n"
).match


def broken_off() -> ConnectionResetError:
    """What to raise where the connection ends before the answer does."""
    return ConnectionResetError(errno.ECONNRESET, "closed before the answer was complete")


class ParsedAnswer:
    """One answer, fed as it arrives until `complete`; interim answers (1xx) before it are passed over."""

    def __init__(self) -> None:
        self.status = 0
        self.complete = False
        self.keeps_alive = False
        self._parser = httptools.HttpResponseParser(self)
        self._parts: list[bytes] = []
        self._size = 0
        self._in_body = False
        self._has_length = False

    @property
    def body(self) -> bytes:
        return self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)

    @property
    def ends_with_connection(self) -> bool:
        """True where the body has no length of its own: the server's close is its proper end."""
        return self._in_body and not self._has_length

    def feed(self, data: bytes | memoryview) -> None:
        """Raises ConnectionResetError for what is no HTTP answer, and for a body larger than `LARGEST`."""
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            if not self.complete:
                raise ConnectionResetError(errno.EPROTO, f"no HTTP answer: {error}") from None
            self.keeps_alive = False

    def on_message_begin(self) -> None:
        if self.complete:
            # Bytes that answer nothing: what comes after them cannot be told from an answer.
            self.keeps_alive = False

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() in (b"content-length", b"transfer-encoding"):
            self._has_length = True

    def on_headers_complete(self) -> None:
        if not self.complete:
            self.status = self._parser.get_status_code()
            self._in_body = True

    def on_body(self, data: bytes) -> None:
        if self.complete:
            return
        self._size += len(data)
        if self._size > LARGEST:
            raise ValueError("the body is too large")
        self._parts.append(data)

    def on_message_complete(self) -> None:
        if self.complete:
            return
        if self.status < 200:
            self._in_body = self._has_length = False
            return
        self.complete = True
        # Once the parser has returned it answers for the next message, and always no.
        self.keeps_alive = self._parser.should_keep_alive()
