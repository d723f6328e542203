"""Each fault shows its signature where it is planted, and nowhere else."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bench.targets.embedded.faults import FAULTS

from .bed import Bed
from .conftest import GROUPS
from .probes import PROBES

pytestmark = pytest.mark.slow

#: In the order of the groups: a deadlock ends the worker that it hits, and with it that deployment's use.
NAMES = [name for names in GROUPS.values() for name in names]


def test_every_fault_has_a_probe_and_a_deployment() -> None:
    assert set(PROBES) == set(FAULTS)
    assert sorted(NAMES) == sorted(FAULTS)


@pytest.mark.parametrize("name", NAMES)
def test_it_shows_where_it_is_planted(name: str, bed_of: Callable[[str, bool], Bed]) -> None:
    probe = PROBES[name]
    seen = probe.measure(bed_of(name, True), probe.value(name, quick=True))
    assert seen.shown, seen.text


@pytest.mark.parametrize("name", NAMES)
def test_it_does_not_show_where_it_is_not(name: str, bed_of: Callable[[str, bool], Bed]) -> None:
    probe = PROBES[name]
    seen = probe.measure(bed_of(name, False), probe.value(name, quick=True))
    assert not seen.shown, seen.text
