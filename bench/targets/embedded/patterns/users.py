"""Who may query the store, and under which settings: ClickHouse's users, from its own users.xml.

A users file says more than this store can keep. What does not narrow rights is read over; what would narrow
them (grants, quotas, networks, constraints) is refused, since a store that took it silently would pretend to
enforce it.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from xml.etree import ElementTree

from bench.errors import UsageError

#: The profile `default` of KATO's own users.xml, as far as it differs from ClickHouse's defaults; and inserts
#: that do not ask for the queue, as KATO's do, are done when they are answered (releases of today queue all).
KATO_PROFILE = {
    "max_memory_usage": "10000000000",
    "log_queries_min_query_duration_ms": "1000",
    "async_insert": "0",
}

DEFAULT_USER = "default"
_HASHES = {
    "password_sha256_hex": lambda password: hashlib.sha256(password).hexdigest(),
    "password_double_sha1_hex": lambda password: hashlib.sha1(hashlib.sha1(password).digest()).hexdigest(),
}
_SECRETS = frozenset({"no_password", "password", *_HASHES})
_UNDERSTOOD = frozenset({"access_management", "default_database", "networks", "profile", "quota"})


@dataclass(frozen=True)
class User:
    """A user: the settings of their profile, and the database that their queries start in.

    `secret` is what the users file says of the password, `kind` in which form; None = there is none."""

    name: str
    secret: str | None = None
    kind: str = "password"
    settings: Mapping[str, str] = field(default_factory=dict)
    database: str | None = None

    def accepts(self, password: str) -> bool:
        if self.secret is None:
            return True
        given = password.encode(errors="surrogateescape")
        if self.kind in _HASHES:
            return hmac.compare_digest(_HASHES[self.kind](given), self.secret.lower())
        return hmac.compare_digest(given, self.secret.encode())


Users = Mapping[str, User]


def built_in(settings: Mapping[str, str]) -> Users:
    """ClickHouse's user `default` without a password, under KATO's profile and `settings` over it."""
    return {DEFAULT_USER: User(DEFAULT_USER, settings={**KATO_PROFILE, **settings})}


def read(path: Path, settings: Mapping[str, str]) -> Users:
    """The users of a users.xml; `settings` go over the profile of each.

    Raises UsageError for a file that cannot be read, is no users file, or narrows rights in another way."""
    try:
        root = ElementTree.parse(path).getroot()
        profiles = {one.tag: one for one in root.findall("profiles/*")}
        users = {element.tag: _user(element, profiles) for element in root.findall("users/*")}
        _check_quotas(root)
    except (OSError, ElementTree.ParseError) as error:
        raise UsageError(f"The users file {path} cannot be read: {error}.") from error
    except _NotKeptError as error:
        raise UsageError(f"The users file {path} cannot be used: {error}.") from error
    if not users:
        raise UsageError(f"The users file {path} names no users; it needs <users> with at least one below.")
    return {name: replace(user, settings={**user.settings, **settings}) for name, user in users.items()}


class _NotKeptError(Exception):
    """Something in a users file that this store does not do."""


def _user(element: ElementTree.Element, profiles: Mapping[str, ElementTree.Element]) -> User:
    name = element.tag
    for child in element:
        if child.tag not in _SECRETS | _UNDERSTOOD:
            raise _NotKeptError(f"{child.tag} of the user {name} is not enforced here, so take it out")
    secrets = [child for child in element if child.tag in _SECRETS]
    if len(secrets) != 1:
        raise _NotKeptError(f"the user {name} needs one of {', '.join(sorted(_SECRETS))}")
    secret = secrets[0].text or ""
    _check_networks(name, element)
    return User(
        name=name,
        secret=secret if secrets[0].tag != "no_password" and secret else None,
        kind=secrets[0].tag,
        settings=dict(_profile(element.findtext("profile", "default"), profiles)),
        database=element.findtext("default_database"),
    )


def _profile(name: str, profiles: Mapping[str, ElementTree.Element]) -> Iterator[tuple[str, str]]:
    if name not in profiles:
        raise _NotKeptError(f"there is no profile {name} in it")
    for child in profiles[name]:
        if child.tag == "profile":
            yield from _profile(child.text or "", {k: v for k, v in profiles.items() if k != name})
        elif child.tag in {"constraints", "readonly", "allow_ddl"}:
            raise _NotKeptError(f"{child.tag} of the profile {name} is not enforced here, so take it out")
        else:
            yield child.tag, (child.text or "").strip()


def _check_networks(name: str, element: ElementTree.Element) -> None:
    """The store listens on loopback: networks that admit it let in who is let in anyway."""
    networks = [network.text or "" for network in element.findall("networks/ip")]
    if element.find("networks") is not None and not any(_admits_loopback(network) for network in networks):
        raise _NotKeptError(
            f"the networks of the user {name} leave out this machine, and no other reaches it"
        )


def _admits_loopback(network: str) -> bool:
    try:
        admitted = ipaddress.ip_network(network.strip(), strict=False)
    except ValueError:
        return False
    return ipaddress.ip_address("127.0.0.1" if admitted.version == 4 else "::1") in admitted


def _check_quotas(root: ElementTree.Element) -> None:
    for limit in root.findall("quotas/*/interval/*"):
        if limit.tag != "duration" and (limit.text or "0").strip() != "0":
            raise _NotKeptError(f"the quota limit {limit.tag} is not enforced here, so set it to 0")
