"""What `kato-bench mix` does beyond parsing: read a log, tell what is in it, write a plan like it."""

from __future__ import annotations

import gzip
import json
import os
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from bench import words
from bench.accesslog import Found, read
from bench.errors import ExitCode, UsageError
from bench.record.writing import replacing

#: Requests a second where the log has no times: what scenarios send by default.
_RATE = 40.0
#: Seconds that the plan measures.
_DURATION = 60
_MOST_SESSIONS = 20_000
_MOST_LEFT_OUT = 8
_LONGEST_QUOTE = 160


def learn_mix(log: Path, plan: Path | None, *, as_json: bool) -> ExitCode:
    """Read `log` (`-` is stdin, `.gz` is unpacked) and write the plan to `plan`, or to stdout where there is
    none. Raises UsageError for a log that cannot be read or holds no request that can be sent, and where the
    plan cannot be written."""
    try:
        with _opened(log) as lines:
            found = read(lines)
    except (OSError, EOFError, zlib.error) as error:
        raise UsageError(f"{log} cannot be read: {getattr(error, 'strerror', None) or error}.") from error
    name = "stdin" if str(log) == "-" else log.name
    if not found.requests:
        raise UsageError(_nothing_found(name, found))
    weights, remarks = weights_of(found)
    if not weights:
        raise UsageError(f"No request of {name} can be sent. {' '.join(remarks)}")
    text = plan_text(name, found, weights)
    if plan is not None:
        try:
            with replacing(plan) as file:
                file.write(text.encode())
        except OSError as error:
            raise UsageError(f"{plan} cannot be written: {error.strerror or error}.") from error
    if as_json:
        print(json.dumps(_as_json(found, weights, remarks, text, plan)))
        return ExitCode.OK
    said = sys.stderr if plan is None else sys.stdout
    for sentence in (*tell(name, found), *remarks):
        print(sentence, file=said)
    if plan is None:
        print(text, end="")
    else:
        print(f"The plan is in {plan}: kato-bench run {plan}", file=said)
    return ExitCode.OK


@contextmanager
def _opened(log: Path) -> Iterator[TextIO]:
    if str(log) == "-":
        if sys.stdin is None:
            raise UsageError("stdin is closed: send the log there, or name its file.")
        # Not `sys.stdin`, which ends at what is not UTF-8.
        with os.fdopen(0, encoding="utf-8", errors="replace", closefd=False) as file:
            yield file
    elif log.suffix == ".gz":
        with gzip.open(log, "rt", encoding="utf-8", errors="replace") as file:
            yield file
    else:
        with log.open(encoding="utf-8", errors="replace") as file:
            yield file


def weights_of(found: Found) -> tuple[dict[str, int], list[str]]:
    """Requests by operation, the commonest first, as far as the scenario `mixed` can send them; and what of
    the log it cannot do."""
    counts = dict(found.operations.most_common())
    remarks = []
    told = counts.get("observe", 0) + counts.get("sequence", 0)
    if counts.get("learn", 0) > told:
        remarks.append(
            "There are more learns than observations, and KATO learns only what was observed: of "
            f"{words.count(counts['learn'])} learns {words.count(told)} count."
        )
        counts["learn"] = told
    if counts.get("delete", 0) > counts.get("create", 0):
        made = counts.get("create", 0)
        remarks.append(
            "More sessions were deleted than created while the log was written: of "
            f"{words.count(counts['delete'])} deletes {words.count(made)} count."
        )
        counts["delete"] = made
    if told and not any(counts.get(name) for name in ("learn", "clear", "create")):
        remarks.append(
            "Nothing empties the short-term memories (clear, learn, create): they grow to 1 000 events, and "
            "predictions with them."
        )
    return {name: count for name, count in counts.items() if count}, remarks


def plan_text(name: str, found: Found, weights: dict[str, int]) -> str:
    """A plan in TOML: the scenario `mixed` with these weights, at the log's rate."""
    rate = float(f"{found.rate or _RATE:.4g}")
    why = "the log's" if found.rate else "the default: the log has no times"
    lines = [
        f"# Learned by `kato-bench mix` from {json.dumps(name)}: {words.count(found.requests)} requests.",
        'scenario = "mixed"',
        "",
        "# How many requests of each kind the log has.",
        "[data]",
        *(f"{operation} = {weight}" for operation, weight in weights.items()),
    ]
    if found.open_sessions:
        sessions = min(_MOST_SESSIONS, max(1, round(found.open_sessions)))
        lines += ["# In use at the same time, on average.", f"sessions = {sessions}"]
    lines += [
        "",
        "[[phase]]",
        'phase = "measure"',
        f'duration = "{_DURATION}s"',
        f"# Requests a second: {why}.",
        f"poisson = {{ rate = {rate} }}",
        "",
    ]
    return "\n".join(lines)


def tell(name: str, found: Found) -> list[str]:
    """What was found, in sentences and one small table."""
    known = f"{name}: {words.count(found.requests)} requests in {words.count(found.lines)} lines"
    if found.seconds and found.rate:
        known += f", over {_span(found.seconds)}, {words.rate(found.rate)}"
    told = [f"{known}.", ""]
    for operation, count in found.operations.most_common():
        told.append(f"  {operation:<9}{words.count(count):>12}{100 * count / found.requests:>8.2f} %")
    told.append("")
    if not found.rate:
        told.append(f"The lines have no times, or only one: the plan takes {_RATE:g} requests/s.")
    if found.open_sessions:
        many = words.count(len(found.sessions))
        told.append(f"{many} sessions, {found.open_sessions:.3g} at the same time on average.")
    elif found.sessions:
        told.append(f"{words.count(len(found.sessions))} sessions.")
    if found.failed:
        failed = words.count(found.failed)
        told.append(f"{failed} requests were answered with an error; they count as the others do.")
    if found.left_out:
        commonest = found.left_out.most_common(_MOST_LEFT_OUT)
        named = ", ".join(f"{path} ({words.count(count)})" for path, count in commonest)
        told.append(f"{words.count(found.left_out.total())} requests are no part of the mix: {named}.")
    if found.not_understood:
        told.append(
            f"{words.count(found.not_understood)} lines are no requests, the first: "
            f"{(found.first_not_understood or '')[:_LONGEST_QUOTE]}"
        )
    return told


def _span(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.3g} s"
    return f"{seconds / 60:.3g} min" if seconds < 7200 else f"{seconds / 3600:.3g} h"


def _nothing_found(name: str, found: Found) -> str:
    if not found.lines:
        return f"{name} is empty: give an access log of KATO or of the proxy before it."
    if found.left_out:
        return f"{name} has requests, but none to KATO's sessions: give an access log of KATO."
    quote = (found.first_not_understood or "")[:_LONGEST_QUOTE]
    return (
        f"None of the {words.count(found.lines)} lines of {name} is one of an access log (uvicorn's, "
        f"common or combined format); the first is {quote!r}."
    )


def _as_json(
    found: Found, weights: dict[str, int], remarks: list[str], text: str, plan: Path | None
) -> dict[str, object]:
    return {
        "requests": found.requests,
        "lines": found.lines,
        "not_understood": found.not_understood,
        "operations": dict(found.operations.most_common()),
        "left_out": dict(found.left_out.most_common()),
        "failed": found.failed,
        "seconds": found.seconds,
        "rate": found.rate,
        "sessions": len(found.sessions),
        "open_sessions": found.open_sessions,
        "weights": weights,
        "remarks": remarks,
        "plan": text,
        "written": str(plan) if plan is not None else None,
    }
