"""What a check is: one pure function from what was seen to findings, with where its claim comes from."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from bench.inspection.findings import Finding
from bench.inspection.seen import Seen

Judge = Callable[[Seen], Iterator[Finding]]


@dataclass(frozen=True)
class Check:
    """`id`: `system.what-is-wrong`, also the id of its findings. `source`: where the claim comes from. The
    function's docstring says why it matters. A check is silent where what it needs is not known."""

    id: str
    source: str
    judge: Judge

    @property
    def why(self) -> str:
        return " ".join((self.judge.__doc__ or "").split())

    def __call__(self, seen: Seen) -> list[Finding]:
        try:
            return list(self.judge(seen))
        except Exception as error:
            sentence = f"The check {self.id} failed: {type(error).__name__}: {error}."
            return [Finding(self.id, "info", "A check failed", sentence, "Report it to kato-bench.")]


def check(name: str, *, source: str) -> Callable[[Judge], Check]:
    """Make a function the check of this id."""
    return lambda judge: Check(name, source, judge)
