"""From Compose files on disk to the project that Compose makes of them."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.errors import UsageError
from bench.secrecy import is_secret
from bench.targets.compose import dotenv, merging, services, syntax, tree
from bench.targets.compose.services import Project
from bench.targets.compose.tree import Node, Tree

#: More is no Compose file.
_MOST_BYTES = 1 << 20

#: What Compose takes in a folder where no file is named, and what it puts over that.
_DEFAULTS = ("compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml")
_OVERRIDES = (
    "compose.override.yaml", "compose.override.yml", "docker-compose.override.yml",
    "docker-compose.override.yaml",
)  # fmt: skip

_NO_NAME = re.compile(r"[^a-z0-9_-]")


def named_files(paths: Sequence[Path]) -> tuple[Path, ...]:
    """The files of a target, absolute. A single folder stands for those that Compose finds in it.

    Raises UsageError where one is not there."""
    found = [path.expanduser().absolute() for path in paths]
    if len(found) == 1 and found[0].is_dir():
        folder = found[0]
        first = next((folder / name for name in _DEFAULTS if (folder / name).is_file()), None)
        if first is None:
            raise UsageError(f"{folder} has no Compose file: name it, such as compose:{_DEFAULTS[2]}.")
        over = next((folder / name for name in _OVERRIDES if (folder / name).is_file()), None)
        return (first,) if over is None else (first, over)
    for path in found:
        if not path.is_file():
            raise UsageError(f"There is no Compose file {path}.")
    return tuple(found)


def read(paths: Sequence[Path], environment: Mapping[str, str]) -> Project:
    """The project of these files, in their order; `environment` is that of the process.

    Raises UsageError, with file and line where they are known."""
    return _Reader(paths, environment).project()


class _Reader:
    def __init__(self, paths: Sequence[Path], environment: Mapping[str, str]) -> None:
        self._paths = paths
        self._folder = paths[0].parent
        self._used: dict[str, str] = {}
        self._unset: dict[str, None] = {}
        self._open: list[Path] = []
        self._seen: dict[tuple[Path, Path], Tree] = {}
        self._variables = {**self._dot_env(environment), **environment}

    def project(self) -> Project:
        self._name([one for path in self._paths for one in _documents(path)])
        whole: Tree = {}
        for path in self._paths:
            for layer in self._layers(path, self._folder):
                whole = _joined(whole, layer)
        return Project(
            name=self._variables["COMPOSE_PROJECT_NAME"],
            files=tuple(map(str, self._paths)),
            services=self._services(whole),
            variables=self._used,
            unset=tuple(self._unset),
            secrets=frozenset(value for name, value in self._variables.items() if value and is_secret(name)),
        )

    def _services(self, whole: Tree) -> dict[str, services.Service]:
        configs = {
            name: syntax.absolute(config["file"], str(self._folder)).text
            for name, config in syntax.table(whole.get("configs"), "configs").items()
            if isinstance(config, dict) and "file" in config
        }
        active = frozenset(self._variables.get("COMPOSE_PROFILES", "").replace(" ", "").split(","))
        found = {}
        for name, node in syntax.table(whole.get("services"), "services").items():
            service = syntax.table(node, f"the service {name}")
            for key in ("ports", "volumes", "profiles"):
                if isinstance(listed := service.get(key), list):
                    service = {**service, key: merging.unique(listed, ("services", name, key))}
            found[name] = services.service(name, service, self._environment(service), configs, active - {""})
        if not found:
            raise UsageError(f"{self._paths[0]} has no services.")
        return found

    def _dot_env(self, environment: Mapping[str, str]) -> dict[str, str]:
        """The variables of `.env` beside the first file, or of the files that COMPOSE_ENV_FILES names."""
        if environment.get("COMPOSE_DISABLE_ENV_FILE", "").lower() in ("1", "t", "true"):
            return {}
        found: dict[str, str] = {}
        named = [one for one in environment.get("COMPOSE_ENV_FILES", "").split(",") if one]
        for path in map(Path, named or [str(self._folder / ".env")]):
            if named or path.is_file():
                found |= dotenv.parse(_text(path), str(path), {**found, **environment}.get)
        return found

    def _name(self, documents: Sequence[Tree]) -> None:
        """Give the variables the project's name: that of the environment, else of the last file that has one,
        else of the folder."""
        said = self._variables.get("COMPOSE_PROJECT_NAME", "")
        for document in [] if said else documents:
            node = merging.interpolated(document.get("name", []), self._value)
            said = node.text if isinstance(node, tree.Scalar) and node.text else said
        self._variables["COMPOSE_PROJECT_NAME"] = project_name(said or self._folder.name)

    def _value(self, name: str) -> str | None:
        value = self._variables.get(name)
        if value is None:
            self._unset[name] = None
        else:
            self._used[name] = value
        return value

    def _file(self, path: Path, folder: Path) -> Tree:
        """All that a file says, for files that it is included or extended by; its paths count from
        `folder`."""
        if (path, folder) not in self._seen:
            whole: Tree = {}
            for layer in self._layers(path, folder):
                whole = _joined(whole, layer)
            self._seen[path, folder] = whole
        return self._seen[path, folder]

    def _layers(self, path: Path, folder: Path) -> list[Tree]:
        """The documents of a file, each after what it includes. What they reset is still marked in them."""
        if path in self._open:
            raise UsageError(f"{path} includes or extends itself.")
        self._open.append(path)
        found = []
        for document in _documents(path):
            completed = merging.interpolated(merging.pruned(document), self._value)
            assert isinstance(completed, dict)
            for one in syntax.items(completed.pop("include", None), "include"):
                found.extend(self._included(one, folder))
            listed = completed.get("services")
            if isinstance(listed, dict):
                formed = {name: merging.canonical(node, str(folder)) for name, node in listed.items()}
                completed["services"] = {name: self._extended(name, formed, path, (name,)) for name in formed}
            found.append(completed)
        self._open.pop()
        return found

    def _included(self, node: Node, folder: Path) -> list[Tree]:
        paths = node.get("path", []) if isinstance(node, dict) else node
        stated = syntax.text(node, "project_directory") if isinstance(node, dict) else ""
        places = [Path(os.path.normpath(folder / text)) for text in syntax.texts(paths)]
        return [self._file(place, folder / stated if stated else places[0].parent) for place in places]

    def _extended(self, name: str, listed: Tree, path: Path, chain: tuple[str, ...]) -> Node:
        """A service on top of the one that it extends."""
        service = listed[name]
        if not isinstance(service, dict) or "extends" not in service:
            return service
        said = service["extends"]
        wanted = (
            syntax.text(said, "service") if isinstance(said, dict) else syntax.scalar(said, "extends").text
        )
        file = syntax.text(said, "file") if isinstance(said, dict) else ""
        place = Path(os.path.normpath(path.parent / file)) if file else path
        if place != path:
            others = syntax.table(self._file(place, place.parent).get("services"), "services")
        elif wanted in chain:
            raise tree.wrong(said, f"the service {name} extends itself.")
        else:
            others = (
                {wanted: self._extended(wanted, listed, path, (*chain, wanted))} if wanted in listed else {}
            )
        if wanted not in others:
            raise tree.wrong(
                said, f"the service {name} extends {wanted}, and {file or 'the file'} has none such."
            )
        own = {key: value for key, value in service.items() if key != "extends"}
        return merging.merged(merging.cleaned(others[wanted]), own, ("services", name))

    def _environment(self, service: Tree) -> dict[str, str]:
        """The variables of a service: those of its files, then its own; one without a value has that of the
        process, if there is one."""
        found: dict[str, str] = {}
        for one in syntax.items(service.get("env_file"), "env_file"):
            entry = syntax.table(one, "an env_file")
            path = Path(syntax.text(entry, "path"))
            if not path.is_file():
                if syntax.text(entry, "required") == "false":
                    continue
                raise tree.wrong(entry, f"there is no env_file {path}.")
            raw = syntax.text(entry, "format") == "raw"
            found |= dotenv.parse(_text(path), str(path), self._variables.get, raw=raw)
        for name, node in syntax.table(service.get("environment"), "environment").items():
            value = self._variables.get(name) if tree.is_null(node) else syntax.scalar(node, name).text
            if value is not None:
                found[name] = value
        return found


def project_name(text: str) -> str:
    """What Compose makes of a name: small letters, digits, hyphens and underscores, beginning with a letter
    or a digit."""
    return _NO_NAME.sub("", text.lower()).lstrip("_-")


def _joined(base: Tree, over: Tree) -> Tree:
    joined = merging.merged(base, over)
    assert isinstance(joined, dict)
    return joined


def _documents(path: Path) -> list[Tree]:
    return tree.parse(_text(path), str(path))


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror or error}.") from error
    if len(content) > _MOST_BYTES:
        raise UsageError(f"{path} is too large for a file of Compose's.")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        raise UsageError(f"{path} is not UTF-8.") from None
