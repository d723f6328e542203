"""What `kato-bench compare` and `gate` do beyond parsing: read or measure both sides, judge, and write."""

from __future__ import annotations

import contextlib
import json
import math
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench import sides
from bench.errors import BenchError, ExitCode, UsageError, decisive
from bench.flags import RunFlags, make_plan, require_stores
from bench.foreground import interrupt, interruptible, say
from bench.gate import baseline, comparable
from bench.gate.effects import every_effect
from bench.gate.noninferiority import Tolerance
from bench.gate.pairs import SIDES, Outcome, Rules, Side, run_pairs
from bench.gate.values import RunValues, run_values
from bench.limits import seconds_of
from bench.loadgen.catalogue import find
from bench.measuring import measure
from bench.plan import Plan
from bench.record.folder import MANIFEST, find_run
from bench.record.reader import read_intact
from bench.report.gate import ComparisonReport, GateReport, comparison_json, conditions, gate_json
from bench.report.model import load_words

#: GitHub shows what is appended to this file on the job's page.
_STEP_SUMMARY = "GITHUB_STEP_SUMMARY"


class IncomparableError(BenchError):
    """The runs cannot be believed or are not finished, so that nothing is concluded from them."""

    exit_code = ExitCode.INCONCLUSIVE


@dataclass(frozen=True)
class GateFlags:
    """The flags of `gate` as they were typed, besides those of the load; None = not given."""

    baseline: str
    candidate: str
    pairs: int
    max_pairs: int | None
    budget: str | None
    tolerance: str
    error_tolerance: str
    on_inconclusive: str | None
    junit: Path | None
    markdown: Path | None
    save_baseline: Path | None


def compare(
    a: Sequence[str],
    b: Sequence[str],
    base: Path | None,
    *,
    allow_different: bool,
    allow_qualified: bool,
    as_json: bool,
) -> ExitCode:
    """Read both sets, compare, print. Raises UsageError where they may not be compared, IncomparableError
    where a run is not to be believed."""
    sets = [_read_set(name, texts, base) for name, texts in (("A", a), ("B", b))]
    runs = [run for runs in sets for run in runs]
    for run in runs:
        _require_believed(run, allow_qualified=allow_qualified)
    if shared := {run.run for run in sets[0]} & {run.run for run in sets[1]}:
        raise UsageError(f"{min(shared)} stands on both sides; a run can be compared with others only.")
    different = comparable.differences(runs)
    if different and not allow_different:
        raise UsageError(
            f"These runs cannot be compared, they differ in {'; '.join(different)}: measure both sides "
            "alike, or say --allow-different."
        )
    report = ComparisonReport(
        a=sets[0],
        b=sets[1],
        effects=every_effect(sets[0], sets[1], "independent"),
        differences=comparable.compared(sets[0][0].compared, sets[1][0].compared),
        notes=_notes(sets, different),
    )
    if as_json:
        print(json.dumps(comparison_json(report)))
    else:
        from bench.report.comparison import print_comparison

        print_comparison(report, sys.stdout)
    return ExitCode.OK


def gate(scenario: str, load: RunFlags, flags: GateFlags, base: Path | None, *, as_json: bool) -> ExitCode:
    """Measure pairs, judge, print, write the files, and return the exit code. Raises BenchError."""
    rules = _rules(flags)
    if flags.on_inconclusive not in (None, "pass", "fail"):
        raise UsageError(f"--on-inconclusive {flags.on_inconclusive}: there are pass and fail.")
    found = find(scenario)
    plan = make_plan(found, load)
    texts: dict[Side, str] = {"baseline": flags.baseline, "candidate": flags.candidate}
    plans = {side: plan.model_copy(update={"target": sides.parse(side, texts[side])}) for side in SIDES}
    for one in plans.values():
        require_stores(found, one.target)
    _require_writable(flags)
    began = time.monotonic()

    def measured(plan: Plan) -> RunValues:
        return run_values(measure(plan, base=base))

    # Between two measurements, which heed signals themselves, a signal ends the gate with what it has.
    with interruptible(interrupt):
        outcome = run_pairs(plans, measured, rules, clock=time.monotonic, say=say)
    undecided = outcome.verdict == "inconclusive" and not outcome.interrupted and outcome.error is None
    report = GateReport(
        outcome=outcome,
        rules=rules,
        sides=texts,
        differences=_differences(outcome),
        scenario=scenario,
        load=_load(plan),
        seconds=time.monotonic() - began,
        treated_as=flags.on_inconclusive if undecided else None,
    )
    unwritten = _write_gate(report, flags)
    _print_gate(report, as_json=as_json)
    for sentence in unwritten:
        say(sentence)
    if outcome.error is not None:
        raise outcome.error
    return gate_code(report) or (ExitCode.USAGE if unwritten else ExitCode.OK)


def gate_code(report: GateReport) -> ExitCode:
    """Pass 0, fail 4, inconclusive 5 or as `--on-inconclusive` says, interrupted 130."""
    verdict = report.treated_as or report.outcome.verdict
    codes = {"pass": ExitCode.OK, "fail": ExitCode.REGRESSION, "inconclusive": ExitCode.INCONCLUSIVE}
    found = [codes[verdict]]
    if report.outcome.interrupted:
        found.append(ExitCode.INTERRUPTED)
    return decisive(found)


def _read_set(side: str, texts: Sequence[str], base: Path | None) -> list[RunValues]:
    names = [name for text in texts for name in _names(text)]
    if not names:
        raise UsageError(f"Side {side} names no run; give ids, paths or a baseline file, joined by commas.")
    runs = [run for name in names for run in _read(name, base)]
    seen: set[str] = set()
    for run in runs:
        if run.run in seen:
            raise UsageError(f"Side {side} names {run.run} twice; a run counts once.")
        seen.add(run.run)
    if mixed := comparable.mixed(runs):
        raise UsageError(
            f"The runs of side {side} were not measured alike ({'; '.join(mixed)}); name runs of one target."
        )
    return runs


def _names(text: str) -> list[str]:
    """Names joined by commas; a path that is there may have commas of its own."""
    with contextlib.suppress(OSError):
        if Path(text).exists():
            return [text] if text else []
    return [name.strip() for name in text.split(",") if name.strip()]


def _read(name: str, base: Path | None) -> list[RunValues]:
    path = Path(name)
    if path.is_file() and path.name != MANIFEST:
        return baseline.load(path)
    return [run_values(read_intact(find_run(name, base)))]


def _require_believed(run: RunValues, *, allow_qualified: bool) -> None:
    if run.status != "finished":
        raise IncomparableError(f"{run.run} is {run.status}, so that it measured only a part; leave it out.")
    if run.soundness in (None, "unsound"):
        raise IncomparableError(
            f"{run.run} is unsound and cannot be compared: {'; '.join(run.reasons) or 'it was not judged'}."
        )
    if run.soundness == "qualified" and not allow_qualified:
        raise IncomparableError(
            f"{run.run} is qualified ({'; '.join(run.reasons)}): leave it out, or say --allow-qualified."
        )


def _notes(sets: Sequence[Sequence[RunValues]], different: Sequence[str]) -> list[str]:
    notes = []
    if different:
        notes.append(f"ATTENTION: what must match differs ({'; '.join(different)}); these are two worlds")
    sizes = [len(runs) for runs in sets]
    if min(sizes) < 2:
        notes.append(
            f"{sizes[0]} against {sizes[1]} runs give no interval: measure each side twice or more, and name "
            "the runs joined by commas"
        )
    else:
        notes.append(
            "95 % intervals, each for itself, over the runs' values (Welch, of logarithms): of twenty such "
            "rows, one shows a change that is none"
        )
    notes.append("sides measured one after the other drift apart: kato-bench gate measures them in turn")
    return notes + conditions([run for runs in sets for run in runs])


def _rules(flags: GateFlags) -> Rules:
    most = max(16, flags.pairs) if flags.max_pairs is None else flags.max_pairs
    if flags.pairs < 2:
        raise UsageError(f"--pairs {flags.pairs}: an interval needs 2 or more.")
    if most < flags.pairs:
        raise UsageError(f"--max-pairs {most}: give --pairs ({flags.pairs}) or more.")
    return Rules(
        pairs=flags.pairs,
        max_pairs=most,
        budget=None if flags.budget is None else seconds_of("--budget", flags.budget),
        tolerance=Tolerance(
            ratio=_share("--tolerance", flags.tolerance, "7%"),
            errors=_share("--error-tolerance", flags.error_tolerance, "0.5%"),
        ),
    )


def _share(flag: str, text: str, example: str) -> float:
    try:
        share = float(text.strip().removesuffix("%")) / 100 if text.strip().endswith("%") else math.nan
    except ValueError:
        share = math.nan
    if not 0 < share <= 1:
        raise UsageError(f"{flag} {text}: give a share above 0 and up to 100%, such as {example}.")
    return share


def _require_writable(flags: GateFlags) -> None:
    """Not after half an hour of measuring."""
    files = [path for path in (flags.junit, flags.markdown, flags.save_baseline) if path is not None]
    summary = os.environ.get(_STEP_SUMMARY)
    for path in [*files, *([Path(summary)] if summary else [])]:
        if path.is_dir():
            raise UsageError(f"{path} is a folder; name a file.")
        if not path.parent.is_dir():
            raise UsageError(f"{path} cannot be written: there is no folder {path.parent}.")
        there = path.exists()
        try:
            path.open("a").close()
        except OSError as error:
            raise UsageError(f"{path} cannot be written: {error.strerror}.") from error
        if not there:
            path.unlink()
    if twice := {path for path in files if files.count(path) > 1}:
        raise UsageError(f"{min(twice)} is named twice; every output needs a file of its own.")


def _differences(outcome: Outcome) -> list[str]:
    if not outcome.pairs:
        return []
    first = outcome.pairs[0]
    return comparable.compared(first.baseline.compared, first.candidate.compared)


def _load(plan: Plan) -> str:
    """What both sides got; the seed of the first pair."""
    return (
        f"{plan.scenario}, {load_words(plan)}, {plan.phases.warmup:g} s warm-up and {plan.phases.measure:g} "
        f"s measured, seeds from {plan.seed} on"
    )


def _print_gate(report: GateReport, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(gate_json(report)))
    else:
        from bench.report.comparison import print_gate

        print_gate(report, sys.stdout)


def _write_gate(report: GateReport, flags: GateFlags) -> list[str]:
    """Write every file that was asked for; a sentence for each that could not be."""
    from bench.report import junit, markdown

    summary = os.environ.get(_STEP_SUMMARY)
    wanted: list[tuple[Path | None, Callable[[Path], None]]] = [
        (flags.junit, lambda path: _write(path, junit.render(report), "w")),
        (flags.markdown, lambda path: _write(path, markdown.render(report), "w")),
        (Path(summary) if summary else None, lambda path: _write(path, markdown.render(report), "a")),
    ]
    if report.outcome.pairs:
        candidates = [pair.candidate for pair in report.outcome.pairs]
        wanted.append((flags.save_baseline, lambda path: baseline.save(path, candidates)))
    failures = []
    for path, write in wanted:
        if path is None:
            continue
        try:
            write(path)
        except OSError as error:
            failures.append(f"{path} was not written: {error.strerror}")
        except BenchError as error:
            failures.append(str(error))
    return failures


def _write(path: Path, text: str, mode: str) -> None:
    with path.open(mode, encoding="utf-8") as file:
        file.write(text)
