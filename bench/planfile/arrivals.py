"""The arrivals of a phase as a plan file writes them: one table, named by its kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from pydantic import ValidationError

from bench import limits
from bench.courses import Course, Ramp, Sine, Spacing, Spike, Step, Trace
from bench.errors import UsageError
from bench.loadgen import traces
from bench.plan import Arrivals
from bench.planfile.table import Table, shown

#: Kind → its keys, and how it looks.
KINDS: Mapping[str, tuple[tuple[str, ...], str]] = {
    "poisson": (("rate",), "poisson = { rate = 40 }"),
    "constant": (("rate",), "constant = { rate = 40 }"),
    "ramp": (("from", "to", "spacing"), "ramp = { from = 10, to = 80 }"),
    "step": (
        ("rates", "lengths", "from", "to", "steps", "spacing"),
        "step = { rates = [20, 40, 80] } or step = { from = 20, to = 80, steps = 4 }",
    ),
    "spike": (
        ("base", "peak", "at", "for", "spacing"),
        'spike = { base = 20, peak = 200, at = "20s", for = "5s" }',
    ),
    "sine": (
        ("mean", "amplitude", "period", "spacing"),
        'sine = { mean = 40, amplitude = 20, period = "60s" }',
    ),
    "trace": (("file", "column", "speed"), 'trace = { file = "times.txt" }'),
    "closed": (("users", "think"), 'closed = { users = 8, think = "500ms" }'),
}


def read(kind: str, table: Table, folder: Path) -> Arrivals:
    """`folder`: what the path of a trace counts from. Raises UsageError with the line of what is wrong."""
    keys, _ = KINDS[kind]
    table.require_known(keys)
    try:
        if kind == "closed":
            return _closed(table)
        if kind in ("poisson", "constant"):
            rate = _rate(kind, table, "rate", limits.LEAST_RATE)
            return Arrivals.model_validate({"kind": kind, "rate": rate})
        return Arrivals.along(_COURSES[kind](table, folder))
    except ValidationError as error:
        raise table.wrong(f"{told(error)}.") from error


def told(error: ValidationError) -> str:
    """The sentence of a model's own check, without pydantic's words around it."""
    return error.errors()[0]["msg"].removeprefix("Value error, ").rstrip(".")


def _closed(table: Table) -> Arrivals:
    users = table.whole("users")
    if users is None:
        raise _missing("closed", table, "users")
    if not 1 <= users <= limits.MOST_USERS:
        raise table.wrong(f"users = {users}: give 1 to {limits.MOST_USERS}.", "users")
    return Arrivals(kind="closed", users=users, think=_time(table, "think") or 0.0)


def _ramp(table: Table, folder: Path) -> Ramp:
    start, end = (_rate("ramp", table, key) for key in ("from", "to"))
    return Ramp(start=start, end=end, spacing=_spacing(table))


def _step(table: Table, folder: Path) -> Step:
    """Rates one by one, or so many from the first to the last at even distances."""
    rates = table.numbers("rates")
    if rates is not None:
        for key in ("from", "to", "steps"):
            if key in table.values:
                raise table.wrong(f"{key} makes rates of its own; leave it out, or the rates.", key)
        if not rates:
            raise table.wrong("rates = []: give one or more, such as rates = [20, 40].", "rates")
        for number, rate in enumerate(rates):
            if not 0 <= rate <= limits.MOST_RATE:
                raise table.wrong(_rate_range(f"rates[{number}]", rate, 0), "rates", number)
        lengths = table.many_seconds("lengths")
        for number, length in enumerate(lengths or ()):
            if not limits.SHORTEST <= length <= limits.LONGEST:
                said = _time_range(f"lengths[{number}]", length, limits.SHORTEST)
                raise table.wrong(said, "lengths", number)
        return Step(rates=rates, lengths=lengths, spacing=_spacing(table))
    if "lengths" in table.values:
        raise table.wrong("lengths go with rates, one for each; give both.", "lengths")
    start, end = (_rate("step", table, key) for key in ("from", "to"))
    steps = table.whole("steps")
    if steps is None:
        raise _missing("step", table, "steps")
    if not 2 <= steps <= limits.MOST_STEPS:
        raise table.wrong(f"steps = {steps}: give 2 to {limits.MOST_STEPS}.", "steps")
    rise = (end - start) / (steps - 1)
    evenly = [start + rise * number for number in range(steps - 1)]
    return Step(rates=(*evenly, end), spacing=_spacing(table))


def _spike(table: Table, folder: Path) -> Spike:
    base, peak = (_rate("spike", table, key) for key in ("base", "peak"))
    at, length = (_time(table, key) for key in ("at", "for"))
    if at is None or length is None:
        raise _missing("spike", table, "at" if at is None else "for")
    if length == 0:
        raise table.wrong('for = 0: a spike takes time; give for = "5s".', "for")
    return Spike(base=base, peak=peak, at=at, length=length, spacing=_spacing(table))


def _sine(table: Table, folder: Path) -> Sine:
    mean = _rate("sine", table, "mean", limits.LEAST_RATE)
    amplitude = _rate("sine", table, "amplitude")
    period = _time(table, "period", limits.SHORTEST)
    if period is None:
        raise _missing("sine", table, "period")
    return Sine(mean=mean, amplitude=amplitude, period=period, spacing=_spacing(table))


def _trace(table: Table, folder: Path) -> Trace:
    file = table.text("file")
    if file is None:
        raise _missing("trace", table, "file")
    speed = table.number("speed")
    if speed is not None and not 0 < speed <= limits.MOST_SPEED:
        raise table.wrong(f"speed = {speed:g}: give a factor up to {limits.MOST_SPEED:,.0f}.", "speed")
    path, column = (folder / file).absolute(), table.text("column")
    try:
        recorded = traces.read(path, column)
    except UsageError as error:
        raise table.wrong(str(error), "file") from error
    return Trace(
        file=str(path),
        column=column,
        speed=1.0 if speed is None else speed,
        sha256=recorded.sha256,
        count=len(recorded.times),
        lasts=recorded.times[-1],
    )


_COURSES: Mapping[str, Callable[[Table, Path], Course]] = {
    "ramp": _ramp,
    "step": _step,
    "spike": _spike,
    "sine": _sine,
    "trace": _trace,
}


def _rate(kind: str, table: Table, key: str, least: float = 0.0) -> float:
    rate = table.number(key)
    if rate is None:
        raise _missing(kind, table, key)
    if not least <= rate <= limits.MOST_RATE:
        raise table.wrong(_rate_range(key, rate, least), key)
    return rate


def _rate_range(key: str, rate: float, least: float) -> str:
    return f"{key} = {rate:g}: give requests a second from {least:g} to {limits.MOST_RATE:,.0f}."


def _time(table: Table, key: str, least: float = 0.0) -> float | None:
    seconds = table.seconds(key)
    if seconds is not None and not least <= seconds <= limits.LONGEST:
        raise table.wrong(_time_range(key, seconds, least), key)
    return seconds


def _time_range(key: str, seconds: float, least: float) -> str:
    return f"{key} = {seconds:g} s: give seconds from {least:g} to {limits.LONGEST:,.0f}."


def _spacing(table: Table) -> Spacing:
    spacing = table.text("spacing")
    if spacing is None or spacing == "poisson":
        return "poisson"
    if spacing == "constant":
        return "constant"
    raise table.wrong(
        f'spacing = {shown(spacing)}: there are "poisson", by chance, and "constant", evenly.', "spacing"
    )


def _missing(kind: str, table: Table, key: str) -> UsageError:
    return table.wrong(f"{kind} needs {key}, as in {KINDS[kind][1]}.")
