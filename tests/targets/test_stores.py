"""The stores of a KATO that runs already, given by their URLs."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from test_url import KATO, server

from bench.errors import BenchError, UnreachableError, UsageError
from bench.targets.url import UrlTarget

QDRANT = {"/collections": (200, {"result": {"collections": []}, "status": "ok"})}
CLICKHOUSE = {"/ping": (200, "Ok.\n")}


@contextmanager
def redis_like(answer: bytes) -> Iterator[str]:
    """Something that answers the first line it hears with `answer`."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(100)
                connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"redis://127.0.0.1:{listener.getsockname()[1]}"
        thread.join()


def test_stores_that_answer_become_parts() -> None:
    with server(KATO) as url, server(QDRANT) as qdrant, server(CLICKHOUSE) as clickhouse:  # noqa: SIM117
        with redis_like(b"+PONG\r\n") as redis:
            stores = {"redis": redis, "qdrant": qdrant, "clickhouse": clickhouse + "/"}
            facts = UrlTarget(url, stores=stores).start()
    assert [(part.name, part.address) for part in facts.parts] == [
        ("kato", url),
        ("redis", redis.removeprefix("redis://")),
        ("qdrant", qdrant),
        ("clickhouse", clickhouse),
    ]
    # They run in the process of this test, so that nobody can say what they use.
    assert all(part.pid is None and "own" in str(part.note) for part in facts.parts)


def test_a_store_that_is_not_told_stays_unknown() -> None:
    with server(KATO) as url, server(QDRANT) as qdrant:
        facts = UrlTarget(url, stores={"qdrant": qdrant}).start()
    told = [part.note != "its address is not given" for part in facts.parts]
    assert told == [True, False, True, False]


@pytest.mark.parametrize(
    ("answers", "kind", "words"),
    [
        ({}, UsageError, "is not Qdrant: it answers GET /collections with 404"),
        ({"/collections": (200, "fine")}, UsageError, "is not Qdrant"),
        ({"/collections": (401, "no")}, UsageError, "API key"),
    ],
)
def test_something_else_than_qdrant(
    answers: dict[str, tuple[int, object]], kind: type[BenchError], words: str
) -> None:
    with server(KATO) as url, server(answers) as qdrant, pytest.raises(kind, match=words):
        UrlTarget(url, stores={"qdrant": qdrant}).start()


def test_something_else_than_clickhouse() -> None:
    with server(KATO) as url, server(KATO) as other, pytest.raises(UsageError, match="is not ClickHouse"):
        UrlTarget(url, stores={"clickhouse": other}).start()


@pytest.mark.parametrize(
    ("answer", "words"),
    [(b"-NOAUTH Authentication required.\r\n", "wants a password"), (b"HTTP/1.1 400\r\n", "is not Redis")],
)
def test_something_else_than_redis(answer: bytes, words: str) -> None:
    with server(KATO) as url, redis_like(answer) as redis, pytest.raises(UsageError, match=words):
        UrlTarget(url, stores={"redis": redis}).start()


@pytest.mark.parametrize("store", ["redis", "qdrant", "clickhouse"])
def test_nobody_listens_there(store: str) -> None:
    with server(KATO) as url, socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        scheme = "redis" if store == "redis" else "http"
        where = f"{scheme}://127.0.0.1:{unused.getsockname()[1]}"
        with pytest.raises(UnreachableError, match=f"{where} cannot be reached: nothing listens there"):
            UrlTarget(url, stores={store: where}).start()


@pytest.mark.parametrize(
    ("store", "url", "words"),
    [
        ("qdrant", "localhost:6333", "--qdrant-url"),
        ("qdrant", "http://192.0.2.1:6333", "another machine"),
        ("redis", "http://localhost:6379", "redis://localhost:6379"),
        ("redis", "redis://localhost/0?x=1", "a host, a port and a path only"),
        ("clickhouse", "tcp://localhost:9000", "http://localhost:8123"),
    ],
)
def test_an_address_that_is_not_taken(store: str, url: str, words: str) -> None:
    with server(KATO) as kato, pytest.raises(UsageError) as caught:
        UrlTarget(kato, stores={store: url}).start()
    assert words in str(caught.value)


def test_a_password_is_not_repeated() -> None:
    with server(KATO) as kato, pytest.raises(UsageError) as caught:
        UrlTarget(kato, stores={"redis": "redis://:secret@localhost:6379"}).start()
    assert "secret" not in str(caught.value)
