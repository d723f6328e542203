"""The process: how it starts, refuses to start, ends, and what survives it."""

from __future__ import annotations

import signal
import socket
import threading
import time
from pathlib import Path
from typing import Any

import httpx
import pytest


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--threads", "0"], "--threads 0 is not between"),
        (["--threads", "many"], "--threads"),
        (["--port", "70000"], "--port 70000 is not between"),
        (["--unknown"], "--unknown"),
    ],
)
def test_wrong_arguments(start_store: Any, tmp_path: Path, arguments: list[str], told: str) -> None:
    refused = start_store(None, *arguments)
    assert refused.process.wait(timeout=20) == 2
    assert told in refused.log
    assert refused.log.count("\n") == 1


def test_data_that_is_no_folder(start_store: Any, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    refused = start_store(file)
    assert refused.process.wait(timeout=20) == 2
    assert str(file) in refused.log


def test_port_in_use(start_store: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        refused = start_store(None, "--port", port)
        assert refused.process.wait(timeout=20) == 1
    assert refused.log.startswith(f"The pattern store cannot listen on 127.0.0.1:{port} (")
    assert refused.log.count("\n") == 1


def test_folder_in_use(start_store: Any, store: Any) -> None:
    link = store.data.with_name("link")
    link.symlink_to(store.data)
    refused = start_store(link)
    assert refused.process.wait(timeout=20) == 1
    assert refused.log.count("\n") == 1
    assert "another process has it open" in refused.log
    assert store.post("SELECT 1").text == "1\n"


def test_engine_that_is_not_installed(start_store: Any, tmp_path: Path) -> None:
    (tmp_path / "chdb").mkdir()
    (tmp_path / "chdb" / "__init__.py").write_text("")  # what pip installs where there is no wheel
    refused = start_store(None, env={"PYTHONPATH": str(tmp_path)})
    assert refused.process.wait(timeout=20) == 1
    assert "kato-bench[embedded]" in refused.log
    assert refused.log.count("\n") == 1


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGKILL])
def test_rows_survive_a_restart(start_store: Any, tmp_path: Path, ending: signal.Signals) -> None:
    first = start_store(tmp_path / "kept").wait_ready()
    first.post("INSERT INTO kato.patterns_data (kb_id, name) FORMAT CSV\nk,one\nk,two\n")
    assert first.stop(ending) == (0 if ending == signal.SIGTERM else -signal.SIGKILL)
    second = start_store(tmp_path / "kept").wait_ready()
    assert second.post("SELECT name FROM kato.patterns_data ORDER BY name").text == "one\ntwo\n"


def test_term_ends_it_at_once_and_answers_what_runs(start_store: Any) -> None:
    running = start_store().wait_ready()
    answers: list[httpx.Response] = []
    endless = "SELECT count() FROM numbers(1000000000000) WHERE NOT ignore(sipHash64(number))"
    asking = threading.Thread(target=lambda: answers.append(running.post(endless)))
    asking.start()
    others = "SELECT query FROM system.processes WHERE query NOT LIKE '%processes%'"
    while endless not in running.post(others).text:
        assert asking.is_alive()
    began = time.monotonic()
    assert running.stop() == 0
    assert time.monotonic() - began < 5
    asking.join()
    assert answers[0].headers["x-clickhouse-exception-code"] == "394"
    assert running.log == ""


def test_begun_without_tables(start_store: Any) -> None:
    store = start_store(None, "--no-tables").wait_ready()
    assert store.post("EXISTS TABLE kato.patterns_data").text == "0\n"
    assert store.post("CREATE DATABASE kato").status_code == 200
