"""Files that are there completely or not at all, and the sentence for when they cannot be."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

#: What the operating system says where a disk, or a share of it, is full.
NO_ROOM = (errno.ENOSPC, errno.EDQUOT)


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A file to write that takes the place of `path` once it is complete and on disk.

    After a crash either the old file or the new one is there. A link stays one, and what is no regular file
    (a device, a pipe) is written to as it is. Raises OSError if it cannot be written."""
    path = path.resolve()
    if path.exists() and not path.is_file():
        with path.open("wb") as file:
            yield file
        return
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        with temporary.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def sync_folder(folder: Path) -> None:
    """Have the names in a folder on disk, not only the files."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def exclusive(folder: Path) -> Iterator[None]:
    """Be the only process that writes the tables of this folder.

    A recorder outlives its runner for as long as it takes to finish them. Raises BlockingIOError if another
    process is at it."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)


def write_failure(folder: Path, error: OSError) -> str:
    """What went wrong with a write in a folder; what to do about it is for the caller to add."""
    if error.errno in NO_ROOM:
        return f"no space left in {folder}"
    return f"cannot write in {folder}: {error.strerror or error}"
