"""What must not be shown or kept: values whose names call them secret, and passwords in URLs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

HIDDEN = "(hidden)"

#: As a word of its own: KEY alone would hide KEY_PREFIX, and TOKEN the number of tokens.
_SECRET = re.compile(
    r"(?:^|[_.\-])(?:password|passwd|passphrase|pwd|secret|secrets|credentials?|api[_\-]?keys?|access[_\-]?key"
    r"|private[_\-]?key|secret[_\-]?key|auth[_\-]?token|access[_\-]?token|refresh[_\-]?token|bearer[_\-]?token"
    r"|token|requirepass|masterauth|authorization|cookie)$",
    re.IGNORECASE,
)
#: scheme://user:password@ or scheme://password@, up to the last @ before the path.
_USER_INFO = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.\-]*://)[^/?#\s]*@")
_PASSWORD = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*://[^/?#\s:@]*:(?P<password>[^/?#\s]*)@")
_FLAG = re.compile(
    r"(?P<flag>(?<![\w-])--?(?P<name>[A-Za-z][\w.-]*))(?P<between>[ \t]+|=)(?P<value>\"[^\"]*\"|'[^']*'|\S+)"
)
#: Shorter values are hidden by the names of their settings only.
_LEAST_SECRET = 6


def is_secret(name: str) -> bool:
    """Whether a setting of this name holds a secret, by its last words: REDIS_PASSWORD, qdrant.api-key."""
    return _SECRET.search(name) is not None


def redact(text: str) -> str:
    """The text with who logs in, in any URL of it, hidden: user name and password alike."""
    return _USER_INFO.sub(rf"\g<scheme>{HIDDEN}@", text)


def redacted(settings: Mapping[str, str]) -> dict[str, str]:
    """Settings that may be shown: secrets are hidden by name, logins in URLs wherever they stand."""
    return {name: HIDDEN if value and is_secret(name) else redact(value) for name, value in settings.items()}


def secret_values(settings: Mapping[str, str]) -> set[str]:
    """The secrets themselves: values of settings that are called so, and passwords in URLs. Short ones are
    left out, as they are words that stand for other things, too."""
    found = {value for name, value in settings.items() if is_secret(name)}
    for value in settings.values():
        found |= {match["password"] for match in _PASSWORD.finditer(value)}
    return {value for value in found if len(value) >= _LEAST_SECRET}


def without(text: str, secrets: Iterable[str]) -> str:
    """The text with every one of these values hidden, the longest first."""
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) >= _LEAST_SECRET:
            text = text.replace(secret, HIDDEN)
    return text


def redacted_words(words: Sequence[str]) -> tuple[str, ...]:
    """A command line that may be shown: what follows `--requirepass` and other flags that are called secret
    is hidden, also inside of a script, and so are logins in URLs."""
    found: list[str] = []
    hide = False
    for word in words:
        found.append(HIDDEN if hide else redact(_FLAG.sub(_hidden_value, word)))
        hide = not hide and word.startswith("-") and "=" not in word and is_secret(word.lstrip("-"))
    return tuple(found)


def _hidden_value(match: re.Match[str]) -> str:
    return f"{match['flag']}{match['between']}{HIDDEN}" if is_secret(match["name"]) else match[0]
