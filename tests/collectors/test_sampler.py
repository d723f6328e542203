"""The loop around a collector, with collectors that fail in the ways that sources do."""

from __future__ import annotations

import threading
import time
from typing import Any, ClassVar

import pytest
from collector_rig import wait_for

from bench.collectors import sampling
from bench.collectors.base import Discovery, Metric, Row, counter, gauge
from bench.collectors.sampling import Sampler
from bench.record import frames


class Moody:
    """Fails in its first samples, slowly, as a client does that waits for its timeout."""

    source: ClassVar[str] = "moody"
    metrics: ClassVar[dict[str, Metric]] = {}
    min_interval: ClassVar[float] = 0.0

    def __init__(self, failures: int, seconds: float) -> None:
        self.failures = failures
        self.seconds = seconds
        self.closed = False

    def discover(self) -> Discovery:
        return Discovery()

    def sample(self) -> list[Row]:
        if self.failures:
            self.failures -= 1
            time.sleep(self.seconds)
            raise TimeoutError("no answer\nin time")
        return [("x", "", 1.0)]

    def close(self) -> None:
        self.closed = True
        raise OSError("closing fails too")


def _sampler(
    moody: Moody, stop: threading.Event, sent: list[tuple[bytes, Any]], *, interval: float, offset: float
) -> Sampler:
    return Sampler(
        moody,  # type: ignore[arg-type]
        origin=time.monotonic(),
        interval=interval,
        offset=offset,
        stop=stop,
        emit=lambda kind, value: sent.append((kind, value)),
    )


@pytest.fixture
def quick_backoff(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sampling, "BACKOFF", (0.05, 0.1))


@pytest.mark.usefixtures("quick_backoff")
@pytest.mark.parametrize(("failures", "seconds"), [(1, 0.0), (1, 0.4), (3, 0.2)])
def test_a_spell_of_failures_is_two_events_that_agree_on_its_length(failures: int, seconds: float) -> None:
    sent: list[tuple[bytes, Any]] = []
    stop = threading.Event()
    moody = Moody(failures, seconds)
    sampler = _sampler(moody, stop, sent, interval=0.02, offset=0.0)
    sampler.start()
    wait_for(lambda: sampler.rows >= 3)
    stop.set()
    sampler.join(5)

    failed, back, closing = [event for kind, event in sent if kind == frames.EVENT]
    assert (failed["kind"], failed["error"]) == ("collector_failed", "TimeoutError: no answer in time")
    assert back["kind"] == "collector_back"
    assert back["after_seconds"] == pytest.approx(back["t"] - failed["t"], abs=1e-3)
    assert moody.closed
    assert closing["error"] == "OSError: closing fails too"


class Counting(Moody):
    metrics: ClassVar[dict[str, Metric]] = {"x": counter("what happened")}


class Showing(Moody):
    metrics: ClassVar[dict[str, Metric]] = {"x": gauge("how it is")}


@pytest.mark.parametrize(("kind", "sampled"), [(Counting, True), (Showing, False)])
def test_the_end_of_a_counter_is_sampled_however_long_the_interval(kind: type[Moody], sampled: bool) -> None:
    """A counter that rose in the last moment is what tells why a run ended; how a gauge stands after the end
    tells nothing of the run."""
    sent: list[tuple[bytes, Any]] = []
    stop = threading.Event()
    moody = kind(0, 0.0)
    sampler = _sampler(moody, stop, sent, interval=60.0, offset=30.0)
    sampler.start()
    stop.set()
    sampler.join(5)

    assert [kind for kind, _ in sent] == [*([frames.METRICS] if sampled else []), frames.EVENT]
    assert moody.closed
