"""Session events over a WebSocket."""

from __future__ import annotations

import asyncio
import contextlib
from typing import cast

from fastapi import APIRouter, WebSocket, WebSocketDisconnect

from bench.targets.embedded.kato.events import Listener, message
from bench.targets.embedded.kato.services import Services

router = APIRouter()


@router.websocket("/ws/events")
async def stream_events(socket: WebSocket) -> None:
    services = cast(Services, socket.app.state.services)
    await socket.accept()
    with services.events.listener() as listener:
        snapshot = {"active_sessions": await services.sessions.count(), "system_status": "healthy"}
        listener.put_nowait(message("state.snapshot", snapshot))
        sender = asyncio.create_task(_send(listener, socket))
        try:
            while (received := await socket.receive())["type"] != "websocket.disconnect":
                if received.get("text") == "ping":
                    await listener.put("pong")
        finally:
            sender.cancel()


async def _send(listener: Listener, socket: WebSocket) -> None:
    with contextlib.suppress(WebSocketDisconnect, RuntimeError):  # it went while a message was on its way
        while True:
            await socket.send_text(await listener.get())
