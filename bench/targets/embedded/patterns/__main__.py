"""Start the pattern store: `python -m bench.targets.embedded.patterns --port P --data DIR`."""

from __future__ import annotations

import argparse
import platform
import socket
import sys
from pathlib import Path
from typing import NoReturn

from bench.errors import BenchError, ExitCode, PartFailedError, UsageError
from bench.targets.embedded.patterns import schema, users

_MOST_THREADS = 64
_MOST_GRANULARITY = 1 << 20


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(f"The pattern store was started wrongly: {message}.")


def main(argv: list[str] | None = None) -> int:
    """Serve until SIGTERM; the exit code. Prints one sentence on stderr when it cannot."""
    try:
        options = _options(argv)
        listener = _listen(options.host, options.port)
        _serve(listener, options)
    except BenchError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return ExitCode.OK


def _options(argv: list[str] | None) -> argparse.Namespace:
    parser = _Parser(prog="python -m bench.targets.embedded.patterns", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, required=True, help="TCP port of the HTTP interface")
    parser.add_argument("--data", type=Path, required=True, help="folder of the tables; made if missing")
    parser.add_argument("--threads", type=int, default=8, help="queries that may run at once")
    parser.add_argument(
        "--users", type=Path, help="a users.xml of ClickHouse's; without it: default, no password"
    )
    parser.add_argument(
        "--set",
        dest="settings",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a setting of every user's profile; may be repeated",
    )
    parser.add_argument(
        "--index-granularity",
        type=int,
        default=schema.INDEX_GRANULARITY,
        help="rows of a granule of KATO's table, when it is made",
    )
    parser.add_argument(
        "--skip-indexes",
        default=",".join(schema.INDEXES),
        help="skip indexes of KATO's table, when it is made; empty for none",
    )
    parser.add_argument(
        "--no-tables", action="store_true", help="begin empty: whoever starts it makes KATO's tables"
    )
    options = parser.parse_args(argv)
    if not 1 <= options.port <= 65535:
        parser.error(f"--port {options.port} is not between 1 and 65535")
    if not 1 <= options.threads <= _MOST_THREADS:
        parser.error(f"--threads {options.threads} is not between 1 and {_MOST_THREADS}")
    if not 1 <= options.index_granularity <= _MOST_GRANULARITY:
        parser.error(
            f"--index-granularity {options.index_granularity} is not between 1 and {_MOST_GRANULARITY}"
        )
    options.skip_indexes = [name for name in options.skip_indexes.split(",") if name]
    for name in options.skip_indexes:
        if name not in schema.INDEXES:
            parser.error(f"--skip-indexes {name} is none of {', '.join(schema.INDEXES)}")
    for setting in options.settings:
        if not setting.partition("=")[0] or "=" not in setting:
            parser.error(f"--set {setting} is not NAME=VALUE")
    if "?" in str(options.data):
        parser.error(f"--data {options.data} holds a '?', behind which the engine reads options")
    try:
        options.data.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        parser.error(f"--data {options.data} cannot be made a folder ({error.strerror})")
    options.data = options.data.resolve()
    return options


def _listen(host: str, port: int) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError as error:
        raise PartFailedError(
            f"The pattern store cannot listen on {host}:{port} ({error.strerror}); choose another --port."
        ) from error
    return listener


def _serve(listener: socket.socket, options: argparse.Namespace) -> None:
    settings = dict(setting.split("=", 1) for setting in options.settings)
    known = users.read(options.users, settings) if options.users else users.built_in(settings)
    table = () if options.no_tables else schema.ddl(options.index_granularity, options.skip_indexes)
    try:
        from bench.targets.embedded.patterns.server import serve
    except ImportError as error:
        raise _not_installed(error) from error
    serve(listener, options.data, options.threads, known, table)


def _not_installed(error: ImportError) -> PartFailedError:
    return PartFailedError(
        f"The pattern store cannot load {error.name or 'ClickHouse’s engine'}: install kato-bench[embedded] "
        "(chdb-core has wheels for Linux with glibc and for macOS, on x86_64 and arm64; "
        f"this is {platform.system()} {platform.machine()}, {platform.libc_ver()[0] or 'no glibc'})."
    )


if __name__ == "__main__":
    sys.exit(main())
