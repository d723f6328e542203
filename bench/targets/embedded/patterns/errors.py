"""Failures of a query, told as ClickHouse tells them over HTTP."""

from __future__ import annotations

import re

_CODE = re.compile(r"Code: (\d+)\.")
_NAME = re.compile(r"\(([A-Z][A-Z0-9_]+)\)(?: \(version [^)]*\))?\s*$")
_VERSION = re.compile(r"\(version [^)]*\)\s*$")

# ClickHouse's own assignment of HTTP statuses to error names; every other error is a 500.
_STATUS_OF_NAMES = {
    400: (
        "BAD_ARGUMENTS CANNOT_COMPILE_REGEXP CANNOT_PARSE_TEXT CANNOT_PARSE_ESCAPE_SEQUENCE "
        "CANNOT_PARSE_QUOTED_STRING CANNOT_PARSE_DATE CANNOT_PARSE_DATETIME CANNOT_PARSE_NUMBER "
        "CANNOT_PARSE_DOMAIN_VALUE_FROM_STRING CANNOT_PARSE_IPV4 CANNOT_PARSE_IPV6 CANNOT_PARSE_UUID "
        "CANNOT_PARSE_INPUT_ASSERTION_FAILED DUPLICATE_COLUMN ILLEGAL_COLUMN THERE_IS_NO_COLUMN "
        "UNKNOWN_ELEMENT_IN_AST UNKNOWN_TYPE_OF_AST_NODE TOO_DEEP_AST TOO_BIG_AST UNEXPECTED_AST_STRUCTURE "
        "SYNTAX_ERROR INCORRECT_DATA TYPE_MISMATCH VALUE_IS_OUT_OF_RANGE_OF_DATA_TYPE"
    ),
    401: "REQUIRED_PASSWORD",
    403: "ACCESS_DENIED AUTHENTICATION_FAILED UNKNOWN_USER WRONG_PASSWORD SET_NON_GRANTED_ROLE",
    404: (
        "UNKNOWN_TABLE UNKNOWN_FUNCTION UNKNOWN_IDENTIFIER UNKNOWN_TYPE UNKNOWN_STORAGE UNKNOWN_DATABASE "
        "UNKNOWN_SETTING UNKNOWN_DIRECTION_OF_SORTING UNKNOWN_AGGREGATE_FUNCTION UNKNOWN_FORMAT "
        "UNKNOWN_DATABASE_ENGINE UNKNOWN_TYPE_OF_QUERY UNKNOWN_ROLE"
    ),
    408: "TIMEOUT_EXCEEDED",
    413: "QUERY_IS_TOO_LARGE",
    501: "NOT_IMPLEMENTED",
    503: "SOCKET_TIMEOUT CANNOT_OPEN_FILE CANNOT_SCHEDULE_TASK",
}
_STATUS = {name: status for status, names in _STATUS_OF_NAMES.items() for name in names.split()}


class QueryError(Exception):
    """A query that failed: ClickHouse's error number, its symbolic name, and the text for the client."""

    def __init__(self, code: int, name: str, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.name = name
        self.text = text

    @property
    def status(self) -> int:
        """The HTTP status that ClickHouse gives this error."""
        return _STATUS.get(self.name, 500)

    def body(self, version: str) -> bytes:
        """The answer's body; the engine names its version only in some of its messages."""
        suffix = "" if _VERSION.search(self.text) else f" (version {version})"
        return f"{self.text}{suffix}\n".encode(errors="surrogateescape")


def refused(code: int, name: str, reason: str) -> QueryError:
    """An error that the HTTP interface itself raises, worded as the engine words its own."""
    return QueryError(code, name, f"Code: {code}. DB::Exception: {reason} ({name})")


def from_engine(error: Exception) -> QueryError:
    """The engine's exception; what chdb puts before ClickHouse's own text is left out.

    A message that quotes bytes which are no UTF-8 arrives as the failure to decode it."""
    if isinstance(error, UnicodeDecodeError):
        text = error.object.decode(errors="replace")
    else:
        text = str(error).strip()
    code = _CODE.search(text)
    if code is None:
        return refused(1002, "UNKNOWN_EXCEPTION", text)
    text = text[code.start() :]
    name = _NAME.search(text)
    return QueryError(int(code[1]), name[1] if name else "", text)
