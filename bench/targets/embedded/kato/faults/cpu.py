"""CPU that requests burn on top of their own."""

from __future__ import annotations

import time
from collections.abc import Callable, Coroutine, Generator
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class CpuFault:
    """Middleware under which each request burns `share` (0.15 is 15 %) more CPU than it used itself, and
    `seconds` of it whatever it used.

    What it used until its answer begins is paid before the answer begins, so that service times show it; the
    rest when it ends. It has to be the outermost middleware, or it does not see the CPU of the others."""

    def __init__(self, app: ASGIApp, share: float, seconds: float = 0.0) -> None:
        self._app = app
        self._share = share
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        burnt = paid_for = 0.0
        fixed = self._seconds

        def pay() -> None:
            nonlocal burnt, paid_for, fixed
            own = metered.seconds() - burnt
            burnt += _burn((own - paid_for) * self._share + fixed)
            paid_for, fixed = own, 0.0

        async def send_paid(message: Message) -> None:
            if message["type"] == "http.response.start":
                pay()
            await send(message)

        async def answer() -> None:
            await self._app(scope, receive, send_paid)
            pay()

        metered = Metered(answer())
        await metered


class Metered:
    """Awaits a coroutine and counts its own CPU, however many others run in between.

    Every step of it, from one suspension to the next, is timed by the thread's CPU clock. Tasks that it
    starts are not part of it."""

    def __init__(self, coroutine: Coroutine[Any, Any, None]) -> None:
        self._coroutine = coroutine
        self._used = 0.0
        self._step_began: float | None = None

    def seconds(self) -> float:
        """CPU-seconds so far, those of the step that is running included."""
        running = 0.0 if self._step_began is None else time.thread_time() - self._step_began
        return self._used + running

    def __await__(self) -> Generator[Any, Any, None]:
        resume: Callable[[Any], Any] = self._coroutine.send
        outcome: Any = None
        while True:
            self._step_began = time.thread_time()
            try:
                awaited = resume(outcome)
            except StopIteration:
                return
            finally:
                self._used, self._step_began = self.seconds(), None
            try:
                outcome = yield awaited
                resume = self._coroutine.send
            except BaseException as error:
                outcome = error
                resume = self._coroutine.throw


def _burn(seconds: float) -> float:
    """Keep this thread busy for so many CPU-seconds; how many it was."""
    began = time.thread_time()
    while (used := time.thread_time() - began) < seconds:
        pass
    return used
