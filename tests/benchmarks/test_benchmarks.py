"""The comparisons still run, and read what other tools say."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from bench.record.tables import rows_from_frame
from benchmarks import tools
from benchmarks.comparisons import Comparison
from benchmarks.machine import core_for, description
from benchmarks.programs import ProgramError, run
from benchmarks.record_ten_million import synthetic
from benchmarks.servers import null_server
from benchmarks.tables import off_by, ratios, table, with_spread
from benchmarks.tools import Load, Round, read_hey, read_wrk

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads what Linux tells of processes")

WRK = """Running 2s test @ http://127.0.0.1:8000/
  1 threads and 32 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency   350.84us  120.00us   5.10ms   92.00%
    Req/Sec    61.00k     2.00k   65.00k    80.00%
  Latency Distribution
     50%  320.00us
     75%  400.00us
     90%    1.02ms
     99%    1.20s
  123456 requests in 2.10s, 20.00MB read
  Socket errors: connect 0, read 1, write 0, timeout 2
  Non-2xx or 3xx responses: 4
Requests/sec:  58788.57
"""

HEY = """
Summary:
  Total:	2.0011 secs
  Requests/sec:	25000.1234

Latency distribution:
  10% in 0.0005 secs
  50% in 0.0010 secs
  99% in 0.0049 secs

Status code distribution:
  [200]	49000 responses
  [503]	3 responses

Error distribution:
  [7]	Get "http://127.0.0.1:1": dial tcp
"""


def test_what_wrk_says() -> None:
    found = read_wrk(WRK, 1.5, 2_000_000)
    assert (found.requests, found.seconds, found.failures) == (123_456, 2.1, 7)
    assert found.percentiles == pytest.approx({0.5: 320e-6, 0.75: 400e-6, 0.9: 1.02e-3, 0.99: 1.2})
    assert found.per_cpu_second == pytest.approx(82_304)


def test_what_hey_says() -> None:
    found = read_hey(HEY, 2.0, 30_000_000)
    assert (found.requests, found.seconds, found.failures) == (49_003, 2.0011, 10)
    assert found.percentiles == {0.1: 0.0005, 0.5: 0.001, 0.99: 0.0049}


@pytest.mark.parametrize("read", [read_wrk, read_hey])
def test_what_is_no_report_is_an_error(read: object) -> None:
    with pytest.raises(ProgramError):
        read("unable to connect", 1.0, 1)  # type: ignore[operator]


def test_ratios_are_taken_round_by_round() -> None:
    """A machine that is half as fast in the second round changes no ratio."""
    rounds = {
        "ours": [Round(8000, 1.0, 2.0, 0), Round(4000, 1.0, 2.0, 0)],
        "theirs": [Round(2000, 1.0, 2.0, 0), Round(1000, 1.0, 2.0, 0)],
    }
    found = Comparison(rounds, absent=["hey is not installed here: apt install hey"])
    assert ratios(found.per_cpu_second("ours"), found.per_cpu_second("theirs")) == [4.0, 4.0]
    assert list(found.sentences([("ours", "theirs"), ("ours", "not there")])) == [
        "- ours: 4.00 (4.00 to 4.00) times the requests per CPU-second of theirs.",
        "- Not measured: hey is not installed here: apt install hey.",
    ]
    assert "| ours | 6 000 (4 000 to 8 000) |" in found.table()


def test_numbers_in_tables() -> None:
    assert table(("", "n"), [("a", "1")]) == "|  | n |\n| --- | ---: |\n| a | 1 |"
    assert with_spread([1234.0]) == "1 234"
    assert off_by(0.0201, 0.02) == "20.1 ms (+100 µs)"
    assert off_by(0.002, 0.225) == "2 ms (−223 ms)"
    assert off_by(None, 1.0) == "not reported"


def test_synthetic_rows_are_rows() -> None:
    parts = [rows_from_frame(payload) for payload in synthetic(50_000)]
    due = np.concatenate([part["due"] for part in parts])
    assert len(due) == 50_000
    assert (np.diff(due) > 0).all()
    assert due[-1] < 3600
    assert 0 < sum((part["error"] != 0).sum() for part in parts) < 200


def test_a_program_that_fails_or_hangs_is_an_error() -> None:
    with pytest.raises(ProgramError, match="no such luck"):
        run([sys.executable, "-c", "raise SystemExit('no such luck')"], core_for("client"), timeout=20)
    with pytest.raises(ProgramError, match="did not end"):
        run([sys.executable, "-c", "import time; time.sleep(60)"], core_for("client"), timeout=0.3)


def test_the_client_is_measured_on_the_null_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(Path(__file__).parents[2])
    with null_server(core_for("server")) as server:
        found = tools.client(Load(server.url, core_for("client"), 0.3, connections=4))
    assert found.requests > 100
    assert found.failures == 0
    assert found.cpu_seconds > 0
    assert found.peak_bytes["process"] > 5_000_000


def test_the_command_tells_what_it_does() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--help"],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "--quick" in done.stdout
    assert "core" in description()
