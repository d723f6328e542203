"""The manifests in `deploy/kubernetes` against Kubernetes' own schemas, and against each other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import typer.main
import yaml
from kubernetes_types import VERSION, complaints

from bench import __version__
from bench.addresses import MASTER_PORT
from bench.cli import app

FOLDER = Path(__file__).parents[2] / "deploy" / "kubernetes"
MANIFESTS = [
    (path.name, manifest)
    for path in sorted(FOLDER.glob("*.yaml"))
    for manifest in yaml.safe_load_all(path.read_text(encoding="utf-8"))
]
README = FOLDER / "README.md"


def jobs() -> dict[str, dict[str, Any]]:
    return {one["metadata"]["labels"]["role"]: one["spec"] for _, one in MANIFESTS if one["kind"] == "Job"}


def command(role: str) -> list[str]:
    (container,) = jobs()[role]["template"]["spec"]["containers"]
    assert container["image"] == f"kato-bench:{__version__}"
    return list(container["args"])


def flags(role: str) -> dict[str, str]:
    return dict(word.removeprefix("--").split("=", 1) for word in command(role) if "=" in word)


@pytest.mark.parametrize(
    "manifest",
    [manifest for _, manifest in MANIFESTS],
    ids=[f"{name}-{manifest['kind']}" for name, manifest in MANIFESTS],
)
def test_kubernetes_knows_every_field(manifest: dict[str, Any]) -> None:
    assert complaints(manifest) == []


def test_it_is_the_oldest_version_that_is_asked() -> None:
    """The first in which sidecars are on by default, as the documentation says."""
    assert VERSION.startswith("1.29.")
    assert "Kubernetes 1.29 or newer" in README.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"paralellism": 3}, "Job.spec has no paralellism"),
        ({"parallelism": "3"}, "Job.spec.parallelism is '3'"),
        ({"parallelism": True}, "Job.spec.parallelism is True"),
        ({"template": {"spec": {"containers": {}}}}, "Job.spec.template.spec.containers is {}"),
        ({"template": {"spec": {"containers": [{}]}}}, "Job.spec.template.spec.containers[0] lacks name"),
        ({"selector": {"matchLabels": {"a": 1}}}, "Job.spec.selector.matchLabels.a is 1"),
    ],
)
def test_a_wrong_field_would_be_found(change: dict[str, Any], complaint: str) -> None:
    manifest = {"apiVersion": "batch/v1", "kind": "Job", "spec": {**jobs()["worker"], **change}}
    assert complaints(manifest) == [complaint]


@pytest.mark.parametrize("role", ["master", "worker"])
def test_the_commands_are_ones_that_there_are(role: str) -> None:
    name, *words = command(role)
    parsed = typer.main.get_command(app).commands[name]  # type: ignore[attr-defined]
    parsed.make_context(name, words)


def test_master_and_workers_fit() -> None:
    service = next(one for _, one in MANIFESTS if one["kind"] == "Service")
    workers = jobs()["worker"]
    assert workers["parallelism"] == workers["completions"] == int(flags("master")["expect-workers"])
    assert flags("worker")["master"] == f"{service['metadata']['name']}:{MASTER_PORT}"
    assert flags("master")["master-bind"].endswith(f":{service['spec']['ports'][0]['port']}")
    labels = jobs()["master"]["template"]["metadata"]["labels"]
    assert service["spec"]["selector"].items() <= labels.items()
    for job in jobs().values():
        (forward,) = job["template"]["spec"]["initContainers"]
        assert forward["args"][0].startswith("TCP-LISTEN:8000,bind=127.0.0.1")
