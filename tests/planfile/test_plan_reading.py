"""What a plan file may say, and how it is told what it may not."""

from __future__ import annotations

from pathlib import Path

import pytest
from plan_texts import FULL, MEASURE, phase, plan_of

from bench.courses import Ramp, Sine, Spike, Step, Trace
from bench.errors import UsageError
from bench.flags import RunFlags, make_plan
from bench.loadgen.catalogue import find
from bench.plan import Arrivals
from bench.planfile.reading import parse


def test_a_whole_plan() -> None:
    plan = plan_of(FULL)
    assert (plan.scenario, plan.seed, plan.timeout, plan.connections) == ("chat", 7, 2.0, 12)
    assert (plan.corpus, plan.keep_data, plan.verify) == ("/plans/mine.txt", True, True)
    assert plan.objectives == ["p95(predict) < 50ms", "errors < 0.1%"]
    assert plan.target.profile == "shipped"
    assert plan.target.knobs == {
        "redis.maxmemory": "67108864",
        "qdrant.hnsw.m": "32",
        "uvicorn.workers": "2",
    }
    assert plan.target.faults.keys() == {"cpu", "stall"}
    assert (plan.data["patterns"], plan.data["nodes"]) == (50, 4)
    assert plan.session == {"recall_threshold": 0.5, "filter_pipeline": ["jaccard"]}
    assert plan.tags == {"ticket": "OPS-12"}
    assert plan.collectors.interval == 5
    assert (plan.phases.warmup, plan.phases.measure, plan.phases.drain) == (10, 120, 5)
    assert [(part.phase, part.name, part.seconds) for part in plan.phases.parts] == [
        ("warmup", None, 10),
        ("measure", "climb", 60),
        ("measure", None, 60),
    ]
    assert plan.arrivals == Arrivals.along(Ramp(start=5, end=50))
    assert plan.phases.parts[2].arrivals.course == Spike(
        base=5, peak=50, at=20, length=2.5, spacing="constant"
    )
    assert plan.rate == pytest.approx((27.5 * 60 + 5 * 60 + 45 * 2.5) / 120)


def test_one_load_throughout_is_a_plain_plan() -> None:
    text = f"{MEASURE.replace('measure', 'warmup')}{MEASURE}"
    assert plan_of(text) == make_plan(find("chat"), RunFlags(warmup=30, duration=30, rate=40, environment={}))


@pytest.mark.parametrize(
    ("table", "arrivals"),
    [
        ("poisson = { rate = 0.5 }", Arrivals(rate=0.5)),
        ("constant = { rate = 3 }", Arrivals(kind="constant", rate=3)),
        ('closed = { users = 3, think = "250ms" }', Arrivals(kind="closed", users=3, think=0.25)),
        ("closed = { users = 3 }", Arrivals(kind="closed", users=3)),
        ("ramp = { from = 0, to = 5 }", Arrivals.along(Ramp(start=0, end=5))),
        ("step = { rates = [1, 2.5] }", Arrivals.along(Step(rates=(1, 2.5)))),
        (
            'step = { rates = [1, 2], lengths = ["10s", 20] }',
            Arrivals.along(Step(rates=(1, 2), lengths=(10, 20))),
        ),
        ("step = { from = 20, to = 80, steps = 4 }", Arrivals.along(Step(rates=(20, 40, 60, 80)))),
        (
            'sine = { mean = 4, amplitude = 4, period = "1m" }',
            Arrivals.along(Sine(mean=4, amplitude=4, period=60)),
        ),
    ],
)
def test_every_kind_of_arrivals(table: str, arrivals: Arrivals) -> None:
    assert plan_of(MEASURE.replace("poisson = { rate = 40 }", table)).arrivals == arrivals


def test_a_trace_is_read_beside_the_file(tmp_path: Path) -> None:
    (tmp_path / "times.csv").write_text("t\n1\n4\n")
    text = MEASURE.replace(
        "poisson = { rate = 40 }", 'trace = { file = "times.csv", column = "t", speed = 1.5 }'
    )
    course = parse(text, "plan.toml", tmp_path).parts[0].arrivals.course
    assert isinstance(course, Trace)
    assert (course.file, course.count, course.lasts, course.speed) == (str(tmp_path / "times.csv"), 2, 3, 1.5)


WRONG = [
    # The text, the line that is named, and words of the sentence.
    ("", None, "nothing is measured; add a [[phase]]"),
    (phase(phase='"warmup"'), 1, "nothing is measured"),
    ("sed = 1\n" + MEASURE, 1, "there is no 'sed'. Did you mean seed? There are: scenario, seed"),
    (MEASURE + "x = 4\n", 5, "there is no 'x' in a [[phase]]. There are: phase, name, duration"),
    (MEASURE.replace("rate", "rat"), 4, "there is no 'rat' in poisson. Did you mean rate?"),
    (MEASURE + "[target]\nprofil = 'healthy'\n", 6, "'profil' in [target]. Did you mean profile?"),
    ("seed = \n", 1, "this is not TOML: invalid value"),
    ("seed = 1\nseed = 2\n", 2, "this is not TOML: cannot overwrite a value"),
    ("seed = 1\nscenario = chat\n", 2, "this is not TOML"),
    ('scenario = "chat', 1, "this is not TOML"),
    ("seed = 'x'\n" + MEASURE, 1, 'seed = "x": give a whole number, such as seed = 4'),
    ("seed = true\n" + MEASURE, 1, "seed = true: give a whole number"),
    ("seed = -1\n" + MEASURE, 1, "seed = -1: give 0 or more"),
    ("scenario = 4\n" + MEASURE, 1, "scenario = 4: give text in quotes"),
    ("keep_data = 1\n" + MEASURE, 1, "keep_data = 1: give true or false"),
    ("objectives = 'errors < 1%'\n" + MEASURE, 1, "objectives = "),
    ("timeout = 'soon'\n" + MEASURE, 1, 'timeout = "soon": give a time'),
    ("timeout = '2h'\n" + MEASURE, 1, "timeout = 7200 s: give seconds from 0.001 to 3,600"),
    ("connections = 0\n" + MEASURE, 1, "connections = 0: give 1 or more"),
    ("target = 'embedded'\n" + MEASURE, 1, "target = "),
    ("phase = 1\n", 1, "give [[phase]] before each"),
    (phase(phase=""), 1, 'does not say which it is: give phase = "warmup" or'),
    (phase(phase='"cooldown"'), 2, 'phase = "cooldown": give'),
    (phase(duration=""), 1, 'this phase has no length; give duration = "30s"'),
    (phase(duration="0"), 3, "this phase has no length"),
    (phase(duration='"0s"'), 3, "this phase has no length"),
    (phase(duration='"forever"'), 3, 'duration = "forever": give a time'),
    (phase(duration="-3"), 3, "duration = -3 s: give seconds from 0.1 to 604,800"),
    (phase(duration="inf"), 3, "duration = inf s"),
    (phase(duration="nan"), 3, "duration = nan s"),
    (phase(name="''"), 4, "give a name of one line"),
    (phase(""), 1, "this phase has no arrivals; give poisson = { rate = 40 }"),
    (
        phase("poisson = { rate = 4 }\nramp = { from = 1, to = 2 }"),
        5,
        "this phase has two arrivals, poisson and ramp: keep one, or begin a second [[phase]]",
    ),
    (phase("poisson = 40"), 4, "poisson = 40: give a table"),
    (phase("poisson = {}"), 4, "poisson needs rate, as in poisson = { rate = 40 }"),
    (phase("poisson = { rate = 0 }"), 4, "rate = 0: give requests a second from 0.001 to 100,000"),
    (phase("poisson = { rate = inf }"), 4, "rate = inf: give requests"),
    (phase("poisson = { rate = 1e9 }"), 4, "rate = 1e+09: give requests"),
    (phase("closed = { think = 1 }"), 4, "closed needs users"),
    (phase("closed = { users = 1, think = -1 }"), 4, "think = -1 s: give seconds from 0 to 604,800"),
    (phase("closed = { users = 1, think = nan }"), 4, "think = nan s: give seconds"),
    (phase("closed = { users = 0 }"), 4, "users = 0: give 1 to 20000"),
    (phase("ramp = { from = 0, to = 0 }"), 4, "a ramp from 0 to 0 sends nothing"),
    (phase("ramp = { from = -1, to = 0 }"), 4, "from = -1: give requests"),
    (phase("step = { rates = [] }"), 4, "rates"),
    (phase("step = { rates = [1, -1] }"), 4, "rates[1] = -1"),
    (phase("step = { rates = ['x'] }"), 4, "give a list, such as rates = [20, 40]"),
    (phase("step = { rates = [1, 2], from = 1 }"), 4, "leave it out, or the rates"),
    (phase("step = { rates = [1, 2], lengths = [1] }"), 4, "2 rates need as many lengths, not 1"),
    (phase("step = { rates = [1, 2], lengths = [10, 10] }"), 4, "the steps last 20 s together, but"),
    (phase("step = { rates = [1, 2], lengths = [31, -1] }"), 4, "lengths[1] = -1 s: give seconds from 0.1"),
    (phase("step = { from = 1, to = 2, steps = 1 }"), 4, "steps = 1: give 2 to 1000"),
    (phase("spike = { base = 5, peak = 5, at = 1, for = 1 }"), 4, "the peak (5/s) must be above the base"),
    (phase("spike = { base = 1, peak = 5, at = 29, for = 2 }"), 4, "the spike ends after 31 s, but"),
    (
        phase("spike = { base = 1, peak = 5, at = -1, for = 2 }"),
        4,
        "at = -1 s: give seconds from 0 to 604,800",
    ),
    (phase("spike = { base = 1, peak = 5, at = 1, for = nan }"), 4, "for = nan s: give seconds from 0"),
    (phase("spike = { base = 1, peak = 5, at = 29 }"), 4, "spike needs for, as in spike ="),
    (phase("sine = { mean = 1, amplitude = 1, period = 0 }"), 4, "period = 0 s: give seconds from 0.1"),
    (phase("sine = { mean = 1, amplitude = 1, period = inf }"), 4, "period = inf s: give seconds"),
    (phase("sine = { mean = 1, amplitude = 2, period = 9 }"), 4, "goes below zero: give up to 1"),
    (phase("ramp = { from = 1, to = 2, spacing = 'even' }"), 4, 'spacing = "even": there are "poisson"'),
    (phase("trace = { file = 'nowhere.txt' }"), 4, "/plans/nowhere.txt does not exist"),
    (MEASURE + phase(phase='"warmup"'), 6, "a warm-up comes before all that is measured; move it up"),
    (MEASURE + phase("closed = { users = 2 }"), 8, "users and rates cannot follow each other in one run"),
    (MEASURE + "[collectors]\ninterval = '90s'\n", 6, "interval = 90 s: give seconds from 1 to 60"),
    (MEASURE + "[target]\nurl = 'http://h'\nworkers = 2\n", 7, "workers shapes the embedded target"),
    (MEASURE + "[target]\nservice = 'kato'\n", 6, 'service goes with compose = ["docker-compose.yml"]'),
    (MEASURE + "[target]\ncompose = []\n", 6, "compose names no file"),
    (MEASURE + "[target]\ncompose = 'x.yml'\n", 6, "give texts in brackets"),
    (MEASURE + "[target]\ncompose = ['x.yml']\n", 6, "There is no Compose file /plans/x.yml"),
    (MEASURE + "[target]\ncompose = ['x.yml']\nurl = 'http://h'\n", 7, "are two targets; keep one"),
    (MEASURE + "[target]\nvenv = true\n", 6, "venv is of a KATO checkout: name that with source"),
    (MEASURE + "[target]\nsource = 'nowhere'\n", 6, "is no folder"),
    (MEASURE + "[target]\nurl = 'http://h'\n[target.stores]\nmongo = 'x'\n", 8, "there is no 'mongo'"),
    (MEASURE + "[target]\nknobs.qdrant.hnsw.mm = 4\n", 6, "no knob is called 'qdrant.hnsw.mm'; the nearest"),
    (MEASURE + '[target.knobs]\n"redis.maxmemory" = "lots"\n', 6, "64mb"),
    (MEASURE + "[target]\nworkers = 2\nknobs.uvicorn.workers = 3\n", 5, "two different values"),
    (MEASURE + "[target]\nprofile = 'fast'\n", 6, "fast: there are healthy and shipped"),
    (MEASURE + "[target.faults]\nstal = true\n", 6, "there is no fault 'stal'"),
    (MEASURE + "[data]\npattern = 4\n", 6, "this scenario has no such option. Did you mean patterns?"),
    (MEASURE + "[data]\nnodes = 91\n", 6, "nodes must be from 1 to 90"),
    (MEASURE + "[data]\nnodes = '4'\n", 6, 'nodes = "4": give a whole number, such as nodes = 4'),
    (MEASURE + "[data]\nnodes = 4.0\n", 6, "nodes = 4.0: give a whole number"),
    (MEASURE + "[data]\nnodes = [4]\n", 6, "nodes = [4]: give a number, true, false, or text"),
    (MEASURE + "[session]\nx = 2026-01-31\n", 6, "KATO takes what JSON has"),
    (MEASURE + "[session]\nx = [inf]\n", 6, "KATO takes what JSON has"),
    (MEASURE + "[session]\nprocess_predictions = 1\n", 6, "process_predictions = 1: say true or false"),
    (MEASURE + "[tags]\nx = 1\n", 6, "x = 1: give text in quotes"),
    (MEASURE + "[loaders]\nprocesses = 2.5\n", 6, "processes = 2.5: give a whole number"),
    (MEASURE + "[loaders]\nprocesses = 0\n", 5, "processes 0: give 1 to"),
    (MEASURE + "[loaders]\nprocesses = 2\nexpect_workers = 2\n", 5, "exclude each other"),
    (MEASURE + "[loaders]\nmaster_bind = 'h'\n", 5, "goes with --expect-workers N"),
    ("objectives = [\n'errors < 1%',\n'p95(predictt) < 5ms']\n" + MEASURE, 3, 'no operation "predictt"'),
    ("objectives = ['p95(learn) < 5ms']\n" + MEASURE, 1, "never sends learn, it sends create, observe"),
    ("objectives = ['p95(predict) < 5']\n" + MEASURE, 1, "a time needs us, ms or s"),
    ("objectives = ['recall@10 >= 0.9']\n" + MEASURE, 1, "probes no recall"),
]


@pytest.mark.parametrize(("text", "line", "words"), WRONG, ids=[words for _, _, words in WRONG])
def test_what_is_wrong_is_told_with_line_and_fix(text: str, line: int | None, words: str) -> None:
    with pytest.raises(UsageError) as refused:
        plan_of(text)
    said = str(refused.value)
    assert words in said
    assert said.startswith(f"plan.toml, line {line}: " if line is not None else "plan.toml: "), said
    assert "\n" not in said


def test_the_deadlock_is_kept_away_from_files_too() -> None:
    with pytest.raises(UsageError, match="sessions=4"):
        plan_of(MEASURE + "[session]\nprocess_predictions = true\n")
    few = plan_of(MEASURE + "[session]\nprocess_predictions = true\n[data]\nsessions = 4\n")
    assert few.session == {"process_predictions": True}
