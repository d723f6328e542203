"""The load processes of this machine, as the command sees them: it has them begin together, tells of those
that die, and waits for none for ever."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from bench.loadgen.distributed.rendezvous import Orders, Rendezvous, Step
from bench.plan import Phases
from bench.supervision.supervisor import Child

#: Seconds from leave to begin to the first due time, so that the first arrivals are not late.
_LEAD = 0.2
#: Seconds beyond what the plan says until a process that has not ended its load counts as lost.
_PATIENCE = 30.0
_READ = 65_536


@dataclass
class Member:
    """A load process, and the command's end of its control socket. It sends lines of JSON:
    `{"at": step, "taught": nodes}` where it waits for leave to go on, `{"say": sentence}` for people.
    `known_dead`: the team has told so."""

    number: int
    child: Child
    control: socket.socket
    known_dead: bool = False
    _buffer: bytes = field(default=b"", repr=False)

    def lines(self) -> Iterator[dict[str, Any]] | None:
        """What has arrived; None at the end."""
        try:
            data = self.control.recv(_READ)
        except ConnectionError:
            return None
        if not data:
            return None
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        return (json.loads(line) for line in lines)


class Team:
    """`members`: the processes that share a load, or the one that speaks for workers elsewhere, which sees to
    all of this itself (`gathers` is False)."""

    def __init__(
        self, members: list[Member], phases: Phases, say: Callable[[str], None], *, gathers: bool
    ) -> None:
        self.members = members
        self._say = say
        self._load_seconds = phases.warmup + phases.measure
        self._overdue = self._load_seconds + phases.drain + _PATIENCE
        self._meeting = Rendezvous(len(members) if gathers else 0, lambda: time.monotonic() + _LEAD)
        self._gathers = gathers
        self._stopped: set[int] = set()

    def hear(self, member: Member) -> bool:
        """Take what a member says; False when it will say nothing more."""
        lines = member.lines()
        if lines is None:
            if self._gathers:
                self._give(self._meeting.leave(member.number))
                self._stop_if_incomplete()
            return False
        for line in lines:
            if "say" in line:
                self._say(line["say"])
            else:
                self._arrived(member, Step(line["at"]), line["taught"])
        return True

    def look_after(self) -> None:
        """Tell of members that have died, and end those that have not ended their load long after its end."""
        for member in self.members:
            code = member.child.poll()
            if code and not member.known_dead and len(self.members) > 1:
                member.known_dead = True
                self._say(
                    f"load process {member.number + 1} of {len(self.members)} died ({_how(code)}); what it "
                    "had still to send is missing from this run"
                )
        start = self._meeting.start
        if start is not None and time.monotonic() > start + self._overdue:
            for number in self._meeting.behind(Step.OVER):
                self._signal(self.members[number], signal.SIGKILL)

    def stop(self) -> None:
        """Ask every member to end its schedule; asking again changes nothing."""
        for member in self.members:
            self._signal(member, signal.SIGTERM)

    def has_ended(self) -> bool:
        return all(member.child.poll() is not None for member in self.members)

    def close(self) -> None:
        for member in self.members:
            member.control.close()

    def _arrived(self, member: Member, step: Step, taught: list[int]) -> None:
        self._give(self._meeting.arrive(member.number, step, taught))
        start = self._meeting.start
        if step == Step.OVER and start is not None and time.monotonic() < start + self._load_seconds:
            # It was stopped, or its scenario failed: what the others do from here on is another load.
            self._stop_others()
        self._stop_if_incomplete()

    def _stop_if_incomplete(self) -> None:
        if self._meeting.called_off:
            self._stop_others()

    def _stop_others(self) -> None:
        # One that is not here yet would die of the signal: it is told when it comes.
        here = set(self._meeting.behind(Step.OVER)) - set(self._meeting.behind(Step.HERE))
        for number in here - self._stopped:
            self._stopped.add(number)
            self._signal(self.members[number], signal.SIGTERM)

    def _give(self, orders: Orders) -> None:
        for number, go in orders:
            answer = {"leads": go.leads, "start": go.start, "taught": go.taught}
            with contextlib.suppress(OSError):  # it has died, which is noticed elsewhere
                self.members[number].control.sendall(json.dumps(answer).encode() + b"\n")

    @staticmethod
    def _signal(member: Member, number: int) -> None:
        if member.child.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(member.child.pid, number)


def _how(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"
