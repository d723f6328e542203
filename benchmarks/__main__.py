"""`make bench`: compare kato-bench with other load generators on this machine, and print the tables.

With --write they go to docs/benchmarks.md, too; --quick measures one short round of each.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import comparisons, machine, record_ten_million, tools
from benchmarks.comparisons import FULL, QUICK, Comparison, Effort

_DOCUMENT = Path(__file__).parents[1] / "docs" / "benchmarks.md"

_OURS = (tools.CLIENT.name, tools.ENGINE.name)
_PAIRS = [(ours, theirs) for theirs in (tools.FAST.name, tools.WRK.name) for ours in _OURS]

_TEXT = """# Benchmarks

What kato-bench's load engine costs beside other load generators, and whether what they report is
true. Written by `make bench ARGS=--write` on {date}; `make bench` measures it again, on your machine.

{machine}. {versions}.  Server: {server}, on core {server_core}; each tool alone on core {client_core}.
{rounds} of {seconds:g} s each, in turn, so that whatever disturbs the machine meets all tools. Given
is the median, in brackets the lowest and the highest round.

## Closed loop: the same GET on 32 connections

What a request costs: requests divided by the CPU time of the generator's own processes. The throughput
beside it ends where the server's core does. kato-bench and Locust check status and body length of every
answer, `wrk` and `hey` the status. *Client alone* is kato-bench's HTTP client in a loop; *whole run*
is what `kato-bench run` does: sessions, turns, four times a request, and a recorder process whose
CPU time counts.

{closed}

{closed_ratios}

## Open loop: schedule, sessions, bodies

Observations (POST, JSON) and predictions (GET) by turns. kato-bench sends at a constant rate that
fills about half of its core; Locust has no schedule, and is left to send as fast as it can, which
costs least per request.

{open}

{open_ratios}

## Is it true?

Servers of known latency, asked 200 times a second by 20 users. One takes 20 ms for every answer. The
other answers at once, but stands still for 250 ms of each 2.5 s: one in ten of those who come at a
constant rate meets that, and the p99 of what they wait is 225 ms. A tool that waits for an answer
before it sends again meets each stall with as many requests as it has connections, and not with those
that would have come: *coordinated omission*.

{truth}

{notes}"""

_RECORD = """
## Ten million requests

{record}
"""


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one short round of each, below a minute")
    parser.add_argument("--write", action="store_true", help=f"write {_DOCUMENT.name} in docs, too")
    options = parser.parse_args(arguments)
    began = time.monotonic()
    text = document(QUICK if options.quick else FULL)
    if not options.quick:
        text += _RECORD.format(record=record_ten_million.measure())
    print(text)
    if options.write:
        _DOCUMENT.write_text(text, encoding="utf-8")
    print(f"bench: {time.monotonic() - began:.0f} s", file=sys.stderr)
    return 0


def document(effort: Effort) -> str:
    """Measure, and say it in Markdown."""
    server, closed, opened = comparisons.null(effort)
    truth, absent = comparisons.truth(effort)
    return _TEXT.format(
        date=datetime.now(UTC).strftime("%Y-%m-%d"),
        machine=machine.description(),
        versions=machine.versions(),
        server=server,
        server_core=machine.core_for("server"),
        client_core=machine.core_for("client"),
        rounds=f"{effort.rounds} round" + "s" * (effort.rounds > 1),
        seconds=effort.seconds,
        closed=closed.table(),
        closed_ratios=_list(closed, _PAIRS),
        open=opened.table(),
        open_ratios=_list(opened, [(comparisons.ON_SCHEDULE, tools.FAST.name)]),
        truth=truth,
        notes="\n".join(f"- Not measured: {one}." for one in absent),
    )


def _list(found: Comparison, pairs: Sequence[tuple[str, str]]) -> str:
    return "\n".join(found.sentences(pairs))


if __name__ == "__main__":
    sys.exit(main())
