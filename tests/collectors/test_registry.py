from __future__ import annotations

import re
from pathlib import Path

import pytest

from bench.collectors import registry

SUFFIXES = {"seconds": ("_seconds", "_seconds_total", "_seconds_mean"), "bytes": ("_bytes", "_bytes_total")}


def test_every_file_in_sources_takes_part() -> None:
    files = {path.stem for path in Path(registry.sources.__path__[0]).glob("[a-z]*.py")}

    known = {"clickhouse", "docker", "host", "kato", "machine", "process", "qdrant", "redis"}
    assert set(registry.catalogue()) == files == known


@pytest.mark.parametrize("source", sorted(registry.catalogue()))
def test_names_say_unit_and_kind(source: str) -> None:
    for name, metric in registry.catalogue()[source].items():
        assert re.fullmatch(r"[a-z][a-z0-9_]*", name)
        assert name.endswith("_total") == (metric.kind == "counter"), name
        assert name.endswith(SUFFIXES.get(metric.unit, ("",))), name
        assert metric.meaning


def test_other_packages_add_theirs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "collects_tides.py").write_text("class Tides:\n    source = 'tides'\n    metrics = {}\n")
    info = tmp_path / "collects_tides-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: collects_tides\nVersion: 1\n")
    (info / "entry_points.txt").write_text(
        f"[{registry.ENTRY_POINT_GROUP}]\ncollects_tides = collects_tides:Tides\nbroken = nowhere:Nothing\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    notes: list[tuple[str, dict[str, object]]] = []

    found = registry.find(lambda kind, **fields: notes.append((kind, fields)))

    assert found[-1].source == "tides"
    assert [(kind, fields["source"]) for kind, fields in notes] == [("collector_failed", "broken")]
