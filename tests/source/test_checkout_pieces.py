"""The pure pieces: what a checkout is, which commit it is at, how its init.sql falls into statements."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest
from checkouts import CHECKOUT, git

from bench.errors import UsageError
from bench.knobs.catalogue import find, parse
from bench.knobs.checkout import refusal
from bench.targets.checkout import interpreter
from bench.targets.checkout.git import revision
from bench.targets.checkout.layout import Checkout, checkout_at
from bench.targets.checkout.tables import statements


class TestLayout:
    def test_a_checkout(self, checkout: Path) -> None:
        found = checkout_at(os.path.relpath(checkout))
        assert found.folder == checkout
        assert found.init_sql.read_text().count("CREATE TABLE") == 3
        assert found.requirements == checkout / "requirements.lock"
        assert found.interpreter is None

    def test_its_working_folder_holds_no_hidden_files(self, checkout: Path) -> None:
        assert (checkout / ".env").exists()
        assert sorted(checkout_at(checkout).served()) == [
            *("Dockerfile", "config", "docker-compose.yml", "kato", "requirements.lock"),
        ]

    @pytest.mark.parametrize(
        ("missing", "named"),
        [
            (["kato/services/kato_fastapi.py"], ["no kato/services/kato_fastapi.py (the application"]),
            (["config/clickhouse/init.sql"], ["no config/clickhouse/init.sql (the tables"]),
            (
                ["kato", "config"],
                ["no kato/services/kato_fastapi.py (the application", "and no config/clickhouse/init.sql"],
            ),
        ],
    )
    def test_all_that_is_missing_is_named(self, checkout: Path, missing: list[str], named: list[str]) -> None:
        for name in missing:
            path = checkout / name
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        with pytest.raises(UsageError) as caught:
            checkout_at(checkout)
        assert str(caught.value).startswith(f"{checkout} is no KATO checkout: it has ")
        assert all(word in str(caught.value) for word in named)

    @pytest.mark.parametrize("name", ["nowhere", "Dockerfile", "x" * 5000, "a\0b"])
    def test_what_is_no_folder(self, checkout: Path, name: str) -> None:
        with pytest.raises(UsageError, match=r"is no folder|cannot be read"):
            checkout_at(f"{checkout}/{name}")

    def test_requirements(self, checkout: Path) -> None:
        (checkout / "requirements.txt").touch()
        assert checkout_at(checkout).requirements == checkout / "requirements.lock"
        (checkout / "requirements.lock").unlink()
        assert checkout_at(checkout).requirements == checkout / "requirements.txt"
        (checkout / "requirements.txt").unlink()
        assert checkout_at(checkout).requirements is None


class TestRevision:
    def test_dirty_is_what_differs_from_the_commit(self, checkout: Path) -> None:
        at = revision(checkout)
        assert at is not None
        assert (at.commit, at.dirty) == (git(checkout, "rev-parse", "HEAD"), False)
        (checkout / "results").mkdir()
        (checkout / "results" / "run.json").touch()
        assert revision(checkout) == at
        (checkout / "kato" / "__init__.py").write_text("")
        changed = revision(checkout)
        assert changed is not None
        assert (changed.commit, changed.dirty) == (at.commit, True)

    def test_another_repository_of_the_users_environment_is_not_asked(
        self, checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
        assert revision(checkout) is not None

    def test_no_repository_and_no_commit(self, tmp_path: Path) -> None:
        assert revision(tmp_path) is None
        git(tmp_path, "init", "--quiet")
        assert revision(tmp_path) is None

    def test_no_git(self, checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PATH", "/nowhere")
        assert revision(checkout) is None


class TestInterpreter:
    def test_that_of_an_environment_in_the_checkout(self, checkout: Path) -> None:
        python = checkout / ".venv" / "bin" / "python"
        python.parent.mkdir(parents=True)
        python.symlink_to(sys.executable)
        assert interpreter.chosen(Checkout(checkout), None).path == python

    def test_kato_benchs_own_where_there_is_none(self, checkout: Path) -> None:
        found = interpreter.chosen(Checkout(checkout), None)
        assert found.path == Path(sys.executable)
        assert found.version == ".".join(map(str, sys.version_info[:3]))
        assert {"redis", "qdrant-client", "clickhouse-connect"} <= found.libraries.keys()

    def test_a_command(self, checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:/usr/bin:/bin")
        found = interpreter.chosen(Checkout(checkout), Path(sys.executable).name)
        assert found.path == Path(sys.executable)

    @pytest.mark.parametrize(
        ("wanted", "words"),
        [
            ("/nowhere/python", "--kato-python /nowhere/python: there is no such program"),
            ("no-such-python", "--kato-python no-such-python: there is no such program"),
            ("/bin/true", "/bin/true is no Python that works"),
            ("/etc/passwd", "/etc/passwd is no Python that works"),
        ],
    )
    def test_what_is_none(self, checkout: Path, wanted: str, words: str) -> None:
        with pytest.raises(UsageError, match=words):
            interpreter.chosen(Checkout(checkout), wanted)


class TestStatements:
    def test_of_the_checkout(self) -> None:
        text = (CHECKOUT / "config" / "clickhouse" / "init.sql").read_bytes()
        found = list(statements(text))
        assert [(line, text.split()[0]) for line, text in found] == [
            (2, b"CREATE"), (4, b"USE"), (7, b"CREATE"), (31, b"CREATE"), (41, b"CREATE"),
        ]  # fmt: skip
        assert found[-1][1].endswith(b"COMMENT 'filled by nobody; kept as it is'")

    @pytest.mark.parametrize(
        ("text", "found"),
        [
            (b"", []),
            (b" ;; -- nothing;\n", []),
            (b"SELECT 1", [(1, b"SELECT 1")]),
            (b"-- a;b\nSELECT ';' -- c;\n;\n/* ; */ SELECT `;`;", [(2, b"SELECT ';'"), (4, b"SELECT `;`")]),
        ],
    )
    def test_semicolons_that_end_nothing(self, text: bytes, found: list[tuple[int, bytes]]) -> None:
        assert list(statements(text)) == found


class TestKnobs:
    @pytest.mark.parametrize(
        ("name", "why"),
        [
            ("kato.KATO_BENCH_STREAM_MAXLEN", "only kato-bench's reference API has it"),
            ("kato.REDIS_URL", "leave it out"),
            ("env.REDIS_URL", "leave it out"),
            ("kato.CONNECTION_POOL_SIZE", "nothing uses it"),
            ("session.max_predictions", "--session max_predictions=VALUE"),
            ("container.redis.memory", "limit that of redis"),
            ("kato.RECALL_THRESHOLD", None),
            ("kato.ENVIRONMENT", None),
            ("uvicorn.workers", None),
            ("redis.maxmemory", None),
            ("qdrant.hnsw.m", None),
            ("clickhouse.max_threads", None),
            ("env.KATO_NEW", None),
        ],
    )
    def test_what_a_checkout_can_be_given(self, name: str, why: str | None) -> None:
        found = refusal(find(name))
        if why is None:
            assert found is None
        else:
            assert found is not None
            assert "cannot be set on a KATO checkout: " in found
            assert why in found

    def test_a_variable_has_one_name(self) -> None:
        assert parse(["env.RECALL_THRESHOLD=0.5"]) == {"kato.RECALL_THRESHOLD": "0.5"}
        assert parse(["env.KATO_WORKERS=2"]) == {"uvicorn.workers": "2"}
        # What a released KATO does not use, a branch may.
        assert parse(["env.CONNECTION_POOL_SIZE=9"]) == {"env.CONNECTION_POOL_SIZE": "9"}
