"""Every fault that the embedded deployment can be told to have. Data only.

Those of KATO itself imitate KATO 3.10.1 under load; the others are what any service can suffer from."""

from __future__ import annotations

from dataclasses import dataclass

from bench.targets.embedded.faults import values
from bench.targets.embedded.faults.values import Form

API = "KATO API"
PROXY = "delaying proxy"
DEPLOYMENT = "deployment"


@dataclass(frozen=True)
class Fault:
    """`default` is the value where `--fault NAME` gives none; None: it must be given. `example` is a legal
    value. `carrier` is the part that misbehaves, `signature` what a client or an operator sees of it.
    `knob` is the setting that the fault takes over, with `knob_value`."""

    name: str
    form: Form
    default: str | None
    meaning: str
    carrier: str
    signature: str
    example: str | None = None
    knob: str | None = None
    knob_value: int = 0

    @property
    def shown_example(self) -> str:
        value = self.example or self.default or values.ON
        return self.name if value == values.ON else f"{self.name}={value}"


_OF_KATO = (
    Fault(
        "deadlock", values.switch(), values.ON,
        "a worker's lock of a node is held across awaits, so that two observations of one node at once, with "
        "predictions on, stop that worker for ever",
        API, "that worker never answers again and uses no CPU; the others are healthy",
    ),
    Fault(
        "session-pool", values.a_count(1, 1000), "50",
        "each worker has so many Redis connections for sessions and does not wait for one",
        API, "404 SESSION_NOT_FOUND for sessions that live, and some 500, while more requests are in flight",
    ),
    Fault(
        "lost-updates", values.switch(), values.ON,
        "the lock of a session holds within one worker only",
        API, "with several workers, parallel observes are all answered 200 and the STM is shorter than sent",
    ),
    Fault(
        "unbounded-streams", values.switch(), values.ON,
        "the two event streams in Redis have no MAXLEN",
        API, "XLEN stm:global is the number of observations, whatever it is",
        knob="kato.KATO_BENCH_STREAM_MAXLEN",
    ),
    Fault(
        "endless-predictions", values.switch(), values.ON,
        "predictions stored at observe time have no TTL",
        API, "the keys <node>:prediction:* have TTL -1 and only ever become more",
        knob="kato.KATO_BENCH_PREDICTION_TTL",
    ),
    Fault(
        "node-eviction", values.a_count(1, 100), "100",
        "one node more than so many in a worker evicts the node used longest ago, with its Qdrant collection "
        "and, where its name begins with test_, all else of it",
        API, "collections of nodes vanish while their patterns stay",
    ),
    Fault(
        "stall", values.a_time(0.2, 3600), "10s",
        "each worker measures its CPU inside the event loop: two stalls of 100 ms every so often",
        API, "a latency mode at 100 to 200 ms, once per period and worker, on every endpoint",
    ),
    Fault(
        "process-pool", values.a_count(1, 100_000), "500",
        "a prediction with more candidates than that forks a pool of processes for itself",
        API, "latency jumps where patterns pass the number; child processes come and go with each request",
    ),
    Fault(
        "quote", values.a_count(1, 1000), "475",
        "tokens are pasted into SQL: with a ' filters find nothing, and a prediction for one symbol repeats "
        "its failing query so many times",
        API, "empty predictions; for one symbol a blocked worker, then 500, and as many failed queries",
    ),
    Fault(
        "store-hang", values.a_hang(600, 86_400), "30s@10s",
        "ClickHouse stops answering at a time without closing a connection; the API waits, then takes it for "
        "an empty result",
        f"{DEPLOYMENT}, {API}",
        "200 with no predictions after the wait, and the worker is blocked all the while",
    ),
    Fault(
        "ram-index", values.a_size(100 * 1000**2), "7.2kB",
        "each learned pattern leaves so much more in the worker's memory, which nothing reads; a quarter of "
        "it with KATO_USE_INDEXING=false",
        API, "the worker's resident memory grows with the patterns that it learned, and never falls",
    ),
    Fault(
        "lying-metrics", values.a_share(0.99), "50%",
        "each worker counts only that share of its requests, and calls itself healthy whatever happens",
        API, "total_requests in /metrics is lower than what was answered; /health never has an issue",
    ),
)  # fmt: skip

_GENERIC = (
    Fault(
        "latency", values.a_latency(600), "50ms",
        "every request waits so long before it is worked on; exp:50ms draws from an exponential distribution",
        API, "every endpoint is slower by that, with no CPU used", "exp:50ms",
    ),
    Fault(
        "leak", values.a_size(100 * 1000**2), "10kB",
        "every request leaves that much behind in the worker's memory",
        API, "the worker's resident memory grows with the requests",
    ),
    Fault(
        "cpu", values.a_cpu(10, 10), None,
        "every request burns that share of its own CPU again, or that much CPU time",
        API, "more CPU per request; the highest rate falls", "15%",
    ),
    *(
        Fault(
            f"slow-{store.lower()}", values.a_time(0.001, 60), "20ms",
            f"the path between the API and {store} takes that much longer in each direction",
            PROXY, f"each round trip to {store} takes twice that longer, at the same throughput",
        )
        for store in ("Redis", "Qdrant", "ClickHouse")
    ),
    *(
        Fault(
            f"kill-{store.lower()}", values.a_time(0, 86_400), "10s",
            f"{store} is killed (SIGKILL) so long after the deployment is ready",
            DEPLOYMENT,
            f"{store}'s process is gone and its port refuses; the API answers as KATO does without it",
        )
        for store in ("Redis", "Qdrant", "ClickHouse")
    ),
    Fault(
        "kill-kato-worker", values.a_time(0, 86_400), "10s",
        "one worker of the API is killed (SIGKILL) so long after the deployment is ready; a single worker is "
        "the whole API",
        DEPLOYMENT, "its connections break, and another worker, with a new last_collection, takes its place",
    ),
)  # fmt: skip

FAULTS: dict[str, Fault] = {fault.name: fault for fault in (*_OF_KATO, *_GENERIC)}
