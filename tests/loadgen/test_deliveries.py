"""Which events a subscriber must hear, learned from those that it has heard."""

from __future__ import annotations

import random
from itertools import count

from hypothesis import given, settings
from hypothesis import strategies as st

from bench.loadgen.deliveries import Deliveries, Delivery, Key

CREATED = "session.created"


def key(name: str) -> Key:
    return CREATED, name


def test_an_event_is_timed_from_its_cause() -> None:
    deliveries = Deliveries(patience=5)
    assert deliveries.cause(key("a"), 10.0, connection=0) == []
    assert deliveries.arrive(key("a"), 3, 10.25) == Delivery(3, 10.0, 10.25)
    assert (deliveries.caused, deliveries.heard, deliveries.awaited) == (1, 1, 0)


def test_it_may_come_before_the_answer_that_names_the_session() -> None:
    deliveries = Deliveries(patience=5)
    assert deliveries.arrive(key("a"), 3, 10.25) is None
    assert deliveries.cause(key("a"), 10.0, connection=0) == [Delivery(3, 10.0, 10.25)]
    assert deliveries.heard == 1


def test_who_heard_once_over_a_connection_must_hear_again() -> None:
    deliveries = Deliveries(patience=5)
    deliveries.cause(key("a"), 10.0, connection=0)
    deliveries.arrive(key("a"), 3, 10.25)
    deliveries.cause(key("b"), 11.0, connection=0)
    deliveries.cause(key("c"), 11.0, connection=1)
    assert deliveries.awaited == 1
    assert list(deliveries.overdue(15.9)) == []
    assert list(deliveries.overdue(16.0)) == [Delivery(3, 11.0, None, "timeout")]
    assert (deliveries.caused, deliveries.heard, deliveries.awaited) == (3, 1, 0)


def test_a_socket_that_breaks_loses_what_was_on_its_way() -> None:
    deliveries = Deliveries(patience=5)
    deliveries.cause(key("a"), 10.0, connection=0)
    deliveries.arrive(key("a"), 3, 10.25)
    deliveries.cause(key("b"), 11.0, connection=0)
    assert deliveries.leave(3) == [Delivery(3, 11.0, None, "reset")]
    deliveries.cause(key("c"), 12.0, connection=0)
    assert deliveries.awaited == 0


def test_the_sessions_of_others_are_forgotten() -> None:
    deliveries = Deliveries(patience=5)
    for number in range(1000):
        deliveries.arrive(key(str(number)), 0, float(number))
        assert list(deliveries.overdue(float(number))) == []
    assert len(deliveries._early) <= 6


@settings(max_examples=50)
@given(st.integers(1, 4), st.integers(1, 5), st.integers(0, 2**32))
def test_nothing_is_missed_where_workers_tell_all(workers: int, subscribers: int, seed: int) -> None:
    """Connections and sockets belong to workers; each event reaches all sockets of its worker, before or
    after the answer."""
    rng = random.Random(seed)
    worker_of_connection = [rng.randrange(workers) for _ in range(6)]
    worker_of_subscriber = [rng.randrange(workers) for _ in range(subscribers)]
    deliveries = Deliveries(patience=5)
    recorded: list[Delivery] = []
    heard = 0
    for number, now in zip(range(200), count(0.0, 0.01), strict=False):
        connection = rng.randrange(6)
        told = [s for s in range(subscribers) if worker_of_subscriber[s] == worker_of_connection[connection]]
        heard += bool(told)
        early = [s for s in told if rng.random() < 0.5]
        for subscriber in early:
            assert deliveries.arrive(key(str(number)), subscriber, now + 0.001) is None
        recorded += deliveries.cause(key(str(number)), now, connection)
        for subscriber in set(told) - set(early):
            delivery = deliveries.arrive(key(str(number)), subscriber, now + 0.002)
            assert delivery is not None
            recorded.append(delivery)
        assert len(recorded) >= len(told)
    recorded += deliveries.overdue(1e9)
    assert all(delivery.error == "" for delivery in recorded)
    assert deliveries.heard == heard
