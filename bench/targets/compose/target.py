"""A KATO that Docker Compose runs, known by its Compose files."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from bench.errors import BenchError, UsageError
from bench.targets.base import PartFacts, TargetFacts
from bench.targets.compose import facts, live, parts, reading
from bench.targets.compose.live import Container, Survey
from bench.targets.compose.parts import Found
from bench.targets.compose.services import Project
from bench.targets.listeners import listener
from bench.targets.stores import STORES, addresses_of, check_store
from bench.targets.url import UrlTarget

_Result = TypeVar("_Result")

#: Seconds that the engines of this machine get to tell of the containers.
_SURVEY = 6.0
_LARGEST_CONFIGURATION = 1 << 20


def require_kato(files: Sequence[Path], service: str | None, environment: Mapping[str, str]) -> None:
    """Raises UsageError for files that cannot be read, or in which KATO cannot be told."""
    parts.find(reading.read(files, environment), service)


class ComposeTarget:
    """Finds KATO and its stores in Compose files and in the engine's containers, and checks that KATO
    answers. It starts nothing and so ends nothing.

    `service` is KATO's, where the user names it; `stores` are addresses that hold against those of the files;
    without those in `needed` there can be no run. `nodes` and `timeout`: as a URL target takes them. `say`
    takes what could not be found out, a sentence each."""

    def __init__(
        self,
        files: Sequence[Path],
        service: str | None = None,
        *,
        nodes: int = 0,
        stores: Mapping[str, str] | None = None,
        needed: Collection[str] = (),
        timeout: float = 5.0,
        environment: Mapping[str, str] = os.environ,
        say: Callable[[str], None] = lambda sentence: None,
    ) -> None:
        self._files = files
        self._service = service
        self._nodes = nodes
        self._stores = dict(stores or {})
        self._needed = needed
        self._timeout = timeout
        self._environment = environment
        self._say = say

    def start(self) -> TargetFacts:
        """Raises UsageError for files that are wrong, or a KATO that they do not publish; UnreachableError
        where KATO does not answer. Of what else is missing, the facts have a note."""
        stated = reading.read(self._files, self._environment)
        seen = self._survey(stated)
        project, notes = _as_it_runs(stated, seen.containers)
        found = parts.find(project, self._service)
        answering = self._kato(project, found["kato"])
        told = self._answering_stores(found)
        settings = facts.knobs(project, found, _read_file)
        by_name = {part.name: part for part in answering.parts} | told
        workers, limit = (
            settings.get(name, (None, ""))[0] for name in ("uvicorn.workers", "uvicorn.limit_concurrency")
        )
        result = replace(
            answering,
            kind="compose",
            workers=workers if isinstance(workers, int) else None,
            limit_concurrency=limit if isinstance(limit, int) else None,
            parts=tuple(_with_process(by_name[name], found[name], seen.containers) for name in parts.PARTS),
            knobs={name: value for name, (value, _) in settings.items()},
            set_by={name: by for name, (_, by) in settings.items()},
            containers=facts.containers(stated, project, found, seen.containers, notes),
            notes=tuple(self._notes(project, seen)),
        )
        self._require_needed(result)
        return result

    def check(self) -> None:
        """Nothing was started that could have died."""

    def close(self) -> None:
        """Nothing was started that could be ended."""

    def _survey(self, project: Project) -> Survey:
        late = Survey(
            note=f"nothing is known of running containers: no engine told of them within {_SURVEY:g} s"
        )
        return _within(_SURVEY, lambda: live.survey(project, self._environment), late)

    def _notes(self, project: Project, seen: Survey) -> list[str]:
        """What could not be found out; also said at once."""
        notes = [] if seen.note is None else [seen.note]
        if project.unset and not seen.containers:
            names = ", ".join(project.unset)
            notes.append(f"{names}: not set here, so that the Compose files have nothing in their place")
        for note in notes:
            self._say(note)
        return notes

    def _kato(self, project: Project, kato: Found) -> TargetFacts:
        if kato.address is None:
            raise UsageError(
                f"KATO of {project.files[0]} cannot be reached from here: {kato.why}; publish it under "
                "ports:, or name where it answers with --target URL."
            )
        return UrlTarget(kato.address, self._timeout, self._nodes, self._stores).start()

    def _answering_stores(self, found: Mapping[str, Found]) -> dict[str, PartFacts]:
        """What the stores of the files answer; those that the user names himself are asked elsewhere."""
        wanted = [store for store in STORES if store not in self._stores]
        answers: dict[str, PartFacts] = {}
        threads = []
        for store in wanted:
            address = found[store].address
            if address is None:
                answers[store] = PartFacts(store, note=found[store].why)
                continue
            answers[store] = PartFacts(store, note=f"{address} did not answer within {self._timeout:g} s")

            def ask(store: str = store, address: str = address) -> None:
                answers[store] = _asked(store, address, self._timeout)

            threads.append(threading.Thread(target=ask, name="store check", daemon=True))
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(self._timeout)
        return dict(answers)

    def _require_needed(self, result: TargetFacts) -> None:
        for store in self._needed:
            part = result.part(store)
            if part is None or part.address is None:
                why = part.note if part is not None and part.note is not None else "it is not known"
                raise UsageError(
                    f"The scenario reaches for KATO's {store.capitalize()} itself, and {why}: say where it "
                    f"is with --{store}-url URL."
                )


def _as_it_runs(stated: Project, containers: Sequence[Container]) -> tuple[Project, dict[str, str]]:
    """The project with its services as they run, and what is to be said of a service."""
    if not containers:
        return stated, {}
    services, notes = {}, {}
    for name, service in stated.services.items():
        own = [one for one in containers if one.service == name]
        services[name], note = live.over(service, own) if own or service.enabled else (service, None)
        if note is not None:
            notes[name] = note
    return replace(stated, services=services), notes


def _asked(store: str, address: str, timeout: float) -> PartFacts:
    try:
        return check_store(store, addresses_of({store: address})[store], timeout)
    except BenchError as error:
        return PartFacts(store, note=str(error).rstrip("."))


def _with_process(part: PartFacts, found: Found, containers: Sequence[Container]) -> PartFacts:
    """The part with its first process: the container's, or what listens at its port on this machine."""
    service = found.service.name if found.service is not None else None
    own = [one for one in containers if one.service == service and one.running]
    for container in own:
        if (pid := live.visible_pid(container)) is not None:
            return replace(part, pid=pid, note=None if part.address is not None else part.note)
    if part.pid is not None or part.address is None or found.published is None or part.note is not None:
        return part
    at = listener(part.name, found.published)
    return replace(part, pid=at.pid, note=at.note)


def _within(seconds: float, ask: Callable[[], _Result], otherwise: _Result) -> _Result:
    """What `ask` returns, or `otherwise` where it takes longer."""
    answers: list[_Result] = []
    thread = threading.Thread(target=lambda: answers.append(ask()), name="engine survey", daemon=True)
    thread.start()
    thread.join(seconds)
    return answers[0] if answers else otherwise


def _read_file(path: str) -> str | None:
    try:
        with Path(path).open("rb") as file:
            return file.read(_LARGEST_CONFIGURATION).decode("utf-8", "replace")
    except OSError:
        return None
