"""Sending one request of one session and recording what came of it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from bench.loadgen.client import Exchange, HttpClient
from bench.loadgen.operations import Request, create
from bench.loadgen.recorder import Recorder
from bench.loadgen.session import Session, Turn

if TYPE_CHECKING:
    from bench.loadgen.verify import Witness


class Traffic:
    """All requests of a load process go through here."""

    def __init__(
        self,
        client: HttpClient,
        events: Any,
        recorder: Recorder | None,
        timeout: float,
        witness: Witness | None = None,
    ) -> None:
        """`witness` is told of each request that came to its end."""
        self._client = client
        self._events = events
        # Locust's own list. An event that nobody hears costs as much as recording the request.
        self._listeners: list[Any] = events.request._handlers
        self._recorder = recorder
        self._timeout = timeout
        self._witness = witness

    def open(self, session: Session, config: dict[str, Any], turn: Turn) -> Exchange:
        """Create the session at the target; its `session_id` stays empty if that fails."""
        exchange = self.send(session, create(session.node_name, config), turn)
        if not exchange.error:
            session.session_id = _session_id(exchange) or ""
        return exchange

    def send(self, session: Session, request: Request, turn: Turn) -> Exchange:
        """Send one request, or drop it if it waits for its session or a connection beyond the time-out."""
        exchange = Exchange()
        try:
            patience = turn.due + self._timeout - time.monotonic()
            was_never_created = not request.absolute and not session.session_id
            if patience <= 0 or was_never_created:
                exchange.error = "dropped"
            else:
                self._client.request(
                    request.method,
                    request.target(session.session_id),
                    request.body,
                    patience=patience,
                    into=exchange,
                )
                self._judge(request, exchange)
        except BaseException:
            # Its user was ended at the end of the test: recorded, but no failure in Locust's own report.
            exchange.done = None
            exchange.error = "unanswered" if exchange.sent is not None else "dropped"
            self._keep(session, request, turn, exchange)
            raise
        self._keep(session, request, turn, exchange)
        if self._listeners:
            self._report(session, request, turn, exchange)
        return exchange

    def drop(self, session: Session, turn: Turn, request: Request) -> Exchange:
        """Record a request that was due and will never be sent."""
        exchange = Exchange(error="dropped")
        self._keep(session, request, turn, exchange)
        return exchange

    @staticmethod
    def _judge(request: Request, exchange: Exchange) -> None:
        if not exchange.error:
            created_nothing = request.operation == "create" and not _session_id(exchange)
            if created_nothing or request.key not in exchange.body:
                exchange.error = "invalid"
        elif exchange.error == "not_found" and not request.absolute:
            exchange.error = "lost_session"

    def _keep(self, session: Session, request: Request, turn: Turn, exchange: Exchange) -> None:
        if self._recorder is not None:
            items = request.items(exchange.body) if not exchange.error else -1
            self._recorder.record(session, request.operation, turn, exchange, items)
        if self._witness is not None:
            self._witness.saw(session, request, turn, exchange)

    def _report(self, session: Session, request: Request, turn: Turn, exchange: Exchange) -> None:
        """Tell Locust, whose statistics and plug-ins listen."""
        end = exchange.done if exchange.done is not None else time.monotonic()
        self._events.request.fire(
            request_type=request.method,
            name=request.operation,
            response_time=(end - turn.due) * 1000,
            response_length=len(exchange.body),
            response=None,
            context={"session": session.index, "phase": turn.phase},
            exception=RuntimeError(exchange.error) if exchange.error else None,
            start_time=time.time() - (end - turn.due),
            url=request.path,
        )


def _session_id(exchange: Exchange) -> str | None:
    """The id of the session that the answer says was made; None if it says no such thing."""
    try:
        answer = exchange.json()
    except ValueError:
        return None
    found = answer.get("session_id") if isinstance(answer, dict) else None
    return found if isinstance(found, str) and found.isprintable() and " " not in found else None
