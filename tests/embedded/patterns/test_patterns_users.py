"""Users: what a users.xml says, and which of them a request comes from."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.errors import UsageError
from bench.targets.embedded.patterns.authentication import authenticate
from bench.targets.embedded.patterns.errors import QueryError
from bench.targets.embedded.patterns.users import KATO_PROFILE, User, built_in, read

PROFILES = "<profiles><default><max_memory_usage>5000</max_memory_usage></default></profiles>"
OPEN = "<default><password/></default>"


def users_file(folder: Path, users: str = OPEN, profiles: str = PROFILES, rest: str = "") -> Path:
    file = folder / "users.xml"
    file.write_text(f"<clickhouse>{profiles}<users>{users}</users>{rest}</clickhouse>")
    return file


def basic(text: str) -> dict[str, str]:
    return {"authorization": "Basic " + base64.b64encode(text.encode()).decode()}


def test_without_a_file_there_is_default_under_kato_s_profile() -> None:
    users = built_in({"max_threads": "2", "max_memory_usage": "7"})
    assert list(users) == ["default"]
    assert users["default"].settings == {**KATO_PROFILE, "max_threads": "2", "max_memory_usage": "7"}
    assert users["default"].accepts("")


def test_users_have_passwords_profiles_and_databases(tmp_path: Path) -> None:
    digest = hashlib.sha256(b"two").hexdigest()
    twice = hashlib.sha1(hashlib.sha1(b"three").digest()).hexdigest().upper()
    file = users_file(
        tmp_path,
        OPEN + "<one><password>first</password><networks><ip>::/0</ip></networks><quota>default</quota>"
        "<profile>small</profile><default_database>kato</default_database></one>"
        f"<two><password_sha256_hex>{digest}</password_sha256_hex></two>"
        f"<three><password_double_sha1_hex>{twice}</password_double_sha1_hex></three>"
        "<four><no_password/><access_management>1</access_management></four>",
        "<profiles><default><max_threads> 3 </max_threads></default>"
        "<small><profile>default</profile><max_memory_usage>9</max_memory_usage></small></profiles>",
        "<quotas><default><interval><duration>3600</duration><queries>0</queries></interval></default></quotas>",
    )
    users = read(file, {"log_queries": "0"})
    assert users["one"] == User(
        "one", "first", "password", {"max_threads": "3", "max_memory_usage": "9", "log_queries": "0"}, "kato"
    )
    assert [users[name].accepts(text) for name, text in
            (("one", "first"), ("two", "two"), ("three", "three"), ("four", ""))] == [True] * 4  # fmt: skip
    assert not any(users[name].accepts("wrong") for name in ("one", "two", "three"))


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ({"users": ""}, "names no users"),
        ({"users": "<one/>"}, "the user one needs one of"),
        ({"users": "<one><password>a</password><no_password/></one>"}, "the user one needs one of"),
        ({"users": "<one><password/><profile>absent</profile></one>"}, "there is no profile absent"),
        ({"users": "<one><password/><grants/></one>"}, "grants of the user one is not enforced"),
        (
            {"users": "<one><password/><networks><ip>10.0.0.1</ip></networks></one>"},
            "networks of the user one",
        ),
        (
            {"profiles": "<profiles><default><readonly>1</readonly></default></profiles>"},
            "readonly of the profile",
        ),
        (
            {"profiles": "<profiles><default><constraints/></default></profiles>"},
            "constraints of the profile",
        ),
        (
            {"profiles": "<profiles><default><profile>default</profile></default></profiles>"},
            "no profile default",
        ),
        (
            {"rest": "<quotas><q><interval><queries>5</queries></interval></q></quotas>"},
            "quota limit queries",
        ),
    ],
)
def test_what_is_not_kept_is_refused(tmp_path: Path, content: dict[str, str], told: str) -> None:
    file = users_file(tmp_path, **content)
    with pytest.raises(UsageError, match=told) as caught:
        read(file, {})
    assert str(file) in str(caught.value)


@pytest.mark.parametrize("text", [None, "no xml"])
def test_files_that_cannot_be_read_are_named(tmp_path: Path, text: str | None) -> None:
    file = tmp_path / "users.xml"
    if text is not None:
        file.write_text(text)
    with pytest.raises(UsageError, match="cannot be read"):
        read(file, {})


USERS = {"default": User("default"), "kato": User("kato", "s:cret")}


@pytest.mark.parametrize(
    ("fields", "headers", "name"),
    [
        ({}, {}, "default"),
        ({"user": "kato", "password": "s:cret"}, {}, "kato"),
        ({}, {"x-clickhouse-user": "kato", "x-clickhouse-key": "s:cret"}, "kato"),
        ({}, basic("kato:s:cret"), "kato"),
        ({"password": "whatever"}, {}, "default"),
    ],
)
def test_a_request_s_user(fields: dict[str, str], headers: dict[str, str], name: str) -> None:
    assert authenticate(USERS, fields, headers).name == name


@pytest.mark.parametrize(
    ("fields", "headers", "code", "status"),
    [
        ({"user": "kato", "password": "wrong"}, {}, 516, 403),
        ({"user": "nobody", "password": "wrong"}, {}, 516, 403),
        ({"user": "kato"}, {}, 194, 401),
        ({}, {"x-clickhouse-user": "kato", "x-clickhouse-key": "wrong"}, 516, 403),
        ({}, {"x-clickhouse-key": "s:cret"}, 516, 403),
        ({}, basic("kato:wrong"), 516, 403),
        ({}, basic(":s:cret"), 516, 403),
        ({}, {"authorization": "Bearer token"}, 516, 403),
        ({}, {"authorization": "Basic ?"}, 516, 403),
        ({"user": ""}, {}, 516, 403),
        ({"user": "kato"}, basic("kato:s:cret"), 516, 403),
        ({"user": "kato"}, {"x-clickhouse-user": "kato", "x-clickhouse-key": "s:cret"}, 516, 403),
        ({}, {"x-clickhouse-user": "kato", **basic("kato:s:cret")}, 516, 403),
    ],
)
def test_requests_of_nobody(fields: dict[str, str], headers: dict[str, str], code: int, status: int) -> None:
    with pytest.raises(QueryError) as caught:
        authenticate(USERS, fields, headers)
    assert (caught.value.code, caught.value.status) == (code, status)


def test_refusal_does_not_tell_whether_the_user_exists() -> None:
    texts = []
    for name in ("kato", "nobo"):
        with pytest.raises(QueryError) as caught:
            authenticate(USERS, {"user": name, "password": "x"}, {})
        texts.append(caught.value.text.replace(name, "NAME"))
    assert texts[0] == texts[1]


@given(st.text(min_size=1), st.text())
def test_only_the_password_itself_is_accepted(secret: str, given_one: str) -> None:
    for kind, kept in (
        ("password", secret),
        ("password_sha256_hex", hashlib.sha256(secret.encode(errors="surrogateescape")).hexdigest()),
    ):
        assert User("u", kept, kind).accepts(secret)
        assert User("u", kept, kind).accepts(given_one) == (given_one == secret)
