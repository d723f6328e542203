"""What is measured, in which order, and what is said of it."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from benchmarks import tools
from benchmarks.machine import core_for
from benchmarks.servers import null_server, truth_server
from benchmarks.tables import memory, off_by, ratios, table, with_spread
from benchmarks.tools import Load, Round, Tool

CONVERSATIONS = "conversations"
ON_SCHEDULE = "kato-bench, on schedule"
#: In the open loop kato-bench is given this share of the rate at which its closed loop fills a core: beyond
#: 70 % of a core its own judgement calls a run unsound.
_OPEN_SHARE = 0.55
#: The truth servers: one that always takes 20 ms, and one that holds everything for the last 250 ms of each
#: 2.5 s. Who comes at a constant rate waits 0 to 250 ms in one of ten cases: the p99 is 225 ms.
_FIXED, _STALL = "fixed:0.02", "stall:0.25:2.5"
_TRUTH = {_FIXED: {0.5: 0.02, 0.99: 0.02}, _STALL: {0.5: 0.0, 0.99: 0.225}}
_STALL_PERIOD = 2.5
_HEADINGS = {
    (_FIXED, 0.5): "20 ms: p50",
    (_FIXED, 0.99): "20 ms: p99 = 20 ms",
    (_STALL, 0.5): "stalls: p50 = 0",
    (_STALL, 0.99): "stalls: p99 = 225 ms",
}
_TRUTH_RATE, _TRUTH_USERS = 200.0, 20


@dataclass(frozen=True)
class Effort:
    """How long to measure: rounds of the closed and open loop, `seconds` of each, and `periods` of the
    server that stalls. `all_truths`: every tool on both servers of known latency."""

    rounds: int
    seconds: float
    periods: int
    all_truths: bool


QUICK, FULL = Effort(1, 1.5, 2, all_truths=False), Effort(5, 2.5, 4, all_truths=True)


@dataclass
class Comparison:
    """Rounds of each tool, interleaved; `absent`: what could not be measured, and why."""

    rounds: dict[str, list[Round]] = field(default_factory=dict)
    absent: list[str] = field(default_factory=list)

    def per_cpu_second(self, name: str) -> list[float]:
        return [one.per_cpu_second for one in self.rounds[name]]

    def sentences(self, wanted: Sequence[tuple[str, str]]) -> Iterator[str]:
        for ours, theirs in wanted:
            if ours in self.rounds and theirs in self.rounds:
                times = ratios(self.per_cpu_second(ours), self.per_cpu_second(theirs))
                yield f"- {ours}: {with_spread(times, 2)} times the requests per CPU-second of {theirs}."
        yield from (f"- Not measured: {one}." for one in self.absent)

    def table(self) -> str:
        return table(
            ("", "requests per CPU-second", "requests/s", "memory", "failures"),
            [
                (
                    name,
                    with_spread(self.per_cpu_second(name)),
                    with_spread([one.requests / one.seconds for one in rounds]),
                    memory([one.peak_bytes for one in rounds]),
                    str(sum(one.failures for one in rounds)),
                )
                for name, rounds in self.rounds.items()
            ],
        )


def closed_loop(url: str, effort: Effort) -> Comparison:
    """One GET on 32 connections, each sending its next request as soon as it has its answer."""
    named = (tools.CLIENT, tools.ENGINE, tools.FAST, tools.HTTP, tools.WRK, tools.HEY)
    load = Load(url, core_for("client"), effort.seconds)
    return _interleaved(named, load, effort.rounds)


def open_loop(url: str, effort: Effort, closed: Comparison) -> Comparison:
    """POSTs with bodies and GETs by turns. kato-bench on its schedule; Locust, which has none, as fast as it
    can, which costs it least."""
    ours_closed = closed.rounds[tools.ENGINE.name]
    # Where the server is what limits the closed loop, it would be overloaded by half a core's requests.
    rate = min(min(_OPEN_SHARE * one.per_cpu_second, one.requests / one.seconds / 2) for one in ours_closed)
    ours = Tool(
        ON_SCHEDULE,
        lambda load: tools.engine(
            replace(load, seconds=max(3.0, load.seconds), connections=64, rate=round(rate)),
            CONVERSATIONS,
        ),
    )
    theirs = Tool(tools.FAST.name, tools.locust_user(CONVERSATIONS))
    return _interleaved((ours, theirs), Load(url, core_for("client"), effort.seconds), min(3, effort.rounds))


def _interleaved(named: Sequence[Tool], load: Load, rounds: int) -> Comparison:
    """Every tool once a round, each round beginning with another one."""
    found = Comparison(absent=[tool.missing for tool in named if tool.missing])
    present = [tool for tool in named if not tool.missing]
    found.rounds = {tool.name: [] for tool in present}
    for number in range(rounds):
        first = number % len(present)
        for tool in present[first:] + present[:first]:
            _say(f"round {number + 1} of {rounds}: {tool.name}")
            found.rounds[tool.name].append(tool.measure(load))
    return found


def truth(effort: Effort) -> tuple[str, list[str]]:
    """A table of what each tool reports of servers whose latency is known, and what could not be measured."""
    measured: list[tuple[Tool, str]] = [
        (Tool("kato-bench", _on_schedule), "constant rate"),
        (Tool(tools.FAST.name, tools.locust_user("fast")), "constant throughput"),
        (Tool(tools.HTTP.name, tools.locust_user("http")), "constant throughput"),
        (Tool(tools.HEY.name, tools.hey, tools.HEY.missing), "rate limit"),
        (Tool(tools.WRK.name, tools.wrk, tools.WRK.missing), "as fast as it can"),
    ]
    lengths = {_FIXED: 3.0, _STALL: effort.periods * _STALL_PERIOD}
    if not effort.all_truths:
        measured, lengths = measured[:2], {_STALL: lengths[_STALL]}
    rows = []
    for tool, how in measured:
        if tool.missing:
            continue
        row = [tool.name, how]
        for mode, length in lengths.items():
            _say(f"{mode}: {tool.name}")
            with truth_server(mode, core_for("server")) as server:
                load = Load(server.url, core_for("client"), length, _TRUTH_USERS, _TRUTH_RATE, length=0)
                found = tool.measure(load).percentiles
            row += [off_by(found.get(q), value) for q, value in _TRUTH[mode].items()]
        rows.append(row)
    header = [_HEADINGS[mode, q] for mode in lengths for q in _TRUTH[mode]]
    return table(("", "pace", *header), rows), [tool.missing for tool, _ in measured if tool.missing]


def _on_schedule(load: Load) -> Round:
    """The first request starts the server's clock, so that there is no warm-up; many sessions, so that none
    of them has to wait for its own last answer."""
    many = replace(load, connections=20 * load.connections)
    return tools.engine(many, "one_get", warmup=0.0)


def null(effort: Effort) -> tuple[str, Comparison, Comparison]:
    """The name of the server, and the comparisons on it."""
    with null_server(core_for("server")) as server:
        closed = closed_loop(server.url, effort)
        return server.name, closed, open_loop(server.url, effort, closed)


def _say(sentence: str) -> None:
    print(f"bench: {sentence}", file=sys.stderr, flush=True)
