from __future__ import annotations

import pytest

from bench.secrecy import HIDDEN, is_secret, redact, redacted


@pytest.mark.parametrize(
    "name",
    ["REDIS_PASSWORD", "QDRANT__SERVICE__API_KEY", "requirepass", "AUTH_TOKEN", "db.secret", "Authorization"],
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
    shown = redacted({"REDIS_URL": "redis://:s3@r:1/", "CLICKHOUSE_PASSWORD": "s3", "LOG_LEVEL": "INFO", "PASSWORD": ""})
    assert shown == {
        "REDIS_URL": f"redis://{HIDDEN}@r:1/",
        "CLICKHOUSE_PASSWORD": HIDDEN,
        "LOG_LEVEL": "INFO",
        "PASSWORD": "",
    }
