"""Three workers in three network namespaces, each with a monotonic clock of its own."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import numpy as np
import pytest
from known_target import LOADED, Processes, check_labels
from namespaces import SHIFTS, Namespace, UnavailableError, namespaces, run

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def places(processes: Processes) -> Iterator[list[Namespace]]:
    try:
        with namespaces(len(SHIFTS)) as made:
            yield made
            processes.end()
    except UnavailableError as error:
        pytest.skip(str(error))


def test_workers_elsewhere_with_clocks_of_their_own(processes: Processes, places: list[Namespace]) -> None:
    """The clocks' offsets are found, the schedules run on the workers' own clocks, and all rows come to stand
    on one axis of time."""
    done = run(processes, places, kill=False)
    clocks = [event for event in done.record.events() if event["kind"] == "worker_clock"]
    assert all(0 < event["uncertainty_seconds"] < 0.05 for event in clocks)
    if "unshare" in places[1].enter:
        assert sorted(round(event["offset_seconds"]) for event in clocks) == sorted(SHIFTS)
    load = done.load
    assert (load["error"] == "").all()
    assert set(load["process"]) == {0, 1, 2}
    assert set(load["phase"]) == set(LOADED)
    measure = done.record.phase("measure")
    assert measure is not None
    assert measure.end - measure.start == pytest.approx(4, abs=0.05)
    response = (load["done"] - load["sent"]).to_numpy()
    assert np.median(response) == pytest.approx(0.005, abs=0.005)
    assert done.record.manifest.load.lost == []


def test_one_of_three_is_killed(processes: Processes, places: list[Namespace]) -> None:
    check_labels(run(processes, places, kill=True), lost=1)


def test_nothing_is_left() -> None:
    try:
        with namespaces(1) as made:
            (place,) = made
    except UnavailableError as error:
        pytest.skip(str(error))
    assert place.name not in subprocess.run(["ip", "netns"], capture_output=True, text=True).stdout
