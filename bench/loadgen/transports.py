"""The two ways of bytes to the target and back: a plain socket, or one with TLS."""

from __future__ import annotations

import select
from typing import Any, Protocol

from gevent import getcurrent, monkey, socket, ssl
from gevent.hub import get_hub

_READABLE = 1
#: The one of the operating system: it does not wait, so that the loop need not know of it.
_poll = monkey.get_original("select", "poll")


class NothingSentError(OSError):
    """The connection was gone before a single byte of the request had left."""


class Transport(Protocol):
    """Its methods raise OSError where the connection breaks."""

    def send(self, data: bytes) -> None:
        """Send all of it. Raises NothingSentError where it is certain that nothing was sent."""

    def receive_into(self, buffer: bytearray) -> int:
        """Wait for something to arrive; how many bytes of the buffer it takes, 0 at the end of the stream."""

    def is_silent(self) -> bool:
        """False where there is something to read between two requests: the server's close, or bytes that
        answer nothing."""

    def close(self) -> None: ...


def connect(address: tuple[str, int], tls: ssl.SSLContext | None) -> Transport:
    """Raises OSError where nobody answers, or nobody whose certificate is trusted."""
    plain = socket.create_connection(address)
    try:
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls is None:
            return _Plain(plain)
        return _Encrypted(tls.wrap_socket(plain, server_hostname=address[0]))
    except BaseException:
        plain.close()
        raise


class _Plain:
    """Sends and receives below gevent's socket, which tries before it waits: an answer is never there as
    soon as its request is out. It also asks the kernel anew for each wait what it wants to hear of; here that
    is said once, for as long as the connection lives."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._hub = get_hub()
        self._send = sock._sock.send
        self._receive_into = sock._sock.recv_into
        self._glance = _poll()
        self._glance.register(sock.fileno(), select.POLLIN)
        self._reader: Any = None
        self._is_stirred = False
        self._readable: Any = self._hub.loop.io(sock.fileno(), _READABLE)
        self._readable.start(self._arrived)

    def send(self, data: bytes) -> None:
        try:
            sent = self._send(data)
        except BlockingIOError:
            sent = 0
        except OSError as error:
            raise NothingSentError(*error.args) from None
        if sent < len(data):
            self._socket.sendall(memoryview(data)[sent:])

    def receive_into(self, buffer: bytearray) -> int:
        while True:
            if self._is_stirred:
                # The answer began before the request was out.
                self._is_stirred = False
                self._readable.start(self._arrived)
            self._reader = getcurrent()
            try:
                self._hub.switch()
            finally:
                self._reader = None
            try:
                count: int = self._receive_into(buffer)
            except BlockingIOError:
                continue
            return count

    def is_silent(self) -> bool:
        return not self._is_stirred and not self._glance.poll(0)

    def close(self) -> None:
        self._readable.stop()
        self._readable.close()
        self._socket.close()

    def _arrived(self) -> None:
        """Called by the loop whenever there is something to read."""
        if self._reader is not None:
            self._reader.switch()
            return
        # Nobody reads now: the loop would go on to say so, round after round.
        self._is_stirred = True
        self._readable.stop()


class _Encrypted:
    def __init__(self, sock: ssl.SSLSocket) -> None:
        self._socket = sock

    def send(self, data: bytes) -> None:
        self._socket.sendall(data)

    def receive_into(self, buffer: bytearray) -> int:
        count: int = self._socket.recv_into(buffer)
        return count

    def is_silent(self) -> bool:
        # A read that does not wait takes what is the protocol's own, such as tickets, and says nothing of it.
        self._socket.settimeout(0.0)
        try:
            self._socket.recv(1)
        except ssl.SSLWantReadError:
            return True
        except OSError:
            return False
        finally:
            self._socket.settimeout(None)
        return False

    def close(self) -> None:
        self._socket.close()
