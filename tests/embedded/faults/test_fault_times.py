"""When processes are struck, and which."""

from __future__ import annotations

import signal
import subprocess
import sys
import time

from bench.targets.embedded import faults
from bench.targets.embedded.faults.timed import Blow, TimedFaults, a_worker, blows


def test_the_earliest_blow_comes_first() -> None:
    told = faults.parse(["kill-qdrant=3s", "store-hang=1s@2s", "kill-kato-worker=1s", "latency"])
    assert blows(told) == [
        Blow(1.0, "kato", signal.SIGKILL, to_worker=True),
        Blow(2.0, "clickhouse", signal.SIGSTOP),
        Blow(3.0, "qdrant", signal.SIGKILL),
    ]
    assert blows({}) == []


def sleeper() -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])


def test_a_process_is_killed_at_its_time_and_known_to_be() -> None:
    with sleeper() as first, sleeper() as second:
        began = time.monotonic()
        timed = TimedFaults(
            blows(faults.parse(["kill-redis=200ms", "kill-qdrant=60s"])),
            {"redis": first.pid, "qdrant": second.pid},
        )
        assert first.wait(5) == -signal.SIGKILL
        assert 0.2 <= time.monotonic() - began < 2
        assert timed.killed == {"redis"}
        timed.cancel()
        assert second.poll() is None
        second.kill()


def test_a_single_worker_is_the_api_itself() -> None:
    with sleeper() as api:
        assert a_worker(api.pid) == api.pid
        timed = TimedFaults(blows(faults.parse(["kill-kato-worker=0s"])), {"kato": api.pid})
        assert api.wait(5) == -signal.SIGKILL
        assert timed.killed == {"kato"}


def test_who_is_gone_already_is_left_alone() -> None:
    with sleeper() as gone:
        gone.kill()
    planned = blows(faults.parse(["kill-redis=0s", "kill-kato-worker=0s"]))
    TimedFaults(planned, {"redis": gone.pid, "kato": gone.pid})._run()
