"""The delaying proxy: true delay in each direction, in order, and no throughput lost to it."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import psutil
import pytest

from bench.targets.embedded import proxy
from bench.targets.embedded.ports import free_ports

HOST = "127.0.0.1"
DELAY = 0.03

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()


@asynccontextmanager
async def proxied(handler: Handler, delay: float = DELAY) -> AsyncIterator[int]:
    """A server behind the proxy; the proxy's port."""
    port, to = free_ports(2)
    server = await asyncio.start_server(handler, HOST, to)
    serving = asyncio.create_task(proxy.serve(port, to, delay))
    try:
        for _ in range(200):
            try:
                _, writer = await asyncio.open_connection(HOST, port)
            except OSError:
                await asyncio.sleep(0.01)
            else:
                writer.close()
                break
        yield port
    finally:
        serving.cancel()
        server.close()


def test_each_direction_takes_the_delay() -> None:
    arrived: list[float] = []

    async def note(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if await reader.read(1):
            arrived.append(time.perf_counter())
            writer.write(b"b")
        await reader.read()
        writer.close()

    async def main() -> tuple[float, float]:
        async with proxied(note) as port:
            reader, writer = await asyncio.open_connection(HOST, port)
            began = time.perf_counter()
            writer.write(b"a")
            await reader.readexactly(1)
            ended = time.perf_counter()
            writer.close()
            return arrived[0] - began, ended - arrived[0]

    out, back = asyncio.run(main())
    for took in (out, back):
        assert DELAY <= took < DELAY + 0.03


def test_what_is_under_way_does_not_wait_for_each_other() -> None:
    """A hundred messages, one each millisecond: the last arrives one delay after it was sent."""

    async def main() -> float:
        async with proxied(echo) as port:
            reader, writer = await asyncio.open_connection(HOST, port)
            began = time.perf_counter()
            for number in range(100):
                writer.write(b"%04d" % number)
                await asyncio.sleep(0.001)
            answer = await reader.readexactly(400)
            assert answer == b"".join(b"%04d" % number for number in range(100))
            writer.close()
            return time.perf_counter() - began

    assert asyncio.run(main()) < 0.1 + 2 * DELAY + 0.25


def test_a_stream_keeps_its_bytes_and_its_speed() -> None:
    size = 40 << 20

    async def send(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        block = bytes(range(256)) * 4096
        for _ in range(size // len(block)):
            writer.write(block)
            await writer.drain()
        writer.close()

    async def read(port: int) -> tuple[float, bytes]:
        reader, writer = await asyncio.open_connection(HOST, port)
        began = time.perf_counter()
        found = await reader.read(-1)
        writer.close()
        return time.perf_counter() - began, found

    async def main() -> tuple[float, float]:
        async with proxied(send, 0.0) as port:
            plain, _ = await read(port)
        async with proxied(send) as port:
            slowed, found = await read(port)
        assert found == bytes(range(256)) * (size // 256)
        return plain, slowed

    plain, slowed = asyncio.run(main())
    assert slowed < 2 * plain + DELAY + 0.2


def test_one_side_may_end_first() -> None:
    async def count(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        everything = await reader.read(-1)
        writer.write(b"%d" % len(everything))
        writer.close()

    async def main() -> bytes:
        async with proxied(count) as port:
            reader, writer = await asyncio.open_connection(HOST, port)
            writer.write(b"x" * 1000)
            writer.write_eof()
            answer = await reader.read(-1)
            writer.close()
            return answer

    assert asyncio.run(main()) == b"1000"


def test_nothing_is_left_of_connections_that_ended() -> None:
    open_files = psutil.Process().num_fds

    async def talk(port: int) -> None:
        reader, writer = await asyncio.open_connection(HOST, port)
        writer.write(b"x")
        assert await reader.readexactly(1) == b"x"
        writer.close()
        await writer.wait_closed()

    async def main() -> tuple[int, int]:
        async with proxied(echo, 0.002) as port:
            await talk(port)
            await asyncio.sleep(0.1)
            before = open_files()
            for _ in range(20):
                await talk(port)
            for _ in range(100):
                if open_files() <= before:
                    break
                await asyncio.sleep(0.02)
            return before, open_files()

    before, after = asyncio.run(main())
    assert after <= before


def test_a_store_that_is_not_there_closes_the_connection() -> None:
    async def main() -> bytes:
        port, nobody = free_ports(2)
        serving = asyncio.create_task(proxy.serve(port, nobody, DELAY))
        await asyncio.sleep(0.05)
        reader, writer = await asyncio.open_connection(HOST, port)
        answer = await asyncio.wait_for(reader.read(-1), 5)
        writer.close()
        serving.cancel()
        return answer

    assert asyncio.run(main()) == b""


@pytest.mark.parametrize(
    ("arguments", "words"),
    [([], "--port"), (["--port", "1", "--to", "2", "--delay", "soon"], "--delay")],
)
def test_it_says_what_is_wrong(arguments: list[str], words: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bench.targets.embedded.proxy", *arguments], capture_output=True, text=True
    )
    assert (done.returncode, words in done.stderr) == (2, True), done.stderr
    assert "Traceback" not in done.stderr
