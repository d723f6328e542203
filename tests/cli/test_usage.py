"""Wrong input: one sentence on stderr, the right exit code, nothing left behind."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bench.cli import main

from .conftest import COMMAND, environment, run


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--duration", "0"], "--duration 0"),
        (["--rate", "0"], "--rate 0"),
        (["--rate", "-3"], "--rate -3"),
        (["--rate", "nan"], "--rate nan"),
        (["--rate", "1e300"], "give requests a second from 0.001 to 100,000"),
        (["--rate", "1e-300"], "--rate 1e-300"),
        (["--duration", "1e-9"], "give seconds from 0.1 to 604,800"),
        (["--duration", "1e300"], "--duration 1e+300"),
        (["--warmup", "inf"], "--warmup inf"),
        (["--timeout", "1e300"], "--timeout 1e+300: give seconds from 0.001 to 3,600"),
        (["--users", "2", "--think", "1e300"], "--think 1e+300"),
        (["--users", "99999999999999999999999"], "give 1 to 20000"),
        (["--rate", "many"], "--rate"),
        (["--seed", "-1"], "--seed -1: give 0 or more"),
        (["--warmup", "-1"], "--warmup -1"),
        (["--users", "0"], "--users 0"),
        (["--users", "2", "--rate", "2"], "exclude each other"),
        (["--think", "1"], "--users"),
        (["--scenario", "chta"], "Did you mean chat?"),
        (["--nope"], "--nope"),
        (["--set", "qdrant.hnsw.mm=4"], "qdrant.hnsw.m"),
        (["--set", "redis.maxmemory=lots"], "64mb"),
        (["--set", "uvicorn.workers"], "KNOB=VALUE"),
        (["--set", "uvicorn.workers=2", "--workers", "3"], "two different values"),
        (["--workers", "0"], "uvicorn.workers"),
        (["--profile", "fast"], "healthy and shipped"),
        (["--fault", "cpuu=15%"], "'cpuu'"),
        (["--fault", "cpu=15"], "cpu=15%"),
        (["--target", "http://127.0.0.1:1", "--fault", "cpu=15%"], "embedded target"),
        (["--data", "patern=4"], "Did you mean patterns?"),
        (["--data", "nodes=91"], "from 1 to 90"),
        (["--data", "nodes=two"], "whole number"),
        (["--data", "nodes"], "KEY=VALUE"),
        (["--session", "process_predictions=true"], "sessions=4"),
        (["--session", "recall_threshold=NaN"], "recall_threshold=NaN: give a number that is finite"),
        (["--session", "recall_threshold=1e999"], "recall_threshold=1e999: give a number that is finite"),
        (["--session", "x=" + "[" * 100_000], "--session x: the value is nested too deeply"),
        (["--tag", "a=\udcff"], "--tag 'a=\\udcff': this is not valid UTF-8"),
        (["--objective", "p95(predictt)<50ms"], "predictt"),
        (["--objective", "p95(learn)<50ms"], "never sends learn"),
        (["--objective", "recall@10>=0.9"], "probes no recall; the scenario vectors does"),
        (["--corpus", "nowhere.txt"], "nowhere.txt"),
        (["--corpus", "empty.txt"], "empty.txt"),
        (["--target", "http://127.0.0.1:1", "--workers", "2"], "embedded target"),
        (["--target", "ftp://x"], "ftp://x"),
    ],
)
def test_wrong_flags(arguments: list[str], words: str, tmp_path: Path) -> None:
    (tmp_path / "empty.txt").write_text("")
    done = run("run", *arguments, cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert words in done.stderr
    assert len(done.stderr.splitlines()[-1]) > 20
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    assert list(tmp_path.glob("results/runs/*")) == []


@pytest.mark.parametrize("command", ["search", "growth"])
def test_no_capacity_is_measured_at_rate_0(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as refused:
        main(["capacity", command, "--objective", "p95(predict)<50ms", "--rate", "0"])
    assert refused.value.code == 2
    assert "--rate 0: give requests a second from 0.001" in capsys.readouterr().err


def test_an_unreachable_target_is_named_in_time(tmp_path: Path) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
        began = time.monotonic()
        done = run("run", "--target", url, cwd=tmp_path)
    assert done.returncode == 6
    assert url in done.stderr
    assert time.monotonic() - began < 5
    assert list(tmp_path.glob("results/runs/*")) == []


def test_a_port_that_is_taken(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = run("up", "--port", port, cwd=tmp_path)
    assert done.returncode == 2
    assert port in done.stderr


def test_a_corpus_too_small_for_the_patterns(tmp_path: Path) -> None:
    (tmp_path / "small.txt").write_text("a b c d e f g h i j k l")
    done = run(
        "run", "--corpus", "small.txt", "--data", "patterns=2000000", "--data", "symbols=1", cwd=tmp_path
    )
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("run_name", ["latest", "xyzw"])
def test_no_such_run(run_name: str, tmp_path: Path) -> None:
    done = run("show", run_name, cwd=tmp_path)
    assert done.returncode == 2
    assert "There is no run" in done.stderr


def test_help_is_cheap() -> None:
    """Less than 0.3 CPU-seconds is promised; the bound here leaves room for a busy machine."""
    code = (
        "import resource, subprocess, sys\n"
        "command = [sys.executable, '-m', 'bench.cli', '--help']\n"
        "subprocess.run(command, stdout=subprocess.DEVNULL, check=True)\n"
        "used = resource.getrusage(resource.RUSAGE_CHILDREN)\n"
        "print(used.ru_utime + used.ru_stime)\n"
    )
    spent = [float(subprocess.check_output([sys.executable, "-c", code])) for _ in range(3)]
    assert min(spent) < 0.6
    loaded = subprocess.check_output(
        [sys.executable, "-c", "import bench.cli, sys; print(*sys.modules)"], text=True
    ).split()
    assert not {"numpy", "pandas", "pyarrow", "pydantic", "locust", "scipy", "redis", "httpx"} & set(loaded)


_EXAMPLE = next((Path(__file__).parents[2] / "results" / "examples").iterdir())


@pytest.mark.parametrize(
    ("shell", "code", "words"),
    [
        ("{command} show {run} | head -1 >/dev/null; exit ${{PIPESTATUS[0]}}", 0, ""),
        ("{command} advise {run} --json | true; exit ${{PIPESTATUS[0]}}", 0, ""),
        ("{command} show {run} > /dev/full", 2, "stdout cannot be written"),
    ],
)
def test_a_broken_stdout_is_no_traceback(shell: str, code: int, words: str, tmp_path: Path) -> None:
    run_folder = tmp_path / _EXAMPLE.name
    shutil.copytree(_EXAMPLE, run_folder)
    line = shell.format(command=shlex.join(COMMAND), run=shlex.quote(str(run_folder)))
    done = subprocess.run(["bash", "-c", line], stderr=subprocess.PIPE, text=True, env=environment())
    assert done.returncode == code, done.stderr
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_knobs_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["knobs", "kato.KATO_U"])
    assert ended.value.code == 0
    shown = capsys.readouterr().out
    assert "kato.KATO_USE_INDEXING\n    true or false; KATO ships true; acts after a restart" in shown
    assert "change nothing" in shown
    assert "kato.KATO_USE_BLOOM_FILTER: KATO reads it but nothing uses it" in shown
    with pytest.raises(SystemExit):
        main(["knobs", "SORT"])
    assert re.search(r"instead +kato\.SORT_SYMBOLS", capsys.readouterr().out)
    with pytest.raises(SystemExit):
        main(["knobs", "redis.maxmemory-policy", "--json"])
    (knob,) = json.loads(capsys.readouterr().out)["knobs"]
    assert knob["dangers"][0]["values"] == ["allkeys-lru", "allkeys-lfu", "allkeys-random"]
    assert (knob["shipped"], knob["own_default"], knob["takes"]) == ("allkeys-lru", "noeviction", "live")
    with pytest.raises(SystemExit) as refused:
        main(["knobs", "nothing.like"])
    assert refused.value.code == 2
    assert "'nothing.like'" in capsys.readouterr().err


def test_steps_of_other_commands_are_listed_on_demand(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(_EXAMPLE, tmp_path / _EXAMPLE.name)
    inner = tmp_path / (_EXAMPLE.name[:-4] + "zzzz")
    shutil.copytree(_EXAMPLE, inner)
    manifest = json.loads((inner / "run.json").read_text())
    manifest["run"] = inner.name
    manifest["plan"]["tags"] = manifest["tags"] = {"side": "baseline", "pair": "1"}
    (inner / "run.json").write_text(json.dumps(manifest))
    for arguments, seen in ((["list"], False), (["list", "--all"], True)):
        with pytest.raises(SystemExit):
            main([*arguments, "--out", str(tmp_path)])
        shown = capsys.readouterr().out
        assert _EXAMPLE.name in shown
        assert (inner.name in shown) == seen
        assert ("1 more is a step" in shown) != seen
