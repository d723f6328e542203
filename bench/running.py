"""What `kato-bench run`, `up` and `show` do beyond parsing: measure or keep a deployment, and print."""

from __future__ import annotations

import json
import sys
import tempfile
import threading
import time
from pathlib import Path

from bench import calibration, words
from bench.choosing import api_of
from bench.collectors.process_tree import memory_bytes
from bench.errors import ExitCode, decisive
from bench.flags import RunFlags, target_plan
from bench.foreground import interrupt, interruptible, say
from bench.gate import objectives
from bench.measuring import measure
from bench.previewing import plan_from
from bench.record.manifest import Manifest
from bench.record.reader import RunRecord
from bench.report import sentences
from bench.report.model import summarise
from bench.supervision.supervisor import Supervisor
from bench.targets.embedded.deployment import EmbeddedDeployment


def run_plan(
    scenario: str | None, flags: RunFlags, base: Path | None, *, plan: str | None = None, as_json: bool
) -> ExitCode:
    """Run, print the summary (or JSON) on stdout, and return the exit code. `plan`: a plan file, or its name.
    Raises BenchError."""
    wanted = plan_from(scenario, flags, plan)
    generator = None
    # Workers elsewhere have machines of their own, of which this one tells nothing.
    if wanted.loaders.bind is None:
        with interruptible(interrupt):
            generator = calibration.of_this_machine(say)
    if generator is not None:
        say(f"generator: {sentences.generator(generator)}")
        calibration.require_room(wanted, generator, wanted.loaders.number)
    record = measure(wanted, base=base, generator=generator)
    print_record(record, as_json=as_json)
    return exit_code(record)


def exit_code(record: RunRecord) -> ExitCode:
    """What a finished or interrupted run says to the script that asked for it."""
    manifest = record.manifest
    codes = []
    if manifest.status == "interrupted":
        codes.append(ExitCode.INTERRUPTED)
    verdicts = {verdict.verdict for verdict in manifest.objectives}
    if "fail" in verdicts or _answered_wrong(manifest):
        codes.append(ExitCode.OBJECTIVE)
    if "inconclusive" in verdicts or (manifest.soundness and manifest.soundness.level == "unsound"):
        codes.append(ExitCode.INCONCLUSIVE)
    return decisive(codes)


def _answered_wrong(manifest: Manifest) -> bool:
    """Did KATO answer otherwise under load than to one user? How much of that is accepted is nobody's choice
    but that of an objective on it."""
    wrong = manifest.verification.wrong if manifest.verification is not None else 0
    return wrong > 0 and not objectives.bounds_wrong(manifest.plan.objectives)


def keep_up(
    flags: RunFlags, port: int | None, data_dir: Path | None, *, keep: bool, as_json: bool
) -> ExitCode:
    """Start a deployment, print where it is, and keep it up until a signal comes or a part dies.

    Its folder disappears with it unless it is `data_dir`, or `keep` says that it stays."""
    plan = target_plan(flags)
    ended = threading.Event()
    with Supervisor() as supervisor, interruptible(ended.set):
        folder = data_dir or Path(tempfile.mkdtemp(prefix="kato-bench-"))
        deployment = EmbeddedDeployment(
            supervisor,
            folder,
            plan.profile,
            plan.knobs,
            port,
            api=api_of(plan, supervisor, say),
            stores=plan.stores,
            faults=plan.faults,
            keep=keep or data_dir is not None,
        )
        try:
            for warning in deployment.warnings:
                say(warning)
            began = time.monotonic()
            facts = deployment.start()
            seconds = time.monotonic() - began
            memory = memory_bytes(part.pid for part in facts.parts if part.pid is not None)
            if as_json:
                print(
                    json.dumps(
                        {**facts.to_json(), "start_seconds": round(seconds, 3), "memory_bytes": memory}
                    ),
                    flush=True,
                )
            else:
                for part in facts.parts:
                    print(f"{part.name:<11}{part.address or '-':<28}{part.engine or ''} {part.version or ''}")
                print(f"Up in {seconds:.1f} s, in {words.size(memory)} of memory and below {folder}.")
                stays = keep or data_dir is not None
                print(
                    f"Ctrl-C ends it{'; the folder stays' if stays else ' and removes the folder'}.",
                    flush=True,
                )
            while not ended.wait(1.0):
                deployment.check()
        finally:
            deployment.close()
    return ExitCode.OK


def print_record(record: RunRecord, *, as_json: bool) -> None:
    summary = summarise(record)
    if as_json:
        from bench.report.machine import as_json as machine_readable

        print(json.dumps(machine_readable(summary), default=str))
    else:
        from bench.report.terminal import print_summary

        print_summary(summary, sys.stdout)
