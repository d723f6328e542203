"""One request, as the endpoints see it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

import orjson

from .collection import Collection
from .errors import malformed, malformed_query
from .rules import Json
from .store import Store


@dataclass(slots=True)
class Request:
    """One request to the store. `path` holds the values of the path's placeholders, `parameters` the part
    of the URL behind the question mark."""

    store: Store
    path: dict[str, str]
    body: bytes
    parameters: bytes

    @property
    def name(self) -> str:
        return self.path["collection_name"]

    @property
    def collection(self) -> Collection:
        """Raises ApiError (404) where there is none of that name."""
        return self.store.get(self.path["collection_name"])

    def json(self) -> Json:
        """The body. Raises ApiError where it is no JSON object."""
        try:
            body = orjson.loads(self.body)
        except orjson.JSONDecodeError as error:
            raise malformed(str(error)) from error
        if not isinstance(body, dict):
            raise malformed("expected an object")
        return body

    def parameter(self, name: str) -> str | None:
        """The last value of a URL parameter."""
        if not self.parameters:
            return None
        values = parse_qs(self.parameters.decode("latin-1")).get(name)
        return values[-1] if values else None

    @property
    def waits(self) -> bool:
        """Whether the client asks to be answered only when its change is in force. Raises ApiError."""
        wait = self.parameter("wait")
        if wait not in (None, "true", "false"):
            raise malformed_query("provided string was not `true` or `false`")
        return wait == "true"


Handler = Callable[[Request], Any | Awaitable[Any]]
