"""Users with passwords and settings of their own, in a store that has a users file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

USERS = """
<clickhouse>
    <profiles>
        <default><max_memory_usage>10000000000</max_memory_usage></default>
        <small><max_memory_usage>1000000</max_memory_usage><max_block_size>777</max_block_size></small>
    </profiles>
    <users>
        <default><password>open sesame</password><profile>default</profile></default>
        <kato><password>s:cr&amp;t</password><profile>small</profile>
              <default_database>kato</default_database></kato>
    </users>
</clickhouse>
"""
HUNGRY = "SELECT length(groupArray(number)) FROM numbers(5000000)"
BLOCK = "SELECT toUInt64(getSetting('max_block_size'))"


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory, new_store: Any) -> Iterator[Any]:
    """A store with the users above; every query is logged."""
    folder = tmp_path_factory.mktemp("guarded")
    (folder / "users.xml").write_text(USERS)
    options = ("--users", str(folder / "users.xml"), "--set", "log_queries_min_query_duration_ms=0")
    store = new_store(folder / "data", *options).wait_ready()
    yield store
    store.stop()


def connect(store: Any, user: str = "kato", password: str = "s:cr&t", **options: Any) -> Any:
    return store.client(username=user, password=password, **options)


def test_clients_with_the_password_are_let_in(guarded: Any) -> None:
    with connect(guarded) as client:
        assert client.query("SELECT 1, currentDatabase()").first_row == (1, "kato")
    with connect(guarded, "default", "open sesame") as client:
        assert client.command("SELECT currentDatabase()") == "default"


@pytest.mark.parametrize(
    ("user", "password", "code"),
    [("kato", "wrong", 516), ("nobody", "s:cr&t", 516), ("default", "", 194), ("kato", "", 194)],
)
def test_others_are_not(guarded: Any, user: str, password: str, code: int) -> None:
    from clickhouse_connect.driver.exceptions import DatabaseError

    with pytest.raises(DatabaseError, match=str(code)):
        connect(guarded, user, password)


@pytest.mark.parametrize(
    "given",
    [
        {"headers": {"X-ClickHouse-User": "kato", "X-ClickHouse-Key": "s:cr&t"}},
        {"auth": ("kato", "s:cr&t")},
        {"params": {"user": "kato", "password": "s:cr&t"}},
    ],
)
def test_each_way_to_say_who_one_is(guarded: Any, given: dict[str, Any]) -> None:
    assert httpx.post(guarded.url, content="SELECT currentDatabase()", **given).text == "kato\n"
    refused = httpx.post(guarded.url, content="SELECT 1")
    assert (refused.status_code, refused.headers["x-clickhouse-exception-code"]) == (401, "194")
    assert "kato" not in refused.text
    assert httpx.get(f"{guarded.url}/ping").text == "Ok.\n"


def test_memory_limit_and_settings_are_those_of_the_profile(guarded: Any) -> None:
    from clickhouse_connect.driver.exceptions import DatabaseError

    with connect(guarded) as client:
        assert client.command(BLOCK) == 777
        with pytest.raises(DatabaseError, match=r"\b241\b"):
            client.query(HUNGRY)
        assert client.command(BLOCK, settings={"max_block_size": 5}) == 5
        assert client.command(BLOCK) == 777
    with connect(guarded, "default", "open sesame") as client:
        assert client.command(BLOCK) != 777
        assert client.query(HUNGRY).first_row == (5_000_000,)


def test_sessions_belong_to_their_user(guarded: Any) -> None:
    session = str(uuid4())
    with connect(guarded, session_id=session) as one:
        one.command("CREATE TEMPORARY TABLE kept (a Int8)")
        with connect(guarded, "default", "open sesame", session_id=session) as other:
            assert other.command("EXISTS TEMPORARY TABLE kept") == 0
        assert one.command("EXISTS TEMPORARY TABLE kept") == 1


def test_query_log_names_the_user(guarded: Any) -> None:
    with connect(guarded) as client:
        name = client.query("SELECT 1").query_id
        client.command("SYSTEM FLUSH LOGS")
        text = "SELECT DISTINCT user, current_database FROM system.query_log WHERE query_id = {id:String}"
        assert client.query(text, parameters={"id": name}).result_rows == [("kato", "kato")]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--set", "no_such_setting=1"], "Unknown setting"),
        (["--set", "max_threads"], "--set max_threads is not NAME=VALUE"),
        (["--set", "max_threads=many"], "settings of the user default cannot be applied"),
        (["--users", "/no/such/file"], "/no/such/file"),
        (["--index-granularity", "0"], "--index-granularity 0 is not between"),
        (["--skip-indexes", "idx_nothing"], "--skip-indexes idx_nothing is none of"),
    ],
)
def test_wrong_options(start_store: Any, arguments: list[str], told: str) -> None:
    refused = start_store(None, *arguments)
    assert refused.process.wait(timeout=20) == 2
    assert told in refused.log
    assert refused.log.count("\n") == 1


def test_the_table_is_made_as_the_options_say(start_store: Any, tmp_path: Path) -> None:
    options = ("--index-granularity", "256", "--skip-indexes", "idx_length", "--set", "max_threads=1")
    store = start_store(tmp_path / "tuned", *options).wait_ready()
    made = store.post("SHOW CREATE TABLE kato.patterns_data FORMAT TSVRaw").text
    assert "index_granularity = 256" in made
    assert ("idx_length" in made, "idx_token_bloom" in made) == (True, False)
    assert store.post("SELECT getSetting('max_threads'), getSetting('max_memory_usage')").text == (
        "1\t10000000000\n"
    )
