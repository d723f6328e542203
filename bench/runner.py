"""One run from start to finish: the target, the processes that measure it, and the record of it all."""

from __future__ import annotations

import contextlib
import math
import shutil
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench import __version__
from bench.collectors.discovery import discover_all
from bench.errors import BenchError, PartFailedError, UnreachableError, UsageError
from bench.losses import lost_processes, missing
from bench.plan import LoadersPlan, Plan
from bench.processes import MASTER, RunProcesses
from bench.record import folder as folders
from bench.record import manifest as manifests
from bench.record import redis_full
from bench.record.fingerprint import collect_fingerprint
from bench.record.manifest import Corpus, LoadEnds, Manifest, Phase
from bench.record.reader import RunRecord
from bench.record.verified import verification_of
from bench.record.vocabulary import KNOBS, PHASES
from bench.record.writer import this_process
from bench.record.writing import NO_ROOM, write_failure
from bench.supervision.supervisor import Supervisor, tail
from bench.targets.base import Target, TargetFacts

Watch = Callable[[dict[str, Any]], None]


@dataclass(frozen=True)
class Judgement:
    """What is concluded from a finished record and kept in its manifest."""

    soundness: manifests.Soundness
    objectives: list[manifests.ObjectiveVerdict]
    settling: manifests.Settling | None = None


class Runner:
    """Runs one plan against one target. `stop` may be called from a signal handler at any time: the schedule
    ends, open requests and the clean-up get a short while, and what was measured is kept as `interrupted`."""

    def __init__(
        self,
        plan: Plan,
        scenario_path: Path,
        corpus: Corpus,
        supervisor: Supervisor,
        make_target: Callable[[Path], Target],
        judge: Callable[[RunRecord], Judgement],
        *,
        base: Path | None = None,
        generator: manifests.Generator | None = None,
        watch: Watch = lambda line: None,
        say: Callable[[str], None] = lambda sentence: None,
    ) -> None:
        """`make_target` gets the run's folder; `generator` is what a load process can do on this machine, if
        that is known; `watch` gets the recorder's progress lines, `say` one sentence for each step that takes
        time."""
        self._plan = plan
        self._scenario_path = scenario_path
        self._corpus = corpus
        self._supervisor = supervisor
        self._make_target = make_target
        self._judge = judge
        self._base = base
        self._generator = generator
        self._watch = watch
        self._say = say
        self._stop_wanted = False

    def stop(self) -> None:
        self._stop_wanted = True

    def run(self) -> RunRecord:
        """Raises BenchError if the run cannot be made; one that began is then marked `interrupted`."""
        self._folder = folders.create(self._plan.scenario, self._base)
        self._origin = time.monotonic()
        self._manifest = self._new_manifest()
        began = False
        target = self._make_target(self._folder)
        try:
            manifests.write(self._folder, self._manifest)
            plan = self._plan.target
            self._say("starting the target" if plan.is_started else f"looking at {plan.where}")
            facts = self._describe(target.start())
            manifests.write(self._folder, self._manifest)
            began = True
            if self._stop_wanted:
                raise KeyboardInterrupt
            self._measure(target, facts)
        except BaseException as error:
            if began:
                self._interrupt(_reason(error))
            else:
                shutil.rmtree(self._folder, ignore_errors=True)
            if isinstance(error, OSError) and error.errno in NO_ROOM:
                raise UsageError(
                    f"{write_failure(self._folder, error)}. Make room, or name another place with --out."
                ) from error
            raise
        finally:
            target.close()
        return RunRecord(self._folder)

    def _new_manifest(self) -> Manifest:
        return Manifest(
            run=self._folder.name,
            created=datetime.now(UTC),
            origin_monotonic=self._origin,
            writer=this_process(),
            kato_bench=__version__,
            plan=self._plan,
            tags=self._plan.tags,
            fingerprint=collect_fingerprint(self._plan, None, self._corpus),
            corpus=self._corpus,
            generator=self._generator,
        )

    def _describe(self, facts: TargetFacts) -> TargetFacts:
        """Ask every part what it is and how it is set, before the load changes anything."""
        facts, live = discover_all(facts)
        self._manifest.target = facts
        self._manifest.tags = {**_tags(facts), **self._manifest.tags}
        self._manifest.live_knobs = dict(live)
        connections = self._plan.connections or facts.connections
        if self._plan.connections is None:
            self._plan = self._plan.model_copy(update={"connections": connections})
            self._manifest.plan = self._plan
        if connections < self._plan.loaders.number:
            raise UsageError(
                f"{self._plan.loaders.number} load processes need a connection each, and the target takes "
                f"{connections}: give fewer processes, or more with --connections N."
            )
        self._manifest.fingerprint = collect_fingerprint(self._plan, facts, self._corpus)
        return facts

    def _measure(self, target: Target, facts: TargetFacts) -> None:
        plan = self._plan
        with RunProcesses(self._supervisor, self._folder, self._origin, plan.loaders, self._say) as processes:
            processes.start_load(self._load_spec(facts), plan.phases)
            processes.start_collectors(facts, plan.collectors.interval)
            final = self._follow(processes, target)
        self._finish(final)

    def _load_spec(self, facts: TargetFacts) -> dict[str, Any]:
        return {
            "plan": self._plan.model_dump(mode="json"),
            "base_url": facts.base_url,
            "stores": {
                part.name: part.address for part in facts.parts if part.address and part.name != "kato"
            },
            "origin": self._origin,
            "run": folders.run_letters(self._folder.name),
            "kato_version": facts.kato_version,
            "corpus": self._corpus.sha256,
            "scenario_path": str(self._scenario_path),
            "clean_up": self._plan.target.keeps_data and not self._plan.keep_data,
        }

    def _follow(self, processes: RunProcesses, target: Target) -> dict[str, Any]:
        """Pass progress on until the recorder has said its last line, which is returned."""
        collectors_stopped = False
        for line in processes.progress():
            if line is not None:
                if "error" in line:
                    raise UsageError(
                        f"{line['error'].rstrip('.')}. Make room, or name another place with --out."
                    )
                if line.get("final"):
                    return line
                self._watch(line)
            target.check()
            if self._stop_wanted:
                processes.stop_load()
            if not collectors_stopped and processes.load_has_ended():
                processes.stop_collectors()
                collectors_stopped = True
        raise PartFailedError(f"The recorder died. Its log: {tail(processes.recorder.log, 5)}")

    def _finish(self, final: dict[str, Any]) -> None:
        """Write down how the run ended. Raises BenchError where it measured nothing that can be used."""
        manifest = self._manifest
        record = RunRecord(self._folder)
        events = record.events()
        manifest.phases = _phases(events)
        for event in events:
            if event["kind"] == KNOBS:
                manifest.live_knobs |= event["values"]
        manifest.verification = verification_of(events)
        manifest.totals = record.count(None, None)
        manifest.files = manifests.hash_files(self._folder)
        ends = [end for end in final["ends"] if "in_flight_seconds" in end]
        gone = missing(self._plan, ends)
        failure = (
            None
            if not ends and self._stop_wanted
            else _load_failure(final["ends"], [] if self._stop_wanted else gone, record, self._plan)
        )
        manifest.load = LoadEnds(
            ends=final["ends"],
            missing_end=final["missing_end"],
            lost=lost_processes(self._plan, record, gone, manifest.phase("measure")) if ends else [],
        )
        if failure is None and (not ends or any(end["stopped_early"] for end in ends)):
            manifest.status, manifest.reason = "interrupted", "it was stopped before its end"
        elif failure is not None:
            manifest.status, manifest.reason = "interrupted", str(failure)
        else:
            manifest.status = "finished"
        manifests.write(self._folder, manifest)
        if failure is not None:
            raise failure
        if left := sum(end.get("not_cleaned", 0) for end in ends):
            self._say(
                f"{left} requests to clean up failed: sessions of this run, or what its nodes "
                f"{folders.node_prefix(self._folder.name)}… learned, are still at the target"
            )
        if not ends:
            return
        judgement = self._judge(RunRecord(self._folder))
        manifest.soundness = judgement.soundness
        manifest.objectives = judgement.objectives
        manifest.settling = judgement.settling
        manifests.write(self._folder, manifest)

    def _interrupt(self, reason: str) -> None:
        """Mark the run; what cannot be written is said by the writer that is gone."""
        if self._manifest.status == "running":
            self._manifest.status, self._manifest.reason = "interrupted", reason
            with contextlib.suppress(BenchError):
                manifests.write(self._folder, self._manifest)


def _reason(error: BaseException) -> str:
    if isinstance(error, KeyboardInterrupt):
        return "a signal ended it"
    return str(error) if isinstance(error, BenchError) else type(error).__name__


def _tags(facts: TargetFacts) -> dict[str, str]:
    """What a run is tagged with where nobody says otherwise: the commit that was measured."""
    source = facts.source
    if source is None or source.commit is None:
        return {}
    return {"commit": source.commit, **({"dirty": "true"} if source.dirty else {})}


def _phases(events: Iterable[dict[str, Any]]) -> list[Phase]:
    """The phases in order; each lasts from its first load process' beginning to its last one's end."""
    spans: dict[str, tuple[float, float]] = {}
    for event in events:
        if event["kind"] == "phase":
            start, end = spans.get(event["name"], (math.inf, -math.inf))
            spans[event["name"]] = min(start, event["start"]), max(end, event["end"])
    found = [(name, *spans[name]) for name in PHASES if name in spans]
    return [Phase.model_validate({"name": name, "start": start, "end": end}) for name, start, end in found]


def _load_failure(
    ends: Iterable[dict[str, Any]], gone: list[int], record: RunRecord, plan: Plan
) -> BenchError | None:
    """Why the load did not do what the plan says, None if it did, or if some of its processes did."""
    began = False
    for end in ends:
        if end.get("refused"):
            return UsageError(end["refused"])
        if end.get("no_workers"):
            return UnreachableError(end["no_workers"])
        if end.get("failure"):
            failed = f"The target does not take what the scenario needs: {end['failure']}"
            cause = redis_full.why_nothing_was_learned(record)
            return UnreachableError(f"{failed}: {cause}." if cause else f"{failed}.")
        if end.get("scenario_error"):
            return BenchError(f"The scenario {plan.scenario} failed: {end['scenario_error']}.")
        began |= "drained" in end
    if not gone or began:
        return None
    name = f"load-{gone[0]}" if plan.loaders.bind is None else MASTER
    which = "The load process" if plan.loaders == LoadersPlan() else f"The process {name}"
    return PartFailedError(f"{which} died. Its log: {tail(record.folder / 'logs' / f'{name}.log', 5)}")
