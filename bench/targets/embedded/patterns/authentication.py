"""Which user a request comes from: headers, basic authentication or URL, one of them at a time."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping

from bench.targets.embedded.patterns.errors import QueryError, refused
from bench.targets.embedded.patterns.users import DEFAULT_USER, User, Users

_HEADERS = "X-ClickHouse HTTP headers"
_BASIC = "Authorization HTTP header"
_FORGOTTEN = (
    "\n\nIf you have installed ClickHouse and forgot password you can reset it in the configuration file.\n"
    "Here that is the file given with --users.\n\n"
)


def authenticate(users: Users, fields: Mapping[str, str], headers: Mapping[str, str]) -> User:
    """The request's user.

    Raises QueryError: AUTHENTICATION_FAILED for a wrong password, an unknown user or mixed methods,
    REQUIRED_PASSWORD where a password was needed and none given."""
    name, password = _credentials(fields, headers)
    user = users.get(name)
    if user is not None and user.accepts(password):
        return user
    reason = f"{name}: Authentication failed: password is incorrect, or there is no user with such name."
    if name == DEFAULT_USER:
        reason += _FORGOTTEN
    if not password:
        raise refused(194, "REQUIRED_PASSWORD", reason)
    raise refused(516, "AUTHENTICATION_FAILED", reason)


def _credentials(fields: Mapping[str, str], headers: Mapping[str, str]) -> tuple[str, str]:
    name, password = headers.get("x-clickhouse-user", ""), headers.get("x-clickhouse-key", "")
    authorization = headers.get("authorization", "")
    in_url = "user" in fields or "password" in fields
    if name or password:
        if authorization:
            raise _mixed(_HEADERS, _BASIC)
        if in_url:
            raise _mixed(_HEADERS, "authentication via parameters")
        return _named(name, _HEADERS), password
    if authorization:
        if in_url:
            raise _mixed(_BASIC, "authentication via parameters")
        name, password = _basic(authorization)
        return _named(name, _BASIC), password
    return _named(fields.get("user", DEFAULT_USER), "authentication via parameters"), fields.get(
        "password", ""
    )


def _basic(authorization: str) -> tuple[str, str]:
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        raise _failed(f"Invalid authentication: '{scheme}' HTTP Authorization scheme is not supported")
    try:
        text = base64.b64decode(encoded, validate=True).decode(errors="surrogateescape")
    except binascii.Error as error:
        raise _failed("Invalid authentication: the Authorization HTTP header is not base64") from error
    name, _, password = text.partition(":")
    return name, password


def _named(name: str, method: str) -> str:
    if not name:
        raise _failed(f"Got an empty user name from {method}")
    return name


def _mixed(one: str, other: str) -> QueryError:
    return _failed(f"Invalid authentication: it is not allowed to use {one} and {other} simultaneously")


def _failed(reason: str) -> QueryError:
    return refused(516, "AUTHENTICATION_FAILED", reason)
