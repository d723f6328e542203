"""Make the README's picture: a real run on a real (pseudo) terminal, saved as SVG.

python docs/picture.py docs/run.svg [arguments of kato-bench run ...]
"""

from __future__ import annotations

import io
import os
import pty
import re
import select
import struct
import sys
from fcntl import ioctl
from pathlib import Path
from termios import TIOCSWINSZ

from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

WIDTH = 100


def capture(command: list[str]) -> bytes:
    """What the command writes to a terminal of WIDTH columns."""
    pid, descriptor = pty.fork()
    if pid == 0:
        os.execvpe(command[0], command, {**os.environ, "TERM": "xterm-256color", "COLUMNS": str(WIDTH)})
    ioctl(descriptor, TIOCSWINSZ, struct.pack("HHHH", 50, WIDTH, 0, 0))
    seen = b""
    while True:
        select.select([descriptor], [], [])
        try:
            data = os.read(descriptor, 65_536)
        except OSError:
            break
        if not data:
            break
        seen += data
    os.waitpid(pid, 0)
    return seen


def last_screen(output: str) -> str:
    """What stays on the screen once the live display has erased itself: all after the last erasure."""
    return re.split(r"\x1b\[[012]?[KJ]|\x1b\[\?25h", output)[-1].replace("\r", "").strip("\n")


def main() -> None:
    target, arguments = sys.argv[1], sys.argv[2:]
    output = capture([str(Path(sys.executable).parent / "kato-bench"), "run", *arguments])
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True)
    console.print(Text(" ".join(["$ kato-bench run", *arguments]), style="bold"))
    console.print(Text.from_ansi(last_screen(output.decode())))
    svg = console.export_svg(title="kato-bench run", theme=MONOKAI)
    # The picture stands alone: no font is fetched from anywhere.
    svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)
    Path(target).write_text(svg)


if __name__ == "__main__":
    main()
