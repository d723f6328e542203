"""4. The gate passes a build against itself and fails one that burns 15 % more CPU."""

from __future__ import annotations

from xml.etree import ElementTree

from tests.story.stage import FOLDER, QUICK, bench, check, note, rate, tell

_PAIRS = ["--data", "nodes=2", "--warmup", "2", "--duration", "10"] + (
    ["--pairs", "2", "--max-pairs", "3"] if QUICK else ["--pairs", "8", "--max-pairs", "16"]
)
#: Two pairs show a large difference only.
_FAULT = "100%" if QUICK else "15%"


def _failures(name: str) -> tuple[int, int]:
    """(test cases, failures) of a JUnit file."""
    suite = ElementTree.parse(FOLDER / name).getroot()
    return len(list(suite.iter("testcase"))), len(list(suite.iter("failure")))


def gate() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)

    def run(candidate: str, junit: str, expect: tuple[int, ...]) -> dict[str, object]:
        sides = ["--baseline", "--workers 1", "--candidate", candidate]
        # Twice the gate's own rate where the machine carries it: KATO is then woken less often from a cold
        # cache, and its CPU time varies less.
        load = ["--rate", rate(0.4, 60), *_PAIRS]
        return bench("gate", *sides, *load, "--junit", str(FOLDER / junit), expect=expect)

    # With so few pairs a quick story may be too short to be sure that nothing changed.
    same = run("--workers 1", "same.xml", (0, 5) if QUICK else (0,))
    cases, failures = _failures("same.xml")
    check(
        f"a build against itself: {same['verdict']}, {failures} of {cases} cases failed",
        not failures,
    )
    slow = run(f"--workers 1 --fault cpu={_FAULT}", "slow.xml", (4,))
    cases, failures = _failures("slow.xml")
    check(f"{_FAULT} more CPU: {slow['verdict']}, {failures} of {cases} test cases failed", failures > 0)
    said = " ".join(str(line) for line in slow["sentences"])  # type: ignore[attr-defined]
    check(f"the verdict names the operation: {said}", "predict" in said or "observe" in said)
    note(gate={"same": same["verdict"], "slow": slow["verdict"], "said": said})


if __name__ == "__main__":
    tell("4. Gate a slower build", gate)
