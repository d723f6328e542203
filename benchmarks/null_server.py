"""Answers every request at once with the same 200: `python -m benchmarks.null_server BODY`, prints its port.

Stands in for nginx where that is not installed. One process, one epoll loop, nothing shared; half as fast
or so, which matters little here: what counts is the CPU time of the client.
"""

from __future__ import annotations

import re
import select
import socket
import sys

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


def whole_requests(data: bytes) -> tuple[int, bytes]:
    """How many whole requests the data begins with, and what is left of it after them."""
    count = 0
    while (end := data.find(b"\r\n\r\n")) >= 0:
        length = _LENGTH.search(data, 0, end)
        size = end + 4 + (int(length[1]) if length else 0)
        if len(data) < size:
            break
        data = data[size:]
        count += 1
    return count, data


def answer(body: bytes) -> bytes:
    head = b"HTTP/1.1 200 OK\r\nServer: null\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    return head % len(body) + body


def serve(listener: socket.socket, body: bytes) -> None:
    """Answer for ever."""
    whole_answer = answer(body)
    listener.setblocking(False)
    poller = select.epoll()
    poller.register(listener, select.EPOLLIN)
    connections: dict[int, socket.socket] = {}
    begun: dict[int, bytes] = {}
    while True:
        for descriptor, _ in poller.poll():
            if descriptor == listener.fileno():
                connection, _ = listener.accept()
                connection.setblocking(False)
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                connections[connection.fileno()] = connection
                poller.register(connection, select.EPOLLIN)
                continue
            connection = connections[descriptor]
            try:
                data = connection.recv(65_536)
                if data:
                    count, rest = whole_requests(begun.pop(descriptor, b"") + data)
                    if rest:
                        begun[descriptor] = rest
                    if count:
                        connection.send(whole_answer * count)
                    continue
            except OSError:
                pass
            begun.pop(descriptor, None)
            connections.pop(descriptor).close()


if __name__ == "__main__":
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as server:
        print(server.getsockname()[1], flush=True)
        serve(server, sys.argv[1].encode())
