"""A KATO deployment that already runs, known by the URL of its API and, if they are told, its stores."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from bench.addresses import (
    FAILURES,
    Address,
    get,
    json_object,
    parse,
    require_loopback,
    unreachable,
)
from bench.errors import UnreachableError, UsageError
from bench.targets.base import PartFacts, TargetFacts
from bench.targets.listeners import listener
from bench.targets.stores import STORES, addresses_of, check_store, client_address


class UrlTarget:
    """Checks that KATO answers at `url`, and its stores where `stores` says they are (URLs by `redis`,
    `qdrant`, `clickhouse`). It starts nothing and so ends nothing.

    `nodes`: how many nodes the run will add; refused where a KATO worker would evict others for them, and
    delete their vectors. `timeout`: seconds for each system, name resolution included. `strict`: whether a
    store that does not answer is a failure, or only said of its part."""

    def __init__(
        self,
        url: str,
        timeout: float = 5.0,
        nodes: int = 0,
        stores: Mapping[str, str] | None = None,
        *,
        strict: bool = True,
    ) -> None:
        self._url = url
        self._nodes = nodes
        self._stores = dict(stores or {})
        self._timeout = timeout
        self._strict = strict

    def start(self) -> TargetFacts:
        """What KATO says of itself. Raises UnreachableError where nothing answers in time, UsageError where
        a URL is malformed, not on loopback, or answered by something else than it should be."""
        address = parse(
            "The target",
            self._url,
            ("http", "https"),
            "neither 'embedded' nor a URL such as http://localhost:8000",
        )
        checks: dict[str, _Check] = {"kato": _KatoCheck(address, self._timeout, self._nodes)}
        for store, where in addresses_of(self._stores).items():
            checks[store] = _StoreCheck(store, where, self._timeout)
        for check in checks.values():
            check.start()
        found = {name: self._outcome(name, check) for name, check in checks.items()}
        kato = found["kato"]
        unknown = {store: PartFacts(store, note="its address is not given") for store in STORES}
        parts = {"kato": kato, **{store: found.get(store, unknown[store]) for store in STORES}}
        for name, check in checks.items():
            parts[name] = _with_process(parts[name], check.port)
        return TargetFacts(
            kind="url", base_url=address.base, kato_version=kato.version, parts=tuple(parts.values())
        )

    def _outcome(self, name: str, check: _Check) -> PartFacts:
        try:
            return check.outcome()
        except UnreachableError as error:
            if self._strict or name == "kato":
                raise
            return PartFacts(name, address=client_address(name, check.where), note=str(error).rstrip("."))

    def check(self) -> None:
        """Nothing was started that could have died."""

    def close(self) -> None:
        """Nothing was started that could be ended."""


def _with_process(part: PartFacts, port: int) -> PartFacts:
    found = listener(part.name, port)
    return replace(part, pid=found.pid, note=found.note or part.note)


class _Check:
    """Questions to one system, asked by a thread: neither name resolution nor a server that drips its answer
    ends in time otherwise."""

    def __init__(self, address: Address, timeout: float) -> None:
        self._address = address
        self._timeout = timeout
        self._found: PartFacts | None = None
        self._failure: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="target check", daemon=True)

    @property
    def where(self) -> Address:
        return self._address

    @property
    def port(self) -> int:
        return self._address.port

    def start(self) -> None:
        self._thread.start()

    def outcome(self) -> PartFacts:
        """What answered. Raises UnreachableError and UsageError."""
        self._thread.join(self._timeout)
        if self._failure is not None:
            raise self._failure
        if self._found is None:
            raise UnreachableError(f"{self._address.base} did not answer within {self._timeout:g} s.")
        return self._found

    def _run(self) -> None:
        try:
            self._found = self._ask()
        except Exception as error:
            self._failure = error

    def _ask(self) -> PartFacts:
        raise NotImplementedError


class _StoreCheck(_Check):
    def __init__(self, store: str, address: Address, timeout: float) -> None:
        super().__init__(address, timeout)
        self._store = store

    def _ask(self) -> PartFacts:
        return check_store(self._store, self._address, self._timeout)


class _KatoCheck(_Check):
    def __init__(self, address: Address, timeout: float, nodes: int) -> None:
        super().__init__(address, timeout)
        self._nodes = nodes

    def _ask(self) -> PartFacts:
        try:
            require_loopback(self._address)
            if "status" not in self._get("/health"):
                raise UsageError(f"{self._address.base} is not KATO: its /health tells no status.")
            version = self._version()
            self._require_room_for_nodes()
        except FAILURES as error:
            raise unreachable(self._address, error) from error
        return PartFacts("kato", version=version, address=self._address.base)

    def _version(self) -> str | None:
        """What KATO says at GET /; None where a proxy keeps that to itself."""
        try:
            version = self._get("/").get("version")
        except UsageError:
            return None
        return version if isinstance(version, str) else None

    def _require_room_for_nodes(self) -> None:
        """What is no KATO, or does not tell, cannot be asked."""
        try:
            processors = self._get("/metrics").get("processor_manager")
        except UsageError:
            return
        if not isinstance(processors, dict):
            return
        there, most = processors.get("total_processors"), processors.get("max_processors")
        if isinstance(there, int) and isinstance(most, int) and there + self._nodes > most:
            raise UsageError(
                f"KATO at {self._address.base} holds {there} nodes and at most {most} per worker: "
                f"{self._nodes} more would make it drop the oldest, and delete their vectors. Use fewer with "
                "--data nodes=N."
            )

    def _get(self, path: str) -> dict[str, Any]:
        base = self._address.base
        status, body = get(self._address, path, self._timeout)
        if status == 503:
            raise UnreachableError(
                f"{base} answers 503 to GET {path}: as many connections are open as it allows."
            )
        answer = json_object(body)
        if status != 200 or answer is None:
            what = "something else than a JSON object" if status == 200 else str(status)
            raise UsageError(f"{base} is not KATO: it answers GET {path} with {what}.")
        return answer
