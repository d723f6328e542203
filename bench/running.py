"""What `kato-bench run` and `kato-bench up` do: put the rooms together, watch, and print."""

from __future__ import annotations

import json
import signal
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from bench.errors import ExitCode, decisive
from bench.flags import RunFlags, make_plan, target_plan
from bench.judging import judge
from bench.load.catalogue import find
from bench.plan import Plan
from bench.record.manifest import Corpus
from bench.record.reader import RunRecord
from bench.report.model import summarise
from bench.runner import Runner
from bench.supervision.supervisor import Supervisor
from bench.targets.base import Target
from bench.targets.embedded.deployment import EmbeddedDeployment
from bench.targets.url import UrlTarget
from scenarios import corpus as texts


def run_plan(scenario_name: str, flags: RunFlags, base: Path | None, *, as_json: bool) -> ExitCode:
    """Run, print the summary (or JSON) on stdout, and return the exit code. Raises BenchError."""
    from bench.report.progress import ProgressDisplay

    scenario = find(scenario_name)
    plan = make_plan(scenario, flags)
    corpus = _corpus_facts(flags.corpus)
    with Supervisor() as supervisor, ProgressDisplay(plan.phases, sys.stderr) as display:
        runner = Runner(
            plan,
            scenario.path,
            corpus,
            supervisor,
            lambda folder: _make_target(plan, supervisor, folder),
            judge,
            base=base,
            watch=display.feed,
            say=_say,
        )
        with _interruptible(runner.stop):
            record = runner.run()
    _print_summary(record, as_json=as_json)
    return exit_code(record)


def exit_code(record: RunRecord) -> ExitCode:
    """What a finished or interrupted run says to the script that asked for it."""
    manifest = record.manifest
    codes = []
    if manifest.status == "interrupted":
        codes.append(ExitCode.INTERRUPTED)
    verdicts = {verdict.verdict for verdict in manifest.objectives}
    if "fail" in verdicts:
        codes.append(ExitCode.OBJECTIVE)
    if "inconclusive" in verdicts or (manifest.soundness and manifest.soundness.level == "unsound"):
        codes.append(ExitCode.INCONCLUSIVE)
    return decisive(codes)


def keep_up(
    workers: int | None,
    profile: str | None,
    settings: Sequence[str],
    port: int | None,
    data_dir: Path | None,
    *,
    as_json: bool,
) -> ExitCode:
    """Start the embedded deployment, print where it is, and keep it until a signal comes or a part dies."""
    plan = target_plan(RunFlags(workers=workers, profile=profile, set=settings))
    ended = threading.Event()
    with Supervisor() as supervisor, _interruptible(ended.set):
        deployment = EmbeddedDeployment(
            supervisor,
            data_dir or Path(tempfile.mkdtemp(prefix="kato-bench-")),
            plan.profile,
            plan.knobs,
            port,
            keep=data_dir is not None,
        )
        try:
            for warning in deployment.warnings:
                _say(warning)
            facts = deployment.start()
            if as_json:
                print(json.dumps(facts.to_json()), flush=True)
            else:
                for part in facts.parts:
                    print(f"{part.name:<11}{part.address or '-':<28}{part.engine or ''} {part.version or ''}")
                print("Ctrl-C ends it.", flush=True)
            while not ended.wait(1.0):
                deployment.check()
        finally:
            deployment.close()
    return ExitCode.OK


def _make_target(plan: Plan, supervisor: Supervisor, folder: Path) -> Target:
    if plan.target.url is not None:
        return UrlTarget(plan.target.url, nodes=int(plan.data["nodes"]))
    deployment = EmbeddedDeployment(
        supervisor, folder / "parts", plan.target.profile, plan.target.knobs, logs=folder / "logs"
    )
    for warning in deployment.warnings:
        _say(warning)
    return deployment


def _corpus_facts(path: Path | None) -> Corpus:
    corpus = texts.load(path)
    return Corpus(
        name=corpus.name, sha256=corpus.sha256, tokens=len(corpus.ids), vocabulary=len(corpus.words)
    )


def _print_summary(record: RunRecord, *, as_json: bool) -> None:
    summary = summarise(record)
    if as_json:
        from bench.report.machine import as_json as machine_readable

        print(json.dumps(machine_readable(summary), default=str))
    else:
        from bench.report.terminal import print_summary

        print_summary(summary, sys.stdout)


@contextmanager
def _interruptible(stop: Callable[[], None]) -> Iterator[None]:
    """The first Ctrl-C or SIGTERM asks for an orderly end, the second ends at once."""
    asked = False

    def handle(number: int, frame: FrameType | None) -> None:
        nonlocal asked
        if asked:
            raise KeyboardInterrupt
        asked = True
        _say("stopping; once more ends it at once")
        stop()

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _say(sentence: str) -> None:
    print(f"kato-bench: {sentence}", file=sys.stderr, flush=True)
