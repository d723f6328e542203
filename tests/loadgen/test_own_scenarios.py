"""Scenarios of a user's own, as `docs/scenarios.md` shows them."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bench.errors import BenchError
from bench.judging import judge
from bench.loadgen.catalogue import find
from bench.plan import Arrivals, Phases, Plan, TargetPlan
from bench.record.manifest import Corpus
from bench.record.reader import RunRecord
from bench.runner import Runner
from bench.supervision.supervisor import Supervisor
from bench.targets.url import UrlTarget

ROOT = Path(__file__).parents[2]
SERVER = ROOT / "tests" / "truth" / "known_server.py"
SHOWN = re.search(r"```python\n(.*?)```", (ROOT / "docs" / "scenarios.md").read_text(encoding="utf-8"), re.S)
Run = Callable[[str], RunRecord]


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    """Run a scenario of this text for a second."""
    server = subprocess.Popen(
        [sys.executable, str(SERVER), "--log", str(tmp_path / "log"), "fixed:0.001"],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert server.stdout is not None
    url = f"http://127.0.0.1:{server.stdout.readline().strip()}"

    def run(text: str) -> RunRecord:
        path = tmp_path / "mine.py"
        path.write_text(text, encoding="utf-8")
        # Everything that the scenarios below ask for.
        options = find("chat").about["options"]
        plan = Plan(
            arrivals=Arrivals(rate=40),
            phases=Phases(warmup=0, measure=1),
            target=TargetPlan(kind="url", url=url),
            data={name: option["default"] for name, option in options.items()} | {"patterns": 0},
            connections=8,
        )
        with Supervisor() as supervisor:
            return Runner(
                plan,
                path,
                Corpus(name="none", sha256="", tokens=0, vocabulary=0),
                supervisor,
                lambda folder: UrlTarget(url),
                judge,
                base=tmp_path / "runs",
            ).run()

    yield run
    server.kill()
    server.wait()


def test_the_one_in_the_documentation(run: Run) -> None:
    assert SHOWN is not None
    record = run(SHOWN[1])
    assert {"observe", "predict"} <= set(record.operations())
    assert record.count().errors == 0
    assert record.count().requests > 10


@pytest.mark.slow
def test_one_that_builds_on_another(run: Run) -> None:
    record = run("from scenarios.chat import Chat\n\nclass Mine(Chat):\n    pass\n")
    assert record.count().errors == 0
    assert record.count().requests > 10


ENDS = """
from bench.loadgen.operations import observe
from bench.loadgen.user import KatoUser

class Mine(KatoUser):
    scenario = {}

    def script(self):
        yield observe(["once"])
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "words"),
    [
        (ENDS, "The scenario chat failed: its script came to an end, and must go on for ever"),
        (ENDS.replace('observe(["once"])', "observe(once)"), r"failed: NameError: .* \(mine\.py:9\)"),
        (ENDS.replace("KatoUser)", "object)"), "must define one scenario class, it defines 0"),
    ],
)
def test_what_is_wrong_with_one_is_said(text: str, words: str, run: Run) -> None:
    with pytest.raises(BenchError, match=words):
        run(text)
