"""What must not be shown or kept: values whose names call them secret, and passwords in URLs."""

from __future__ import annotations

import re
from collections.abc import Mapping

HIDDEN = "(hidden)"

#: As a word of its own: KEY alone would hide KEY_PREFIX, and TOKEN the number of tokens.
_SECRET = re.compile(
    r"(?:^|[_.\-])(?:password|passwd|passphrase|pwd|secret|secrets|credentials?|api[_\-]?key|access[_\-]?key"
    r"|private[_\-]?key|secret[_\-]?key|auth[_\-]?token|access[_\-]?token|refresh[_\-]?token|bearer[_\-]?token"
    r"|token|requirepass|masterauth|authorization|cookie)$",
    re.IGNORECASE,
)
#: scheme://user:password@ or scheme://password@, up to the last @ before the path.
_USER_INFO = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.\-]*://)[^/?#\s]*@")


def is_secret(name: str) -> bool:
    """Whether a setting of this name holds a secret, by its last words: REDIS_PASSWORD, qdrant.api-key."""
    return _SECRET.search(name) is not None


def redact(text: str) -> str:
    """The text with who logs in, in any URL of it, hidden: user name and password alike."""
    return _USER_INFO.sub(rf"\g<scheme>{HIDDEN}@", text)


def redacted(settings: Mapping[str, str]) -> dict[str, str]:
    """Settings that may be shown: secrets are hidden by name, logins in URLs wherever they stand."""
    return {name: HIDDEN if value and is_secret(name) else redact(value) for name, value in settings.items()}
