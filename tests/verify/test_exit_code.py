"""A wrong answer is a failure, unless an objective says how many are accepted; and it is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from manifests import PLAN
from runs import make_run, rows

from bench.errors import ExitCode
from bench.gate.values import ALL, run_values
from bench.record.manifest import ObjectiveVerdict, Soundness, Verification
from bench.record.reader import RunRecord
from bench.record.verified import verification_of
from bench.report.model import summarise
from bench.report.page.headline import headline
from bench.running import exit_code

EVENT = {
    "t": 40.0,
    "kind": "verified",
    "asked": 600,
    "sampled": 50,
    "replayed": 49,
    "wrong": 3,
    "unanswered": 1,
    "too_large": 0,
    "uncertain": 2,
    "taught_nodes": 1,
    "reason": None,
    "seconds": 1.25,
}
WRONG = {
    "t": 39.0,
    "kind": "wrong_answer",
    "node": 1,
    "session": 5,
    "told": 3,
    "field": "predictions[abc].potential",
    "expected": "1.5",
    "got": "1.25",
    "differences": 2,
}


def verified(folder: Path, *events: dict[str, Any], **manifest: Any) -> RunRecord:
    found = list(events or (WRONG, EVENT))
    manifest = {"soundness": Soundness(level="sound"), **manifest}
    return make_run(
        folder / "run", [rows("predict", 20)], events=found, verification=verification_of(found), **manifest
    )


def test_any_wrong_answer_is_a_failure(tmp_path: Path) -> None:
    assert exit_code(verified(tmp_path / "some")) == ExitCode.OBJECTIVE
    assert exit_code(verified(tmp_path / "none", {**EVENT, "wrong": 0})) == ExitCode.OK


@pytest.mark.parametrize(("verdict", "code"), [("pass", ExitCode.OK), ("fail", ExitCode.OBJECTIVE)])
def test_an_objective_on_them_decides(tmp_path: Path, verdict: Any, code: ExitCode) -> None:
    record = verified(
        tmp_path,
        plan=PLAN.model_copy(update={"objectives": ["wrong < 20%"], "verify": True}),
        objectives=[ObjectiveVerdict(objective="wrong < 20%", verdict=verdict)],
    )
    assert exit_code(record) == code
    title = headline(summarise(record), record.manifest.plan, 1, advised=True).title
    assert "objective" in title


def test_it_is_said_beside_the_errors(tmp_path: Path) -> None:
    summary = summarise(verified(tmp_path))
    assert summary.answers == (
        "Wrong answers: 49 of 600 predictions were asked again as one user, and 3 differ. The first: "
        "predictions[abc].potential was 1.25 under load and is 1.5 for one user, and other fields too. Left "
        "out: 1 node on which the run learned and 1 that got no answer the second time."
    )
    said = headline(summary, PLAN, 1, advised=True)
    assert (said.tone, said.title) == ("bad", "3 of 49 checked answers were wrong")


def test_what_there_was_no_time_for_is_not_called_unanswered(tmp_path: Path) -> None:
    summary = summarise(verified(tmp_path, {**EVENT, "wrong": 0, "replayed": 30, "taught_nodes": 0}))
    assert summary.answers == (
        "Answers: 30 of 600 predictions were asked again as one user, all with the same answer. Left out: 1 "
        "that got no answer the second time and 19 that there was no time to ask again."
    )


def test_a_run_that_verified_nothing_says_why(tmp_path: Path) -> None:
    nothing = {**EVENT, "replayed": 0, "wrong": 0, "sampled": 0, "reason": "the run learns on its nodes"}
    record = verified(tmp_path, nothing)
    assert summarise(record).answers == "Answers are not verified: the run learns on its nodes."
    assert exit_code(record) == ExitCode.OK


def test_the_counts_of_several_load_processes_are_added(tmp_path: Path) -> None:
    found = verification_of([EVENT, {**EVENT, "wrong": 0, "replayed": 1}])
    assert found is not None
    assert (found.asked, found.replayed, found.wrong) == (1200, 50, 3)
    assert verification_of([]) is None


def test_a_share_needs_its_whole() -> None:
    with pytest.raises(ValueError, match="5 of 4"):
        Verification(asked=10, sampled=5, replayed=4, wrong=5)


def test_a_gate_counts_them_as_errors(tmp_path: Path) -> None:
    values = run_values(verified(tmp_path))
    assert values.errors == {"predict": 3, ALL: 3}
    assert values.value("predict", "errors") == pytest.approx(3 / 600)
