"""What Compose files say of their services."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from bench.targets.compose import syntax
from bench.targets.compose.syntax import Mount, Port
from bench.targets.compose.tree import Node, Tree, is_null


@dataclass(frozen=True)
class Service:
    """One service. `command` and `entrypoint` are None where the image decides. `cpu_limit` is in cores,
    `memory_limit` in bytes. `aliases`: the names that other services reach it by. `enabled`: whether its
    profiles are on. `command_of_image`: the command is what the image says, told by a running container."""

    name: str
    image: str | None = None
    built: bool = False
    container_name: str | None = None
    command: tuple[str, ...] | None = None
    entrypoint: tuple[str, ...] | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    ports: tuple[Port, ...] = ()
    mounts: tuple[Mount, ...] = ()
    memory_limit: int | None = None
    cpu_limit: float | None = None
    replicas: int = 1
    network_mode: str | None = None
    aliases: frozenset[str] = frozenset()
    enabled: bool = True
    command_of_image: bool = False

    @property
    def words(self) -> tuple[str, ...]:
        """What the files have the container run; empty where the image decides."""
        return (*(self.entrypoint or ()), *(self.command or ()))


@dataclass(frozen=True)
class Project:
    """A deployment as its files describe it. `variables`: those that they use, with their values; `unset`:
    those that they use and nobody set. `secrets`: values of variables that are called secrets."""

    name: str
    files: tuple[str, ...]
    services: Mapping[str, Service]
    variables: Mapping[str, str] = field(default_factory=dict)
    unset: tuple[str, ...] = ()
    secrets: frozenset[str] = frozenset()


def service(
    name: str, tree: Tree, environment: Mapping[str, str], configs: Mapping[str, str], active: frozenset[str]
) -> Service:
    """A merged service. `environment`: its variables with those of its files; `configs`: the files of the
    project's configs by name; `active`: the profiles that are on.

    Raises UsageError, with the place of what cannot be read."""
    limits = _limits(tree)
    replicas = syntax.number(
        _first(tree.get("scale"), _inside(tree, "deploy", "replicas")), "a number of replicas"
    )
    profiles = syntax.texts(tree.get("profiles"))
    container = syntax.text(tree, "container_name") or None
    aliases = {name, container, syntax.text(tree, "hostname"), *_aliases(tree)}
    return Service(
        name=name,
        image=syntax.text(tree, "image") or None,
        built=not is_null(tree.get("build")),
        container_name=container,
        command=syntax.command(tree.get("command")),
        entrypoint=syntax.command(tree.get("entrypoint")),
        environment=environment,
        ports=tuple(syntax.ports(tree.get("ports") or [])),
        mounts=(*syntax.mounts(tree.get("volumes") or []), *_config_mounts(tree, configs)),
        memory_limit=limits[0],
        cpu_limit=limits[1],
        replicas=1 if replicas is None else int(replicas),
        network_mode=syntax.text(tree, "network_mode") or None,
        aliases=frozenset(alias for alias in aliases if alias),
        enabled=not profiles or "*" in active or not active.isdisjoint(profiles),
    )


def _limits(tree: Tree) -> tuple[int | None, float | None]:
    """Bytes and cores; what `deploy` says holds against the older keys, as Compose refuses other values
    there."""
    limits = syntax.table(_inside(tree, "deploy", "resources", "limits"), "limits")
    memory = syntax.size(_first(limits.get("memory"), tree.get("mem_limit")))
    cores = syntax.number(_first(limits.get("cpus"), tree.get("cpus")), "a number of CPUs")
    return memory, cores or None


def _inside(tree: Tree, *keys: str) -> Node | None:
    found: Node | None = tree
    for key in keys:
        found = syntax.table(found, "what holds " + key).get(key)
    return found


def _first(*nodes: Node | None) -> Node | None:
    return next((node for node in nodes if node is not None and not is_null(node)), None)


def _aliases(tree: Tree) -> list[str]:
    networks = syntax.table(tree.get("networks"), "networks").values()
    return [
        alias
        for network in networks
        if isinstance(network, dict)
        for alias in syntax.texts(network.get("aliases"))
    ]


def _config_mounts(tree: Tree, configs: Mapping[str, str]) -> list[Mount]:
    found = []
    for one in syntax.items(tree.get("configs"), "configs"):
        name = syntax.text(one, "source") if isinstance(one, dict) else syntax.scalar(one).text
        target = syntax.text(one, "target") if isinstance(one, dict) else ""
        if name in configs:
            found.append(Mount(configs[name], target or f"/{name}"))
    return found
