"""A client of the Docker Engine API on its Unix socket (https://docs.docker.com/reference/api/engine/), which
Podman speaks too. It only ever reads.

It stands on the standard library: each sample asks once a container, and httpx takes several times the CPU
for a question."""

from __future__ import annotations

import http.client
import json
import socket
import time
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

_TIMEOUT = 2.0
#: An answer that is longer is not waited for.
_MOST_BYTES = 4 << 20
_PIECE = 1 << 16

#: By these Compose marks what belongs to a project.
PROJECT_LABEL = "com.docker.compose.project"
SERVICE_LABEL = "com.docker.compose.service"
NUMBER_LABEL = "com.docker.compose.container-number"
FILES_LABEL = "com.docker.compose.project.config_files"

_ANOTHER = "its answer is not what the Docker Engine API says"
_NO_ACCESS = "this user may not use it; the group docker may, and root"


class EngineError(Exception):
    """The engine did not tell what it was asked; the text names the socket and says why."""


class NoSuchContainerError(EngineError):
    """The container is not there any more."""


class NotRunningError(EngineError):
    """The container is there, but does not run."""


class RefusedError(EngineError):
    """The engine does not answer such a question, or not to this user."""

    def __init__(self, sentence: str, status: int) -> None:
        super().__init__(sentence)
        self.status = status


def sockets(environment: Mapping[str, str]) -> list[str]:
    """The sockets at which an engine may be, the likeliest first. DOCKER_HOST holds against all others.

    Raises EngineError where it names something else than a Unix socket."""
    if told := environment.get("DOCKER_HOST"):
        if not told.startswith("unix://"):
            raise EngineError("DOCKER_HOST names no Unix socket (unix://PATH), and nothing else is asked")
        return [told.removeprefix("unix://")]
    own = [environment["XDG_RUNTIME_DIR"]] if environment.get("XDG_RUNTIME_DIR") else []
    home = [environment["HOME"]] if environment.get("HOME") else []
    places = [
        "/var/run/docker.sock",
        *(f"{folder}/docker.sock" for folder in own),
        *(f"{folder}/.docker/run/docker.sock" for folder in home),
        *(f"{folder}/podman/podman.sock" for folder in own),
        "/run/podman/podman.sock",
    ]
    return [place for place in places if Path(place).exists()]


class Engine:
    """One engine, over one connection. Every method raises EngineError for an engine that is not there, that
    refuses, or that does not answer in full within `timeout` seconds from its first word on."""

    def __init__(self, socket: str, timeout: float = _TIMEOUT) -> None:
        self.socket = socket
        self._timeout = timeout
        self._connection = _Connection(socket, timeout)

    def containers(self, labels: Sequence[str]) -> list[dict[str, Any]]:
        """The containers with all these labels (`name` or `name=value`), those that have ended too."""
        filters = json.dumps({"label": list(labels)})
        answer = self._get("/containers/json", {"all": "true", "filters": filters})
        if not isinstance(answer, list):
            raise self._failed(_ANOTHER)
        return [one for one in answer if isinstance(one, dict)]

    def inspect(self, container: str) -> dict[str, Any]:
        return self._of(container, "json", {})

    def stats(self, container: str) -> dict[str, Any]:
        """What it has used so far, at once: without the wait for a second reading."""
        return self._of(container, "stats", {"stream": "false", "one-shot": "true"})

    def out_of_memory(self, containers: Sequence[str], since: float, until: float) -> list[str]:
        """The containers in which a process was killed for want of memory between two times of the system's
        clock, one entry a kill."""
        filters = json.dumps({"type": ["container"], "event": ["oom"], "container": list(containers)})
        query = {"since": f"{since:.6f}", "until": f"{until:.6f}", "filters": filters, "stream": "false"}
        found = []
        for line in self._read("/events", query).splitlines():
            event = _parsed(line) if line.strip() else None
            if isinstance(event, dict):
                actor = event.get("Actor")
                told = actor.get("ID") if isinstance(actor, dict) else event.get("id")
                found.append(str(told))
        return found

    def close(self) -> None:
        self._connection.close()

    def _of(self, container: str, what: str, query: Mapping[str, str]) -> dict[str, Any]:
        try:
            answer = self._get(f"/containers/{container}/{what}", query)
        except RefusedError as error:
            if error.status == HTTPStatus.NOT_FOUND:
                raise NoSuchContainerError(f"{self.socket} knows no such container") from error
            if error.status == HTTPStatus.CONFLICT:
                raise NotRunningError(f"{self.socket}: the container does not run") from error
            raise
        if not isinstance(answer, dict):
            raise self._failed(_ANOTHER)
        return answer

    def _get(self, path: str, query: Mapping[str, str]) -> Any:
        answer = _parsed(self._read(path, query))
        if answer is None:
            raise self._failed("its answer is no JSON")
        return answer

    def _read(self, path: str, query: Mapping[str, str]) -> bytes:
        try:
            status, body = self._exchange(f"{path}?{urlencode(query)}" if query else path)
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            raise self._failed(_reason(error)) from error
        if status == HTTPStatus.OK:
            return body
        failed = self._failed(f"it answers GET /{path.split('/')[1]} with {status}")
        raise RefusedError(str(failed), status) if 400 <= status < 500 else failed

    def _exchange(self, target: str) -> tuple[int, bytes]:
        """Status and body. An engine may have closed the connection since the question before."""
        used = self._connection.sock is not None
        try:
            self._connection.request("GET", target, headers={"User-Agent": "kato-bench"})
            answer = self._connection.getresponse()
        except (ConnectionError, http.client.BadStatusLine):
            self._connection.close()
            if not used:
                raise
            return self._exchange(target)
        return answer.status, self._body(answer)

    def _body(self, answer: http.client.HTTPResponse) -> bytes:
        """A timeout alone would wait for ever for a body that comes a byte at a time."""
        deadline, body = time.monotonic() + self._timeout, bytearray()
        while piece := answer.read1(_PIECE):
            body += piece
            if len(body) > _MOST_BYTES:
                self._connection.close()
                raise self._failed("its answer does not end")
            if time.monotonic() > deadline:
                raise TimeoutError
        if answer.length:
            raise http.client.IncompleteRead(bytes(body), answer.length)
        # Only then does the connection take another question: read1 leaves the answer open at its end.
        answer.close()
        return bytes(body)

    def _failed(self, why: str) -> EngineError:
        return EngineError(f"{self.socket} tells nothing of containers: {why}")


class _Connection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("engine", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def _parsed(text: bytes) -> Any:
    """JSON, or None for what is none."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _reason(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "it does not answer"
    if isinstance(error, PermissionError):
        return _NO_ACCESS
    if isinstance(error, FileNotFoundError):
        return "there is no such socket"
    if isinstance(error, http.client.HTTPException | ConnectionResetError | BrokenPipeError):
        return "its answer breaks off, or is no HTTP"
    return "nothing listens there"
