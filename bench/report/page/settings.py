"""The settings in force, who set each, and the machine they were measured on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench import words
from bench.knobs.catalogue import SETTABLE, find, in_words
from bench.knobs.knob import KnobError
from bench.report import sentences
from bench.report.advice import quantity
from bench.report.targets import commit_words

if TYPE_CHECKING:
    from bench.knobs.knob import Knob
    from bench.record.manifest import Manifest, Scalar


#: Who set a knob of a deployment that runs already, as its facts say it, in words.
_DECLARED = {
    "environment": "KATO's environment",
    "command line": "its command line",
    "file": "the deployment's files",
    "manifest": "the deployment's files",
    "runtime": "changed while it runs",
    "default": "KATO's default",
}


@dataclass(frozen=True)
class Setting:
    """`shown` and `default`: values as people write them; `default` is what KATO ships, None where it leaves
    the knob to its system. `set_by`: in words. `chosen`: the user set it. `reported`: the system itself said
    the value. `acts`: False where nothing uses it, and `why` says so."""

    knob: str
    system: str
    shown: str
    default: str | None
    set_by: str
    chosen: bool
    reported: bool
    acts: bool = True
    why: str | None = None

    @property
    def telling(self) -> bool:
        """Chosen by the user, or other than KATO ships it, or without effect though it was chosen."""
        return self.chosen or (self.default is not None and self.default != self.shown)


def settings_of(manifest: Manifest) -> list[Setting]:
    """Every knob of which the run knows the value, system by system."""
    target, plan = manifest.target, manifest.plan
    known: dict[str, Scalar] = {**(target.knobs if target else {}), **manifest.live_knobs}
    known |= {f"session.{name}": _scalar(config) for name, config in plan.session.items()}
    rows = [_setting(name, held, manifest) for name, held in known.items() if held is not None]
    systems = list(dict.fromkeys(row.system for row in rows))
    return sorted(rows, key=lambda row: (systems.index(row.system), row.knob))


def machine_of(manifest: Manifest) -> list[tuple[str, str]]:
    """The fingerprint in words: what two runs must share to be compared, then what may explain a
    difference."""
    must, noted = manifest.fingerprint.must_match, manifest.fingerprint.noted
    load = ", ".join(f"{one:.2f}" for one in noted.load_average)
    rows = [
        ("CPU", f"{must.cpu_model}, {must.cores} cores to run on"),
        ("memory", quantity(must.memory_bytes, "bytes")),
        ("KATO", must.target or "unknown"),
        *_checkout(manifest),
        *((name, engine or "unknown") for name, engine in must.engines.items()),
        ("kernel", noted.kernel),
        ("Python", noted.python),
        ("kato-bench", manifest.kato_bench),
        ("load average before", f"{load} (1, 5, 15 min)" if load else "unknown"),
        ("libraries", ", ".join(f"{name} {version}" for name, version in noted.libraries.items())),
    ]
    if manifest.generator is not None:
        rows.append(("load generator", sentences.generator(manifest.generator)))
    if manifest.corpus is not None:
        corpus = manifest.corpus
        tokens = f"{words.count(corpus.tokens)} tokens, {words.count(corpus.vocabulary)} different"
        rows.append(("corpus", f"{corpus.name}: {tokens}, SHA-256 {corpus.sha256[:12]}…"))
    return rows


def _checkout(manifest: Manifest) -> list[tuple[str, str]]:
    source = manifest.target.source if manifest.target is not None else None
    if source is None:
        return []
    libraries = ", ".join(f"{name} {version}" for name, version in source.libraries.items())
    python = f"{source.python}, Python {source.python_version}, with {libraries}"
    return [("checkout", f"{source.folder}, {commit_words(source)}"), ("its Python", python)]


def _setting(name: str, held: Scalar, manifest: Manifest) -> Setting:
    try:
        knob = find(name)
    except KnobError:
        # Of a version with other knobs.
        system = name.partition(".")[0]
        return Setting(name, system, str(held), None, "unknown", False, name in manifest.live_knobs)
    chosen = name in manifest.plan.target.knobs or knob.system == "session"
    return Setting(
        knob=name,
        system=knob.system,
        shown=in_words(name, held),
        default=None if knob.shipped is None else in_words(name, knob.shipped),
        set_by=_set_by(knob, held, manifest, chosen),
        chosen=chosen,
        reported=name in manifest.live_knobs,
        acts=knob.acts,
        why=knob.why,
    )


def _set_by(knob: Knob, held: Scalar, manifest: Manifest, chosen: bool) -> str:
    target = manifest.plan.target
    if chosen:
        return "--session" if knob.system == "session" else "--set"
    if not target.is_started or knob.system in target.stores:
        declared = manifest.target.set_by.get(knob.name) if manifest.target is not None else None
        return _DECLARED.get(declared or "", "the deployment")
    decided = knob.default(target.profile, manifest.fingerprint.must_match.cores)
    if knob.home not in SETTABLE or decided is None:
        return f"default of {knob.system}"
    if in_words(knob.name, decided) != in_words(knob.name, held):
        return "changed since the start"
    return "profile healthy" if target.profile == "healthy" and knob.healthy is not None else "KATO's default"


def _scalar(config: object) -> Scalar:
    return config if isinstance(config, str | int | float | bool | None) else str(config)
