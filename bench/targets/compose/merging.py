"""Several Compose files as one: the rules by which a later one changes an earlier one
(https://docs.docker.com/reference/compose-file/merge/).

Only what tells something about a deployment is kept of a file; the rest is not looked at."""

from __future__ import annotations

from collections.abc import Callable, Hashable

from bench.targets.compose import syntax
from bench.targets.compose.interpolation import InterpolationError, Lookup, interpolate
from bench.targets.compose.tree import Node, Override, Reset, Scalar, Tree, is_null, wrong

_TOP = ("name", "services", "configs", "include")
_SERVICE = (
    *("image", "build", "command", "entrypoint", "container_name", "hostname", "environment", "env_file"),
    *("ports", "volumes", "configs", "network_mode", "networks", "deploy", "mem_limit", "cpus", "scale"),
    *("profiles", "extends"),
)
#: Said by a later file, they stand instead of what earlier ones say.
_REPLACED = frozenset({"command", "entrypoint", "build", "extends"})


def pruned(tree: Tree) -> Tree:
    """The keys of a file that are read. Raises UsageError where services are no mappings."""
    kept = {key: tree[key] for key in _TOP if key in tree}
    services = tree.get("services")
    if isinstance(services, dict):
        kept["services"] = {name: _pruned_service(name, service) for name, service in services.items()}
    elif services is not None and not is_null(services) and not isinstance(services, Reset | Override):
        raise wrong(services, "services is a mapping, from the name of each to what it is.")
    return kept


def _pruned_service(name: str, service: Node) -> Node:
    if isinstance(service, Override):
        return Override(_pruned_service(name, service.node))
    if isinstance(service, Reset) or is_null(service):
        return service
    if not isinstance(service, dict):
        raise wrong(service, f"the service {name} is a mapping.")
    return {key: service[key] for key in _SERVICE if key in service}


def interpolated(node: Node, lookup: Lookup) -> Node:
    """The tree with the variables in its values replaced. Raises UsageError with the value's place."""
    if isinstance(node, Override):
        return Override(interpolated(node.node, lookup))
    if isinstance(node, dict):
        return {key: interpolated(inner, lookup) for key, inner in node.items()}
    if isinstance(node, list):
        return [interpolated(inner, lookup) for inner in node]
    if isinstance(node, Scalar) and isinstance(node.value, str) and "$" in node.value:
        try:
            return Scalar(interpolate(node.value, lookup), node.place)
        except InterpolationError as error:
            raise wrong(node, f"{error}.") from error
    return node


def canonical(service: Node, folder: str) -> Node:
    """A service with what may be written in two ways written in one: the environment and the networks as
    mappings, env_file as a list of mappings, paths absolute (they count from `folder`)."""
    if isinstance(service, Override):
        return Override(canonical(service.node, folder))
    if not isinstance(service, dict):
        return service
    changed = dict(service)
    for key, form in _FORMS.items():
        if key in service:
            changed[key] = _formed(service[key], form, folder)
    return changed


def _formed(node: Node, form: Callable[[Node, str], Node], folder: str) -> Node:
    if isinstance(node, Override):
        return Override(form(node.node, folder))
    return node if isinstance(node, Reset) or is_null(node) else form(node, folder)


def _environment(node: Node, folder: str) -> Node:
    if isinstance(node, dict):
        return node
    found: Tree = {}
    for one in syntax.items(node, "environment"):
        said = syntax.scalar(one)
        name, sign, value = said.text.partition("=")
        found[name] = Scalar(value if sign else None, said.place)
    return found


def _networks(node: Node, folder: str) -> Node:
    if isinstance(node, dict):
        return node
    names = map(syntax.scalar, syntax.items(node, "networks"))
    return {name.text: Scalar(None, name.place) for name in names}


def _env_files(node: Node, folder: str) -> Node:
    return [
        {**one, "path": syntax.absolute(one.get("path", one), folder)}
        if isinstance(one, dict)
        else {"path": syntax.absolute(one, folder)}
        for one in (node if isinstance(node, list) else [node])
    ]


def _volumes(node: Node, folder: str) -> Node:
    return [syntax.absolute_mount(one, folder) for one in syntax.items(node, "volumes")]


_FORMS: dict[str, Callable[[Node, str], Node]] = {
    "environment": _environment,
    "networks": _networks,
    "env_file": _env_files,
    "volumes": _volumes,
}


def cleaned(node: Node) -> Node:
    """What a node says where no earlier file says anything."""
    if isinstance(node, Override):
        return cleaned(node.node)
    if isinstance(node, dict):
        return {key: cleaned(inner) for key, inner in node.items() if not isinstance(inner, Reset)}
    if isinstance(node, list):
        return [cleaned(inner) for inner in node if not isinstance(inner, Reset)]
    return node


def merged(base: Node, over: Node, path: tuple[str, ...] = ()) -> Node:
    """`base`, which is clean, as a later file changes it. `path`: the keys that lead there.

    Raises UsageError where one is a mapping and the other a list or a value."""
    if isinstance(over, Override):
        return cleaned(over)
    if is_null(over):
        return base
    if is_null(base) or (len(path) == 3 and path[0] == "services" and path[2] in _REPLACED):
        return cleaned(over)
    if isinstance(base, dict) and isinstance(over, dict):
        return _merged_mappings(base, over, path)
    if isinstance(base, list) and isinstance(over, list):
        return unique([*base, *map(cleaned, over)], path)
    if isinstance(base, dict | list) or isinstance(over, dict | list):
        raise wrong(over, f"{'.'.join(path)} cannot be joined with what an earlier file says: forms differ.")
    return over


def _merged_mappings(base: Tree, over: Tree, path: tuple[str, ...]) -> Tree:
    found = dict(base)
    for key, value in over.items():
        if isinstance(value, Reset):
            found.pop(key, None)
        elif key in found:
            found[key] = merged(found[key], value, (*path, key))
        else:
            found[key] = cleaned(value)
    # A null in an environment takes the variable from the process: it is a value there.
    if path[2:] == ("environment",):
        found.update({key: value for key, value in over.items() if is_null(value)})
    return found


def unique(found: list[Node], path: tuple[str, ...]) -> list[Node]:
    """A list without earlier entries that a later one redefines: the same port, or the same place of a
    mount."""
    kind = path[2] if len(path) == 3 and path[0] == "services" else None
    if kind == "ports":
        return _last_of_each(found, lambda one: tuple(syntax.ports([one])))
    if kind == "volumes":
        return _last_of_each(found, syntax.mount_target)
    if kind == "profiles":
        return _last_of_each(found, lambda one: syntax.scalar(one).text)
    return found


def _last_of_each(found: list[Node], key: Callable[[Node], Hashable]) -> list[Node]:
    return list({key(one): one for one in found}.values())
