"""The command line: its commands, and how a failure is told. Heavy modules are imported by the command that
needs them."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Callable, Sequence
from typing import Annotated, Any, TextIO

import typer

from bench.commands import (
    advice,
    calibrating,
    capacity,
    gating,
    inspecting,
    knobs,
    mixing,
    planning,
    reading,
    reporting,
    running,
)
from bench.errors import BenchError, ExitCode

app = typer.Typer(
    name="kato-bench",
    help="Measures KATO deployments: how much they carry, what holds them back, what to change.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for topic in (
    running,
    planning,
    reading,
    advice,
    capacity,
    gating,
    reporting,
    knobs,
    inspecting,
    calibrating,
    mixing,
):
    app.add_typer(topic.app)


def _version(wanted: bool) -> None:
    if wanted:
        from bench import __version__

        print(f"kato-bench {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="print the version and exit")
    ] = False,
) -> None:
    """Measures KATO deployments: how much they carry, what holds them back, what to change."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command and exit with its code; failures are one sentence on stderr."""
    _have_streams()
    if isinstance(sys.stdout, io.TextIOWrapper):
        # Not every terminal has arrows and dashes; a question mark in their place loses less than the text.
        sys.stdout.reconfigure(errors="replace")
    sys.exit(_run(arguments))


def _have_streams() -> None:
    """Where this was started without stdin, stdout or stderr (`<&-`, as daemons do), the first sockets that
    are opened would get their numbers, and be printed to, or lost to children that find their stdin there."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            # The lowest number that is free is this one.
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
    # Python leaves them out then. stdin stays out: whoever wants to read it says that it is closed.
    sys.stdout = sys.stdout or os.fdopen(1, "w", closefd=False)
    sys.stderr = sys.stderr or os.fdopen(2, "w", closefd=False)


class _Output:
    """stdout that ends no command: what was measured is written and judged whether or not `| head` still
    listens. Rich and `print` see no error; `failure` keeps the first."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.failure: OSError | None = None

    def write(self, text: str) -> int:
        self._try(lambda: self._stream.write(text))
        return len(text)

    def flush(self) -> None:
        self._try(self._stream.flush)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def _try(self, action: Callable[[], object]) -> None:
        if self.failure is not None:
            return
        try:
            action()
        except OSError as failure:
            self.failure = failure
            # What is still in the buffer must not fail once more when Python ends.
            with contextlib.suppress(OSError), open(os.devnull, "wb") as nowhere:  # noqa: PTH123
                os.dup2(nowhere.fileno(), self._stream.fileno())


def _run(arguments: Sequence[str] | None) -> int:
    stdout, output = sys.stdout, _Output(sys.stdout)
    sys.stdout = output
    try:
        code = _command(arguments)
        output.flush()
    finally:
        sys.stdout = stdout
    if output.failure is None or isinstance(output.failure, BrokenPipeError):
        return code
    told = _fail(f"stdout cannot be written: {output.failure.strerror}", ExitCode.USAGE)
    return code or told


def _command(arguments: Sequence[str] | None) -> int:
    try:
        code = app(arguments, standalone_mode=False)
    except BenchError as error:
        return _fail(str(error), error.exit_code)
    except KeyboardInterrupt:
        return _fail("interrupted.", ExitCode.INTERRUPTED)
    except Exception as error:
        # What Typer refuses (a wrong flag, a value of the wrong kind) has its own sentence.
        format_message = getattr(error, "format_message", None)
        if format_message is None:
            raise
        if type(error).__name__ == "NoArgsIsHelpError":
            return ExitCode.USAGE
        return _fail(
            f"{format_message().rstrip('.')}. `kato-bench --help` lists what there is", ExitCode.USAGE
        )
    return int(code or 0)


def _fail(sentence: str, code: ExitCode) -> int:
    print(f"kato-bench: {sentence.rstrip('.')}.", file=sys.stderr)
    return code


if __name__ == "__main__":
    main()
