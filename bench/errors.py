"""Failures that a user can mend, and the exit codes that scripts rely on."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum


class ExitCode(IntEnum):
    """What a command says to the script that called it; the table stands in the README."""

    OK = 0
    INTERNAL = 1
    USAGE = 2
    OBJECTIVE = 3
    REGRESSION = 4
    INCONCLUSIVE = 5
    UNREACHABLE = 6
    GUARD = 7
    INTERRUPTED = 130


_PRECEDENCE = (
    ExitCode.INTERRUPTED,
    ExitCode.INTERNAL,
    ExitCode.USAGE,
    ExitCode.UNREACHABLE,
    ExitCode.GUARD,
    ExitCode.INCONCLUSIVE,
    ExitCode.REGRESSION,
    ExitCode.OBJECTIVE,
)


def decisive(codes: Iterable[ExitCode]) -> ExitCode:
    """The one code to exit with where several apply."""
    seen = set(codes)
    return next((code for code in _PRECEDENCE if code in seen), ExitCode.OK)


class BenchError(Exception):
    """A failure told in one sentence, without a traceback."""

    exit_code = ExitCode.INTERNAL


class UsageError(BenchError):
    """The input is wrong; the sentence names the input and the fix."""

    exit_code = ExitCode.USAGE


class InconclusiveError(BenchError):
    """The measurement carries no conclusion; the sentence says why."""

    exit_code = ExitCode.INCONCLUSIVE


class UnreachableError(BenchError):
    """The target does not answer; the sentence names the address."""

    exit_code = ExitCode.UNREACHABLE


class PartFailedError(BenchError):
    """A part of the embedded deployment did not start or died; the sentence names it and quotes its log."""
