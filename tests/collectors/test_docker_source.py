"""The containers' collector against an engine on a real Unix socket."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from collector_rig import Child, wait_for
from engine_server import EngineServer, engine_server, inspected, stats_v1, stats_v2, stopped_stats

from bench.collectors.base import Collector, Context, Row
from bench.collectors.sources import docker
from bench.collectors.sources.docker import DockerCollector
from bench.targets.base import ContainerFacts, TargetFacts
from bench.targets.compose.engine import EngineError

Table = Callable[[Collector, list[Row]], dict[tuple[str, str], float]]
Notes = list[tuple[str, dict[str, Any]]]


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Iterator[EngineServer]:
    with engine_server() as server:
        monkeypatch.setenv("DOCKER_HOST", f"unix://{server.path}")
        server.add(inspected("kato", memory=2 << 30, cpus=2), stats_v2())
        server.add(inspected("redis"), stats_v1())
        yield server


def facts(engine: EngineServer, kind: str = "compose") -> TargetFacts:
    containers: dict[str, list[str]] = {}
    for one in engine.containers.values():
        service = one["inspect"]["Config"]["Labels"]["com.docker.compose.service"]
        containers.setdefault(service, []).append(one["inspect"]["Id"])
    return TargetFacts(
        kind,
        "http://127.0.0.1:1",
        containers=(
            *(ContainerFacts(name, instances=tuple(ids)) for name, ids in containers.items()),
            ContainerFacts("off"),
        ),
    )


def collector(engine: EngineServer, notes: Notes | None = None) -> DockerCollector:
    heard: Notes = [] if notes is None else notes
    context = Context(facts(engine), note=lambda kind, **more: heard.append((kind, more)))
    made = DockerCollector.create(context)
    assert made is not None
    return made


def look(source: DockerCollector) -> list[Row]:
    """A sample that also looks at the containers themselves."""
    source._looked = 0.0
    return source.sample()


def test_only_containers_of_a_compose_target_are_watched(engine: EngineServer) -> None:
    assert DockerCollector.create(Context(facts(engine, "url"))) is None
    assert DockerCollector.create(Context(TargetFacts("compose", "http://127.0.0.1:1"))) is None
    engine.stop()
    collector(engine).close()
    assert engine.asked == []


def test_what_containers_use(engine: EngineServer, table: Table) -> None:
    source = collector(engine)
    values = table(source, source.sample())
    assert {metric: value for (metric, instance), value in values.items() if instance == "kato"} == {
        "running": 1.0,
        "cpu_seconds_total": 1.5,
        "cpu_periods_total": 40.0,
        "cpu_throttled_periods_total": 10.0,
        "cpu_throttled_seconds_total": 2.5,
        "memory_working_set_bytes": 200 << 20,
        "memory_limit_bytes": 2 << 30,
        "pids": 23.0,
        "network_received_bytes_total": 550.0,
        "network_sent_bytes_total": 770.0,
        "block_read_bytes_total": 1024.0,
        "block_written_bytes_total": 2000.0,
        "restarts_total": 0.0,
        "oom_kills_total": 0.0,
    }
    assert {metric: value for (metric, instance), value in values.items() if instance == "redis"} == {
        "running": 1.0,
        "cpu_seconds_total": 1.5,
        "memory_working_set_bytes": 700.0,
        "pids": 23.0,
        "block_read_bytes_total": 10.0,
        "block_written_bytes_total": 20.0,
        "restarts_total": 0.0,
        "oom_kills_total": 0.0,
    }
    source.sample()
    source.close()
    assert engine.connections == 1
    assert {path.partition("?")[2] for path in engine.asked if "/stats" in path} == {
        "stream=false&one-shot=true"
    }


def test_several_containers_of_a_service(engine: EngineServer, table: Table) -> None:
    engine.add(inspected("kato", number=2))
    source = collector(engine)
    values = table(source, source.sample())
    assert {instance for _, instance in values} == {"kato-1", "kato-2", "redis"}


@pytest.mark.parametrize(
    "stats",
    [
        {},
        {"cpu_stats": None, "memory_stats": {}, "blkio_stats": {"io_service_bytes_recursive": None}},
        {"cpu_stats": {"cpu_usage": {"total_usage": True}}, "networks": {"eth0": None}, "pids_stats": []},
        {"memory_stats": {"usage": 5, "stats": {"inactive_file": 9}}},
    ],
)
def test_what_an_engine_leaves_out_is_left_out(
    engine: EngineServer, table: Table, stats: dict[str, Any]
) -> None:
    engine.of("kato")["stats"] = stats
    source = collector(engine)
    values = table(source, source.sample())
    assert values["running", "kato"] == 1.0
    assert values.get(("memory_working_set_bytes", "kato")) in (None, 5.0)


def test_restarts_and_kills_are_counted_and_told(engine: EngineServer, table: Table) -> None:
    notes: Notes = []
    source = collector(engine, notes)
    source.sample()
    engine.restart("kato", oom=True)
    values = table(source, source.sample())
    assert (values["restarts_total", "kato"], values["oom_kills_total", "kato"]) == (1.0, 1.0)
    assert values["restarts_total", "redis"] == 0.0
    assert [(kind, more["container"]) for kind, more in notes] == [
        ("oom_killed", "kato"),
        ("restarted", "kato"),
    ]
    engine.kill("kato")
    assert table(source, source.sample())["oom_kills_total", "kato"] == 2.0
    assert table(source, look(source))["restarts_total", "kato"] == 1.0


def test_what_happened_before_the_run_is_in_the_counters_and_no_news(
    engine: EngineServer, table: Table
) -> None:
    told = engine.of("redis")["inspect"]
    told["RestartCount"], told["State"]["OOMKilled"] = 3, True
    notes: Notes = []
    source = collector(engine, notes)
    values = table(source, source.sample())
    assert (values["restarts_total", "redis"], values["oom_kills_total", "redis"]) == (3.0, 1.0)
    look(source)
    assert notes == []


def test_an_engine_that_reports_no_kills(engine: EngineServer, table: Table) -> None:
    engine.mode = "no-events"
    notes: Notes = []
    source = collector(engine, notes)
    source.sample()
    engine.of("kato")["inspect"]["State"]["OOMKilled"] = True
    assert table(source, look(source))["oom_kills_total", "kato"] == 1.0
    look(source)
    assert [kind for kind, _ in notes] == ["collector_limited", "oom_killed"]


def test_a_container_that_ends(engine: EngineServer, table: Table) -> None:
    notes: Notes = []
    source = collector(engine, notes)
    source.sample()
    told = engine.of("redis")
    told["stats"] = stopped_stats()
    told["inspect"]["State"].update(Running=False, Pid=0, Status="exited", ExitCode=137)
    values = table(source, source.sample())
    assert values["running", "redis"] == 0.0
    assert ("cpu_seconds_total", "redis") not in values
    assert [(kind, more["container"]) for kind, more in notes] == [("container_stopped", "redis")]
    source.sample()
    assert len(notes) == 1


def test_a_container_that_is_made_anew(engine: EngineServer, table: Table) -> None:
    notes: Notes = []
    source = collector(engine, notes)
    source.sample()
    old = engine.of("kato")["inspect"]
    del engine.containers[old["Id"]]
    values = table(source, source.sample())
    assert values["running", "kato"] == 0.0
    assert [kind for kind, _ in notes] == ["container_gone"]
    new = inspected("kato")
    new["Id"], new["State"]["StartedAt"] = "f" * 64, "2026-05-01T12:00:00Z"
    engine.add(new, stats_v2(cpu=0.1))
    source.sample()
    look(source)
    values = table(source, source.sample())
    assert (values["running", "kato"], values["cpu_seconds_total", "kato"]) == (1.0, 0.1)
    assert values["restarts_total", "kato"] == 1.0
    assert [kind for kind, _ in notes] == ["container_gone", "restarted"]


def test_health(engine: EngineServer, table: Table) -> None:
    state = engine.of("kato")["inspect"]["State"]
    state["Health"] = {"Status": "healthy", "FailingStreak": 0}
    notes: Notes = []
    source = collector(engine, notes)
    assert table(source, source.sample())["healthy", "kato"] == 1.0
    state["Health"]["Status"] = "unhealthy"
    assert table(source, look(source))["healthy", "kato"] == 0.0
    assert notes == [("container_health", {"source": "docker", "container": "kato", "health": "unhealthy"})]


@pytest.mark.parametrize("mode", ["403", "500", "truncate", "garbage", "list"])
def test_an_engine_that_does_not_tell(engine: EngineServer, mode: str) -> None:
    source = collector(engine)
    engine.mode = mode
    with pytest.raises(EngineError, match=r"docker\.sock"):
        source.sample()
    engine.mode = ""
    assert source.sample()


def test_sampling_is_cheap(engine: EngineServer) -> None:
    for number in range(3):
        engine.add(inspected(f"more{number}"))
    source = collector(engine)
    source.sample()
    # The engine answers in this process: only this thread's time is the collector's.
    begin = time.thread_time()
    for _ in range(50):
        source.sample()
    assert (time.thread_time() - begin) / 50 < 0.03


def test_a_run_goes_on_without_the_engine(engine: EngineServer, child: Callable[..., Child]) -> None:
    """The socket goes away in the middle and comes back: one event each, and only this source is silent."""
    watched = child(facts(engine))
    watched.read_until(lambda one: len(one.times("docker")) >= 2 and one.times("host"))
    engine.stop()
    watched.read_until(lambda one: "collector_failed" in one.kinds("docker"))
    seen = len(watched.times("host"))
    watched.read_until(lambda one: len(one.times("host")) > seen + 3)
    engine.start()
    watched.read_until(lambda one: "collector_back" in one.kinds("docker"))
    watched.finish()
    assert watched.kinds("docker") == ["collector_failed", "collector_back"]
    failed = next(one for one in watched.events if one["source"] == "docker")
    assert "docker.sock tells nothing of containers" in failed["error"]


def test_an_engine_that_hangs_holds_up_nothing_else(
    engine: EngineServer, child: Callable[..., Child]
) -> None:
    watched = child(facts(engine))
    watched.read_until(lambda one: one.times("docker"))
    engine.mode = "hang"
    watched.read_until(lambda one: "collector_failed" in one.kinds("docker"))
    assert len(watched.times("host")) > 3
    watched.finish()
    assert watched.kinds("docker") == ["collector_failed"]


def test_the_interval_between_looks(engine: EngineServer, monkeypatch: pytest.MonkeyPatch) -> None:
    source = collector(engine)
    source.sample()

    def inspections() -> int:
        return sum(path.endswith("/json") and "/containers/json" not in path for path in engine.asked)

    before = inspections()
    source.sample()
    assert inspections() == before
    monkeypatch.setattr(docker, "_LOOK_SECONDS", 0.0)
    source.sample()
    wait_for(lambda: inspections() == before + 2)
