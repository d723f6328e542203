"""`measure`: from a plan to a judged run record with its advice; every command that loads uses it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from advisor.conclude import conclude
from bench import calibration
from bench.choosing import choose
from bench.foreground import interruptible, say
from bench.judging import judge
from bench.loadgen.catalogue import find
from bench.plan import Plan
from bench.record import advice
from bench.record.manifest import Corpus, Generator
from bench.record.reader import RunRecord
from bench.report import html
from bench.report.progress import ProgressDisplay
from bench.runner import Runner
from bench.supervision.supervisor import Supervisor
from scenarios import corpus as texts

#: What the controllers (search, growth, pairs) are handed: they decide, this measures.
Measure = Callable[[Plan], RunRecord]


def measure(plan: Plan, *, base: Path | None = None, generator: Generator | None = None) -> RunRecord:
    """Run the plan once: a fresh embedded deployment, or fresh nodes of a URL target that are cleared
    afterwards. `base`: the folder of the runs. `generator`: what a load process can do here, None = as it is
    remembered; of workers elsewhere nothing is known. Progress goes to stderr.

    Raises BenchError where the run cannot be made; one that was stopped comes back as `interrupted`."""
    scenario = find(plan.scenario)
    corpus = _corpus_facts(Path(plan.corpus) if plan.corpus else None)
    if generator is None and plan.loaders.bind is None:
        generator = calibration.cached()
    with Supervisor() as supervisor, ProgressDisplay(plan.phases, sys.stderr) as display:
        runner = Runner(
            plan,
            scenario.path,
            corpus,
            supervisor,
            lambda folder: choose(plan, supervisor, folder, say),
            judge,
            base=base,
            generator=generator,
            watch=display.feed,
            say=say,
        )
        with interruptible(runner.stop):
            record = runner.run()
    soundness = record.manifest.soundness
    if soundness is not None and soundness.level != "unsound":
        advice.write(record.folder, conclude([record]))
    write_report(record)
    return record


def write_report(record: RunRecord) -> None:
    """Put the run's page into its folder; why it could not be is said, and is no failure of the run."""
    try:
        html.write(record)
    except Exception as error:
        say(f"the report was not written: {str(error).rstrip('.') or type(error).__name__}")


def _corpus_facts(path: Path | None) -> Corpus:
    corpus = texts.load(path)
    return Corpus(
        name=corpus.name, sha256=corpus.sha256, tokens=len(corpus.ids), vocabulary=len(corpus.words)
    )
