"""The few GET requests by which the deployment sees that a part is there and what it is."""

from __future__ import annotations

import http.client
import json
from typing import Any

from bench.targets.embedded.ports import HOST


def get(port: int, path: str, timeout: float = 1.0) -> str:
    """The body of a 200 answer over a connection of its own. Raises OSError for everything else."""
    connection = http.client.HTTPConnection(HOST, port, timeout=timeout)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        body = response.read().decode("utf-8", "replace")
    except http.client.HTTPException as error:
        raise OSError(f"it does not speak HTTP ({error!r})") from error
    finally:
        connection.close()
    if response.status != http.client.OK:
        raise OSError(f"it answers {response.status} to GET {path}")
    return body


def get_json(port: int, path: str, timeout: float = 1.0) -> Any:
    """The same for a JSON answer."""
    try:
        return json.loads(get(port, path, timeout))
    except ValueError as error:
        raise OSError(f"it answers GET {path} with something that is not JSON") from error
