"""The program that a container runs and its arguments, found in a command that may be a shell's script."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath

from bench.targets.compose.interpolation import InterpolationError, interpolate

_SHELLS = frozenset({"sh", "bash", "ash", "dash"})
_SEPARATORS = frozenset(";&|()")


def arguments(
    words: Sequence[str], programs: Sequence[str], environment: Mapping[str, str]
) -> tuple[str, ...] | None:
    """What follows the program in the command, a shell's variables replaced by `environment`; None where none
    of the programs is called, or where the script calls it more than once, as in an `if`."""
    found = list(_invocations(words, programs, environment))
    return found[0] if len(found) == 1 else None


def _invocations(
    words: Sequence[str], programs: Sequence[str], environment: Mapping[str, str]
) -> Iterator[tuple[str, ...]]:
    script = _script(words)
    for command in [list(words)] if script is None else _commands(script, environment):
        for at, word in enumerate(command):
            if PurePosixPath(word).name in programs:
                yield tuple(command[at + 1 :])
                break


def _script(words: Sequence[str]) -> str | None:
    """The script of `sh -c SCRIPT`, wherever a shell stands in the command; None where none does."""
    for at, word in enumerate(words[:-1]):
        if PurePosixPath(word).name in _SHELLS:
            for flag, script in zip(words[at + 1 :], words[at + 2 :], strict=False):
                if flag.startswith("-") and flag.endswith("c"):
                    return script
    return None


def _commands(script: str, environment: Mapping[str, str]) -> list[list[str]]:
    """The simple commands of a script; none where it is no script that can be read."""
    try:
        completed = interpolate(script, environment.get)
        lexer = shlex.shlex(
            completed.replace("\\\n", " ").replace("\n", ";"), posix=True, punctuation_chars=";&|()"
        )
        lexer.whitespace_split = True
        lexer.commenters = ""
        words = list(lexer)
    except (InterpolationError, ValueError):
        return []
    found: list[list[str]] = [[]]
    for word in words:
        if word and set(word) <= _SEPARATORS:
            found.append([])
        else:
            found[-1].append(word)
    return found
