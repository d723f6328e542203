"""External tables of a request: data that come with a query, as files of a multipart form."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from bench.targets.embedded.patterns.errors import refused

_SUFFIXES = ("_structure", "_types", "_format")


@dataclass(frozen=True)
class ExternalTable:
    """A temporary table for one query. `structure` is what stands in the parentheses of its CREATE."""

    name: str
    structure: str
    input_format: str
    data: bytes


@dataclass(frozen=True)
class Form:
    """A multipart body: its text fields, and its files by field name."""

    fields: Mapping[str, str]
    files: Mapping[str, bytes]


def read_form(content_type: str, body: bytes) -> Form | None:
    """The request's form; None if the body is none. Raises QueryError where it cannot be taken apart."""
    if not content_type.startswith("multipart/form-data"):
        return None
    boundary = re.search(r'boundary="?([^";]+)"?', content_type)
    if boundary is None:
        raise refused(36, "BAD_ARGUMENTS", "The form's Content-Type names no boundary.")
    fields: dict[str, str] = {}
    files: dict[str, bytes] = {}
    for part in body.split(b"--" + boundary[1].encode())[1:-1]:
        head, _, content = part.partition(b"\r\n\r\n")
        content = content.removesuffix(b"\r\n")
        name = re.search(rb'\bname="([^"]*)"', head)
        if name is None:
            raise refused(36, "BAD_ARGUMENTS", "A part of the form has no name.")
        if re.search(rb"\bfilename=", head):
            files[name[1].decode(errors="surrogateescape")] = content
        else:
            fields[name[1].decode(errors="surrogateescape")] = content.decode(errors="surrogateescape")
    return Form(fields, files)


def tables(files: Mapping[str, bytes], fields: Mapping[str, str]) -> tuple[ExternalTable, ...]:
    """The tables that the files are to be. Raises QueryError for one whose columns are not told."""
    return tuple(_table(name, data, fields) for name, data in files.items())


def described(files: Mapping[str, bytes]) -> set[str]:
    """The URL parameters that describe the tables: they are no settings."""
    return {name + suffix for name in files for suffix in _SUFFIXES}


def _table(name: str, data: bytes, fields: Mapping[str, str]) -> ExternalTable:
    if not name.isidentifier() or not name.isascii():
        raise refused(36, "BAD_ARGUMENTS", f"Invalid name of an external table: {name}.")
    structure = fields.get(f"{name}_structure", "")
    if not structure:
        types = list(_types(fields.get(f"{name}_types", "")))
        structure = ", ".join(f"_{number} {kind}" for number, kind in enumerate(types, 1))
    if not structure:
        raise refused(
            36, "BAD_ARGUMENTS", "Neither structure nor types have not been provided for external table"
        )
    return ExternalTable(name, structure, fields.get(f"{name}_format", "TabSeparated"), data)


def _types(text: str) -> Iterator[str]:
    """The types of a list; the commas inside of one do not part it."""
    depth, start = 0, 0
    for at, sign in enumerate(text):
        depth += (sign == "(") - (sign == ")")
        if sign == "," and depth == 0:
            yield text[start:at].strip()
            start = at + 1
    if text[start:].strip():
        yield text[start:].strip()
