"""Each check by table, and what all of them have in common."""

from __future__ import annotations

from collections import Counter

import pytest
from seen_table import CASES, Case

from bench.inspection.checks import discover, judge
from bench.inspection.checks.base import Check, check
from bench.inspection.findings import SEVERITIES, Finding, Inspection
from bench.inspection.seen import Seen, Setting
from bench.knobs.catalogue import find

CHECKS = {check.id: check for check in discover()}

by_case = pytest.mark.parametrize("case", CASES, ids=[f"{at}-{case.id}" for at, case in enumerate(CASES)])


class TestTheTable:
    @by_case
    def test_the_fault_is_found_with_its_knobs(self, case: Case) -> None:
        (finding, *_) = found = CHECKS[case.id](case.faulty)
        assert len(found) == 1
        assert finding.id == case.id
        assert finding.severity == case.severity
        assert finding.knobs[: len(case.knobs)] == case.knobs or set(case.knobs) <= set(finding.knobs)
        for words in case.says:
            assert words in f"{finding.sentence} {finding.fix}"

    @by_case
    def test_without_it_the_check_is_silent(self, case: Case) -> None:
        assert CHECKS[case.id](case.sound) == []

    def test_it_holds_every_check(self) -> None:
        assert {case.id for case in CASES} == set(CHECKS)


@pytest.mark.parametrize("one", CHECKS.values(), ids=CHECKS)
class TestEveryCheck:
    def test_says_where_its_claim_comes_from_and_why(self, one: Check) -> None:
        assert one.source
        assert len(one.why) > 40

    def test_is_silent_where_nothing_is_known(self, one: Check) -> None:
        assert one(Seen()) == []


@by_case
def test_a_finding_is_whole(case: Case) -> None:
    for finding in judge(case.faulty):
        assert finding.severity in SEVERITIES
        assert finding.sentence.endswith(".")
        assert finding.fix.endswith(".")
        assert len(finding.sentence) < 350
        assert not finding.title.endswith(".")
        for knob in finding.knobs:
            assert find(knob).name == knob


def test_ids_are_unique() -> None:
    assert [name for name, count in Counter(one.id for one in discover()).items() if count > 1] == []


def test_the_gravest_come_first() -> None:
    everything = {name: setting for case in CASES for name, setting in case.faulty.settings.items()}
    severities = [SEVERITIES.index(finding.severity) for finding in judge(Seen(settings=everything))]
    assert severities == sorted(severities)
    assert len(set(severities)) > 1


def test_a_check_that_fails_is_told_and_silences_no_other() -> None:
    @check("test.broken", source="this test")
    def broken(seen: Seen) -> list[Finding]:  # type: ignore[misc]
        """It divides by zero, which no check should do."""
        return [1 / 0]  # type: ignore[list-item]

    whole = CASES[0]
    found = judge(whole.faulty, [broken, CHECKS[whole.id]])
    assert [finding.id for finding in found] == [whole.id, "test.broken"]
    assert "ZeroDivisionError" in found[1].sentence


class TestFlags:
    @pytest.mark.parametrize(
        ("name", "set_by", "flags"),
        [
            ("kato.CONNECTION_POOL_SIZE", "environment", ("dead",)),
            ("kato.KATO_BATCH_SIZE", "manifest", ("wrong",)),
            ("kato.UVICORN_WORKERS", "environment", ("dead",)),
            ("kato.LOG_LEVEL", "environment", ()),
            ("kato.CONNECTION_POOL_SIZE", "default", ()),
            ("redis.maxmemory-policy", "file", ("dangerous",)),
            ("what.ever", "file", ()),
        ],
    )
    def test_of_a_knob(self, name: str, set_by: str, flags: tuple[str, ...]) -> None:
        grave = Finding("x", "critical", "x", "x.", "x.", ("redis.maxmemory-policy",))
        seen = Seen(settings={name: Setting(name, "1", set_by=set_by)})  # type: ignore[arg-type]
        assert Inspection("t", "url", seen, (grave,), 1.0).flags(name) == flags
