"""How KATO was started: by its process where it runs here, else by its container's declaration."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from bench.inspection.questions import machine
from bench.inspection.settings import files
from bench.inspection.settings import kato as of_kato
from bench.inspection.settings.kato import Origin
from bench.secrecy import redacted
from bench.targets.base import ContainerFacts, TargetFacts

#: What the reference API of kato-bench is started as; KATO 3.10.1 has all defects, it those that are planted.
_REFERENCE_API = "bench.targets.embedded.kato"
_PLANTED = "KATO_BENCH_FAULT_"
#: Defects that checks ask for.
KNOWN_DEFECTS = frozenset({"deadlock", "lost-updates", "node-eviction", "session-pool"})


@dataclass(frozen=True)
class Started:
    """`origin`: where its settings were read. `defects`: those of KATO 3.10.1 that it has. `cores`: that its
    processes may run on. `replicas` of it are declared. `stand_in`: it is kato-bench's reference API."""

    origin: Origin
    pid: int | None = None
    defects: frozenset[str] = KNOWN_DEFECTS
    cores: float | None = None
    replicas: int = 1
    stand_in: bool = False
    facts: TargetFacts | None = field(default=None, repr=False)


def look(facts: TargetFacts) -> Started:
    """Reads what this user may read of the process, and nothing more."""
    part = facts.part("kato")
    process = machine.look_at(part.pid) if part is not None and part.pid is not None else None
    container = next((one for one in facts.containers if one.part == "kato"), None)
    replicas = (container.replicas or 1) if container is not None else 1
    if process is not None and process.environment is not None and process.arguments:
        origin = Origin(
            process.arguments,
            redacted(process.environment),
            files=_files(process.environment, process.pid),
        )
        if any(_REFERENCE_API in one for one in process.arguments):
            defects = _planted(process.environment)
            return Started(origin, process.pid, defects, process.cores, replicas, True, facts)
        return Started(origin, process.pid, cores=process.cores, replicas=replicas, facts=facts)
    if container is not None:
        return Started(_declared(container), replicas=replicas, facts=facts)
    why = (part.note if part is not None else None) or "its process is not one of this machine's"
    if process is not None:
        why = f"process {process.pid} cannot be read by this user"
    return Started(Origin(why=why), process.pid if process else None, facts=facts)


def expected_workers(started: Started) -> tuple[int | None, str | None]:
    """(how many workers there should be behind the URL, who says so). Where the process is not seen, the
    target knows better than its container which of several replicas answer."""
    setting = of_kato.settings_of(started.origin)["uvicorn.workers"]
    declared = started.facts.workers if started.facts is not None else None
    if started.pid is None and declared is not None:
        return declared, setting.set_by or "the deployment"
    if isinstance(setting.value, int) and not isinstance(setting.value, bool):
        return setting.value * started.replicas, setting.set_by
    return declared, None if declared is None else "the deployment"


def words_of(command: Sequence[str]) -> list[str]:
    """A container's command as words: a shell's script counts as its words."""
    words: list[str] = []
    for one in command:
        try:
            words += shlex.split(one) if " " in one else [one]
        except ValueError:
            words.append(one)
    return words


def _declared(container: ContainerFacts) -> Origin:
    """KATO's image starts uvicorn by itself, with KATO_WORKERS and KATO_LIMIT_CONCURRENCY of its
    environment."""
    arguments = words_of(container.command)
    starts = any("uvicorn" in word for word in arguments)
    files_named = {
        name: None for name in (of_kato.CONFIG_FILE, of_kato.VECTOR_FILE) if container.environment.get(name)
    }
    origin = Origin(
        arguments if starts else None,
        redacted(container.environment),
        "manifest",
        files_named,
        shipped=not starts,
    )
    # A variable in the command stands for what the environment says.
    expanded = [_expanded(word, container.environment) for word in arguments]
    return replace(origin, arguments=expanded) if starts else origin


def _expanded(word: str, environment: Mapping[str, str]) -> str:
    """`${NAME:-default}` and `$NAME` as a shell expands them; other words as they are."""
    if not word.startswith("$"):
        return word
    name, _, default = word.removeprefix("$").strip("{}").partition(":-")
    return environment.get(name) or default


def _files(environment: Mapping[str, str], pid: int) -> dict[str, Mapping[str, str] | None]:
    """The files of settings that the environment names; None for one that cannot be read."""
    readers = {of_kato.CONFIG_FILE: files.kato_config, of_kato.VECTOR_FILE: files.vector_config}
    found: dict[str, Mapping[str, str] | None] = {}
    for variable, read in readers.items():
        if path := environment.get(variable):
            text, _ = machine.read_file(pid, path)
            values = read(_parsed(text)) if text is not None else None
            found[variable] = None if values is None else redacted(values)
    return found


def _parsed(text: str) -> object:
    """JSON, or YAML where a reader of it is installed; None for neither."""
    try:
        return json.loads(text)
    except ValueError:
        pass
    try:
        import yaml

        return yaml.safe_load(text)
    except Exception:
        return None


def _planted(environment: Mapping[str, str]) -> frozenset[str]:
    return frozenset(
        name.removeprefix(_PLANTED).lower().replace("_", "-")
        for name, value in environment.items()
        if name.startswith(_PLANTED) and value
    )
