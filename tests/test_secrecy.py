from __future__ import annotations

import pytest

from bench.secrecy import HIDDEN, is_secret, redact, redacted, redacted_words, secret_values, without


@pytest.mark.parametrize(
    "name",
    [
        *("REDIS_PASSWORD", "QDRANT__SERVICE__API_KEY", "requirepass", "AUTH_TOKEN", "db.secret"),
        *("Authorization", "API_KEYS"),
    ],
)
def test_named_secrets_are_known(name: str) -> None:
    assert is_secret(name)


@pytest.mark.parametrize("name", ["MAX_TOKENS", "KEY_PREFIX", "TOKENIZER", "KATO_WORKERS", "SESSION_TTL"])
def test_other_names_are_no_secrets(name: str) -> None:
    assert not is_secret(name)


@pytest.mark.parametrize("login", ["user:pa55@", ":pa55@", "pa55@", "us%40er:pa55@", "a:pa@55@"])
def test_logins_in_urls_are_hidden(login: str) -> None:
    shown = redact(f"connect to redis://{login}cache:6379/0, then http://plain:8123/")
    assert "55" not in shown
    assert shown == f"connect to redis://{HIDDEN}@cache:6379/0, then http://plain:8123/"


def test_mail_addresses_are_no_logins() -> None:
    assert redact("http://host/path?mail=a@b") == "http://host/path?mail=a@b"


def test_settings_may_be_shown() -> None:
    shown = redacted(
        {"REDIS_URL": "redis://:s3@r:1/", "CLICKHOUSE_PASSWORD": "s3", "LOG_LEVEL": "INFO", "PASSWORD": ""}
    )
    assert shown == {
        "REDIS_URL": f"redis://{HIDDEN}@r:1/",
        "CLICKHOUSE_PASSWORD": HIDDEN,
        "LOG_LEVEL": "INFO",
        "PASSWORD": "",
    }


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (["redis-server", "--requirepass", "s3"], ["redis-server", "--requirepass", HIDDEN]),
        (["x", "--api-key=s3", "--port", "80"], ["x", f"--api-key={HIDDEN}", "--port", "80"]),
        (["x", "--url", "redis://:s3@r:1"], ["x", "--url", f"redis://{HIDDEN}@r:1"]),
        (["sh", "-c", "a --requirepass 's3 s3' --hz 5"], ["sh", "-c", f"a --requirepass {HIDDEN} --hz 5"]),
        (["sh", "-c", 'a --requirepass "s3"; b'], ["sh", "-c", f"a --requirepass {HIDDEN} b"]),
        (["x", "--password", "s3", "--password", "s3"], ["x", "--password", HIDDEN, "--password", HIDDEN]),
    ],
)
def test_command_lines_may_be_shown(words: list[str], shown: list[str]) -> None:
    found = redacted_words(words)
    assert "s3" not in " ".join(found)
    assert len(found) == len(shown)
    assert found[:-1] == tuple(shown[:-1])


def test_secrets_are_hidden_wherever_they_stand() -> None:
    secrets = secret_values(
        {"DB_PASSWORD": "planted-1", "URL": "http://me:planted-2@h/", "PWD": "abc", "X": "y"}
    )
    assert secrets == {"planted-1", "planted-2"}
    assert without("a planted-1b planted-2 abc", secrets) == f"a {HIDDEN}b {HIDDEN} abc"
    assert without("abcdef abcdefg", {"abcdef", "abcdefg", "abc"}) == f"{HIDDEN} {HIDDEN}"
