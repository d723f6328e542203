"""`kato-bench mix`: from an access log to a plan."""

from __future__ import annotations

import gzip
import json
import os
import random
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.accesslog import Line, parse, read
from bench.cli import main
from bench.mixing import weights_of

ID = "session-b0d30031d1cb478ab029bdc27b9d4552-1795443979916"
OBSERVE = f'127.0.0.1:54321 - "POST /sessions/{ID}/observe HTTP/1.1" 200'
AT = 1_795_443_979.0
#: The same moment, as logs write it.
ISO = "2026-11-23T14:26:19"


@pytest.mark.parametrize(
    ("text", "when"),
    [
        (f"INFO:     {OBSERVE} OK", None),
        (f"\x1b[32mINFO\x1b[0m:     {OBSERVE.replace('200', chr(27) + '[32m200')} OK\x1b[0m", None),
        (f"2026-11-23 14:26:19,250 - uvicorn.access - INFO - {OBSERVE}", AT + 0.25),
        (f"{ISO}Z INFO:     {OBSERVE} OK", AT),
        (f"{ISO}.250000000Z stdout F INFO:     {OBSERVE} OK", AT + 0.25),
        (f"2026-11-23T15:26:19.25+0100 kato-1  | INFO:     {OBSERVE} OK", AT + 0.25),
        (f"kato-1  | INFO:     {OBSERVE} OK", None),
        (f'10.0.0.7 - - [23/Nov/2026:14:26:19 +0000] "POST /sessions/{ID}/observe HTTP/1.1" 200 211', AT),
        (
            f'10.0.0.7 - - [23/Nov/2026:15:26:19 +0100] "POST /k/sessions/{ID}/observe HTTP/2.0" 200 9 "-"',
            AT,
        ),
        (
            json.dumps({"log": f"INFO:     {OBSERVE} OK\n", "stream": "stdout", "time": f"{ISO}.25Z"}),
            AT + 0.25,
        ),
        (json.dumps({"message": OBSERVE, "ts": AT}), AT),
    ],
)
def test_one_request_in_many_formats(text: str, when: float | None) -> None:
    line = parse(text)
    assert line is not None
    assert (line.operation, line.session, line.status) == ("observe", ID, 200)
    assert line.when == (pytest.approx(when) if when is not None else None)


@pytest.mark.parametrize(
    ("request_line", "operation"),
    [
        ("POST /sessions", "create"),
        ("POST /sessions/ HTTP/1.1", "create"),
        ("DELETE /sessions/s1", "delete"),
        ("GET /sessions/s1", "lookup"),
        ("GET /sessions/s1/exists", "lookup"),
        ("GET /sessions/count", "lookup"),
        ("POST /sessions/s1/observe-sequence", "sequence"),
        ("POST /sessions/s1/learn", "learn"),
        ("GET /sessions/s1/predictions", "predict"),
        ("GET /sessions/s1/stm", "stm"),
        ("POST /sessions/s1/clear-stm", "clear"),
        ("POST /sessions/s1/config", "config"),
        ("GET /sessions/s1/config", "config"),
        ("POST /sessions/s1/extend?ttl_seconds=3600", "extend"),
        ("POST /sessions/s1/finalize-training", "finalize"),
        ("GET /health", "lookup"),
        ("POST /sessions/s1/clear-all", None),
        ("GET /sessions/test/abc", None),
        ("PUT /sessions/s1/config", None),
        ("GET /cache/stats", None),
        ("GET /docs", None),
        ("GET /", None),
        ("WebSocket /ws/events", None),
    ],
)
def test_operations_are_told_by_method_and_path(request_line: str, operation: str | None) -> None:
    answer = "[accepted]" if request_line.startswith("WebSocket") else "200 OK"
    line = parse(f'INFO:     127.0.0.1:54321 - "{request_line}" {answer}')
    assert line is not None
    assert line.operation == operation


@pytest.mark.parametrize(
    "text", ["INFO:     Started server process [12]", "", '{"a": 1', '"GET" 200', '{"log": 5}', "[[[[["]
)
def test_other_lines_are_no_requests(text: str) -> None:
    assert parse(text) is None


def a_log(seconds: int = 600, rate: float = 5.0) -> list[str]:
    """Sessions of 20 s that come and go: created, used, deleted."""
    rng = random.Random(1)
    lines = []
    at = 0.0
    while at < seconds:
        session = f"s{rng.random()}"
        requests = [("POST", "")]
        requests += [("POST", "/observe"), ("GET", "/predictions")] * 4 + [("POST", "/learn")]
        for place, (method, path) in enumerate(requests):
            when = at + 20 * place / len(requests)
            name = f"/sessions/{session}{path}" if place else "/sessions"
            stamp = f"2026-11-23 14:{int(when) // 60:02d}:{int(when) % 60:02d},{int(when % 1 * 1000):03d}"
            lines.append((when, f'{stamp} INFO 127.0.0.1:1 - "{method} {name} HTTP/1.1" 200 OK'))
        at += rng.expovariate(rate / len(requests))
    return [text for _, text in sorted(lines)]


def test_a_log_becomes_a_plan(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log, plan = tmp_path / "access.log", tmp_path / "plan.toml"
    lines = ["INFO:     Started server process [12]", *a_log(), 'INFO: 1 - "GET /docs HTTP/1.1" 200 OK']
    log.write_text("\n".join(lines))
    with pytest.raises(SystemExit) as ended:
        main(["mix", str(log), "-o", str(plan)])
    assert ended.value.code == 0
    said = capsys.readouterr().out
    written = tomllib.loads(plan.read_text())
    assert written["scenario"] == "mixed"
    weights = {name: weight for name, weight in written["data"].items() if name != "sessions"}
    assert weights["observe"] == weights["predict"] == 4 * weights["create"] == 4 * weights["learn"]
    (phase,) = written["phase"]
    assert phase["phase"] == "measure"
    assert phase["poisson"]["rate"] == pytest.approx(5, rel=0.2)
    # Half a session begins each second and is in use for 16 s after its creation was answered.
    assert written["data"]["sessions"] == pytest.approx(8, abs=2)
    for words in ("access.log: ", "observe", "40.00 %", "GET /docs (1)", "Started server process", str(plan)):
        assert words in said


def test_the_plan_is_read_back(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log, file = tmp_path / "access.log", tmp_path / "plan.toml"
    log.write_text("\n".join(a_log()))
    with pytest.raises(SystemExit):
        main(["mix", str(log), "-o", str(file)])
    weights = tomllib.loads(file.read_text())["data"]
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        main(["plan", str(file), "--json"])
    shown = capsys.readouterr()
    assert ended.value.code == 0, shown.err
    plan = json.loads(shown.out)["plan"]
    assert plan["scenario"] == "mixed"
    assert {name: plan["data"][name] for name in weights} == weights
    assert plan["arrivals"]["kind"] == "poisson"
    assert plan["phases"]["measure"] == 60


def test_without_times_the_rate_is_the_default(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = tmp_path / "access.log.gz"
    with gzip.open(log, "wt") as file:
        file.write(f"INFO:     {OBSERVE} OK\n" * 3)
    with pytest.raises(SystemExit):
        main(["mix", str(log)])
    captured = capsys.readouterr()
    assert tomllib.loads(captured.out)["phase"][0]["poisson"]["rate"] == 40
    assert "no times" in captured.err
    assert "Nothing empties the short-term memories" in captured.err


def test_it_speaks_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = tmp_path / "access.log"
    log.write_text("\n".join(a_log()))
    with pytest.raises(SystemExit):
        main(["mix", str(log), "--json"])
    told = json.loads(capsys.readouterr().out)
    assert told["operations"]["observe"] == told["weights"]["observe"]
    assert tomllib.loads(told["plan"])["scenario"] == "mixed"


def test_what_cannot_be_sent_is_left_out() -> None:
    lines = [f"INFO:     {OBSERVE} OK"] + [f'"POST /sessions/{ID}/learn HTTP/1.1" 200'] * 3
    lines += [f'"DELETE /sessions/{ID} HTTP/1.1" 200']
    weights, remarks = weights_of(read(lines))
    assert weights == {"learn": 1, "observe": 1}
    assert len(remarks) == 2


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "cannot be read"),
        ("", "is empty"),
        ("hello\nworld\n", "None of the 2 lines"),
        ('INFO: 1 - "GET /docs HTTP/1.1" 200 OK\n', "none to KATO's sessions"),
        (
            f'1 - "POST /sessions/{ID}/learn HTTP/1.1" 200\n',
            "No request of access.log can be sent. There are",
        ),
    ],
)
def test_a_log_of_no_use_is_refused(
    content: str | None, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "access.log"
    if content is not None:
        log.write_text(content)
    with pytest.raises(SystemExit) as ended:
        main(["mix", str(log)])
    assert ended.value.code == 2
    captured = capsys.readouterr()
    assert words in captured.err
    assert captured.out == ""


@pytest.mark.parametrize("spoil", [lambda whole: whole[:-9], lambda whole: whole[:20] + b"\xff" * 40])
def test_a_spoilt_archive_is_refused(
    spoil: Callable[[bytes], bytes], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "access.log.gz"
    log.write_bytes(spoil(gzip.compress("\n".join(a_log()).encode())))
    with pytest.raises(SystemExit) as ended:
        main(["mix", str(log)])
    assert ended.value.code == 2
    assert f"{log} cannot be read" in capsys.readouterr().err


def test_stdin_need_not_be_utf8() -> None:
    log = f"INFO:     {OBSERVE} OK\n".encode() + b"\xe9\xff\n"
    done = subprocess.run(
        [sys.executable, "-m", "bench.cli", "mix", "-", "--json"],
        input=log,
        capture_output=True,
        timeout=60,
        env=os.environ | {"PYTHONIOENCODING": "utf-8:strict"},
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["requests"], told["not_understood"]) == (1, 1)


@pytest.mark.parametrize(
    "time", ["1e400", "NaN", "1" + 400 * "0", "1795443979250", "true", "null", "[]", '"noon"']
)
def test_what_is_no_time_of_day_counts_for_none(time: str) -> None:
    found = read([f'{{"message": {json.dumps(OBSERVE)}, "ts": {time}}}'] * 2)
    assert (found.requests, found.timed) == (2, 0)


def test_only_what_is_part_of_the_mix_counts_as_failed() -> None:
    found = read([f'"{request} HTTP/1.1" 404' for request in ("GET /sessions/s1/stm", "GET /robots.txt")])
    assert (found.requests, found.failed, found.left_out.total()) == (1, 1, 1)


def test_a_session_without_an_end_is_counted_once() -> None:
    found = read([f"{ISO}Z {OBSERVE}", f"2026-11-23T14:26:29Z {OBSERVE}"])
    assert (found.seconds, found.rate, found.open_sessions) == (10, 0.1, 1)
    assert parse(f"{ISO}Z {OBSERVE}") == Line("POST", "/sessions/<id>/observe", "observe", ID, 200, AT)
