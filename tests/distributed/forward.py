"""Passes TCP connections on: `python forward.py LISTEN_HOST:PORT TO_HOST:PORT`; says when it listens.

It stands for what `ssh -L` does between two machines."""

from __future__ import annotations

import asyncio
import contextlib
import sys


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    writer.close()


async def main(listen: str, to: str) -> None:
    (host, _, port), (to_host, _, to_port) = listen.rpartition(":"), to.rpartition(":")

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            back, there = await asyncio.open_connection(to_host, int(to_port))
        except OSError:
            writer.close()
            return
        await asyncio.gather(_copy(reader, there), _copy(back, writer))

    server = await asyncio.start_server(connected, host, int(port))
    print("listening", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main(*sys.argv[1:]))
