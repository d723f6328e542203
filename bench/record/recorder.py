"""The recorder process: frames from inherited sockets in, the files of a run folder out.

    python -m bench.record.recorder --folder DIR --origin T --source [NAME=]FD [--source ...] [--progress FD]

`--origin` is the CLOCK_MONOTONIC reading at second 0 of the run. Each source is a Unix stream socket (or
pipe) on which one process sends frames (`bench.record.frames`); one with a name that ends without an END
frame leaves an event. EVENT frames are JSON objects; METRICS frames are JSON lists of `[t, source, instance,
metric, value]`; PROGRESS frames are JSON objects
`{"t", "phase", "due", "picked", "in_flight", "cpu_seconds"}`, counted since the start of that process.

Once a second a JSON line for the live display goes to `--progress` (see `bench.record.live`). SIGINT is
ignored: the run's end is the runner's decision. On SIGTERM, or when every source has ended, what is still in
the sockets is read, the tables are written, and a last line follows:

    {"final": true, "rows": n, "ends": [payload of each END frame], "missing_end": n, "broken": [sentence]}

`missing_end` counts the sources that ended without an END frame, `broken` tells of sources that were given
up because they sent nonsense. Exit code 2, with a last line {"error": sentence}, if something cannot be
written; what was written before stays readable.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path


class ProgressOutput:
    """JSON lines to a descriptor, or to nobody."""

    def __init__(self, descriptor: int | None) -> None:
        self._descriptor = descriptor
        if descriptor is not None:
            os.set_blocking(descriptor, False)

    def say(self, line: dict[str, object]) -> None:
        """Write a line, unless its reader is gone or so far behind that it has no use for it."""
        if self._descriptor is not None:
            with contextlib.suppress(OSError):
                os.write(self._descriptor, json.dumps(line, separators=(",", ":")).encode() + b"\n")

    def say_last(self, line: dict[str, object]) -> None:
        """Write the line that must not be lost, however slow its reader is."""
        if self._descriptor is not None:
            os.set_blocking(self._descriptor, True)
            self.say(line)


def _source(text: str) -> tuple[str | None, int]:
    """Name, if it has one, and descriptor. Raises ValueError where that is no number."""
    name, _, descriptor = text.rpartition("=")
    return name or None, int(descriptor)


def main(arguments: Sequence[str] | None = None) -> int:
    # Before anything slow is imported: a Ctrl-C reaches every process of the terminal.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    stop, stop_writer = os.pipe()
    os.set_blocking(stop_writer, False)
    signal.signal(signal.SIGTERM, lambda number, stack: None)
    signal.set_wakeup_fd(stop_writer)

    parser = argparse.ArgumentParser(prog="python -m bench.record.recorder")
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--origin", type=float, required=True)
    parser.add_argument("--source", type=_source, action="append", required=True)
    parser.add_argument("--progress", type=int)
    options = parser.parse_args(arguments)

    from bench.record.finalise import write_tables
    from bench.record.recording import Recording
    from bench.record.writing import exclusive, write_failure

    progress = ProgressOutput(options.progress)
    try:
        with exclusive(options.folder):
            recording = Recording(options.folder, options.origin, options.source, progress.say)
            recording.record(stop)
            rows = write_tables(options.folder)
    except OSError as error:
        progress.say_last({"error": write_failure(options.folder, error)})
        return 2
    progress.say_last({"final": True, "rows": rows, **recording.outcome()})
    return 0


if __name__ == "__main__":
    sys.exit(main())
