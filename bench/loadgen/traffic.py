"""Sending one request of one session and recording what came of it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from bench.loadgen import contract
from bench.loadgen.client import Exchange, HttpClient
from bench.loadgen.operations import SOCKET, Request, create
from bench.loadgen.recorder import Recorder
from bench.loadgen.roster import Roster
from bench.loadgen.session import Session, Turn
from bench.loadgen.sockets import Sockets
from bench.record.vocabulary import INVALID

#: Answers that break the contract and get an event of their own; all of them are counted.
_MOST_COMPLAINTS = 100

if TYPE_CHECKING:
    from bench.loadgen.verify import Witness


class Traffic:
    """All requests of a load process go through here.

    `witness` is told of each request that came to its end, `roster` which sessions are open; `sockets` opens
    the WebSockets of requests that need one. With `validates` every answer is held against KATO's contract,
    field by field; else only its key is sought."""

    def __init__(
        self,
        client: HttpClient,
        events: Any,
        recorder: Recorder | None,
        timeout: float,
        witness: Witness | None = None,
        *,
        sockets: Sockets | None = None,
        roster: Roster | None = None,
        validates: bool = False,
    ) -> None:
        self._client = client
        self._events = events
        # Locust's own list. An event that nobody hears costs as much as recording the request.
        self._listeners: list[Any] = events.request._handlers
        self._recorder = recorder
        self._timeout = timeout
        self._witness = witness
        self.sockets = sockets
        self._roster = Roster() if roster is None else roster
        self._validates = validates
        self._complaints = 0

    def open(self, session: Session, config: dict[str, Any], turn: Turn) -> Exchange:
        """Create the session at the target; its `session_id` stays empty if that fails."""
        return self.send(session, create(session.node_name, config), turn)

    def send(self, session: Session, request: Request, turn: Turn) -> Exchange:
        """Send one request, or drop it if it waits for its session or a connection beyond the time-out."""
        session = request.session or session
        exchange = Exchange()
        try:
            patience = turn.due + self._timeout - time.monotonic()
            was_never_created = not request.absolute and not session.session_id
            if patience <= 0 or was_never_created:
                exchange.error = "dropped"
            elif request.method == SOCKET:
                assert self.sockets is not None
                self.sockets.visit(request.path, patience, exchange)
            else:
                self._client.request(
                    request.method,
                    request.target(session.session_id),
                    request.body,
                    patience=patience,
                    into=exchange,
                )
            complaint = self._judge(session, request, exchange)
        except BaseException:
            # Its user was ended at the end of the test: recorded, but no failure in Locust's own report.
            exchange.done = None
            exchange.error = "unanswered" if exchange.sent is not None else "dropped"
            self._keep(session, request, turn, exchange)
            if request.operation == "delete" and exchange.sent is not None:
                # To delete it once more would fail, and look like a failure of KATO's.
                self._roster.closed(session.session_id)
            raise
        self._keep(session, request, turn, exchange)
        if request.operation == "delete":
            self._deleted(session, exchange)
        if self._listeners:
            self._report(session, request, turn, exchange, complaint)
        return exchange

    def drop(self, session: Session, turn: Turn, request: Request) -> Exchange:
        """Record a request that was due and will never be sent."""
        exchange = Exchange(error="dropped")
        self._keep(request.session or session, request, turn, exchange)
        return exchange

    def delivered(self, session: Session, request: Request, exchange: Exchange) -> None:
        """Record an event that reached a subscriber or was missed: due when what caused it was sent."""
        assert exchange.sent is not None
        phase = self._recorder.phase if self._recorder is not None else "measure"
        turn = Turn(exchange.sent, exchange.sent, phase)
        if self._recorder is not None:
            self._recorder.begin_late(turn, exchange.done)
        self._keep(session, request, turn, exchange)
        if self._listeners:
            self._report(session, request, turn, exchange, None)

    def _judge(self, session: Session, request: Request, exchange: Exchange) -> str | None:
        """Call an answer invalid that breaks the contract, and say how; learn the id of a new session."""
        if exchange.error:
            if exchange.error == "not_found" and not request.absolute:
                exchange.error = "lost_session"
            return None
        complaint = None
        if request.key not in exchange.body:
            complaint = f"the answer lacks {request.key.decode()}"
        elif self._validates and request.contract:
            complaint = contract.violation(request.contract, exchange.body)
        if request.operation == "create":
            session.session_id = _session_id(exchange) or ""
            if session.session_id:
                self._roster.opened(session)
            else:
                complaint = complaint or "the answer names no session"
        if complaint is not None:
            exchange.error = "invalid"
            self._complain(request, complaint)
        return complaint

    def _complain(self, request: Request, complaint: str) -> None:
        self._complaints += 1
        if self._recorder is not None and self._complaints <= _MOST_COMPLAINTS:
            name = request.contract or f"{request.method} {request.path}"
            self._recorder.event(INVALID, operation=request.operation, request=name, complaint=complaint)

    def _deleted(self, session: Session, exchange: Exchange) -> None:
        """Forget a session that is gone, or that KATO does not know."""
        if exchange.error in ("", "lost_session"):
            self._roster.closed(session.session_id)
            session.session_id = ""

    def _keep(self, session: Session, request: Request, turn: Turn, exchange: Exchange) -> None:
        if self._recorder is not None:
            items = request.items(exchange.body) if not exchange.error else -1
            self._recorder.record(session, request.operation, turn, exchange, items)
        if self._witness is not None:
            self._witness.saw(session, request, turn, exchange)

    def _report(
        self, session: Session, request: Request, turn: Turn, exchange: Exchange, complaint: str | None
    ) -> None:
        """Tell Locust, whose statistics and plug-ins listen."""
        end = exchange.done if exchange.done is not None else time.monotonic()
        failure = f"{exchange.error}: {complaint}" if complaint else exchange.error
        self._events.request.fire(
            request_type=request.method,
            name=request.operation,
            response_time=(end - turn.due) * 1000,
            response_length=len(exchange.body),
            response=None,
            context={"session": session.index, "phase": turn.phase},
            exception=RuntimeError(failure) if failure else None,
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
