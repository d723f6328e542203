"""The CPU fault burns the share it says of each request's own CPU, before the answer begins."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import psutil
import pytest

from bench.errors import UsageError
from bench.targets.embedded import faults
from bench.targets.embedded.kato.faults import CpuFault, Metered


def burn(seconds: float) -> None:
    began = time.thread_time()
    while time.thread_time() - began < seconds:
        pass


def cpu_of(coroutine: Any) -> float:
    began = time.thread_time()
    asyncio.run(coroutine)
    return time.thread_time() - began


def test_texts_become_the_apis_environment() -> None:
    assert faults.parse([]) == {}
    assert faults.parse(["cpu=15%"]) == faults.parse([" cpu = 15.0 % ", "cpu=15%"]) == {"cpu": "15%"}
    assert faults.variables({"cpu": "15%"}) == {"KATO_BENCH_FAULT_CPU": "15%"}


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        (["cpuu=15%"], "'cpuu'"),
        (["=15%"], "--list-faults"),
        (["cpu"], "cpu=15%"),
        (["cpu=15"], "cpu=15%"),
        (["cpu=0%"], "cpu=15%"),
        (["cpu=-3%"], "cpu=15%"),
        (["cpu=nan%"], "cpu=15%"),
        (["cpu=1001%"], "up to 1000%"),
        (["cpu=15%", "cpu=16%"], "15% and 16%"),
    ],
)
def test_wrong_faults_get_a_sentence(texts: list[str], words: str) -> None:
    with pytest.raises(UsageError, match=r"^--fault [^\n]+\.$") as caught:
        faults.parse(texts)
    assert words in str(caught.value)


def test_own_cpu_is_counted_although_requests_interleave() -> None:
    async def work(step: float) -> None:
        for _ in range(10):
            burn(step)
            await asyncio.sleep(0.001)

    async def both() -> tuple[float, float]:
        small, large = Metered(work(0.001)), Metered(work(0.004))

        async def wait(metered: Metered) -> None:
            await metered

        await asyncio.gather(wait(small), wait(large))
        return small.seconds(), large.seconds()

    small, large = asyncio.run(both())
    assert 0.010 <= small < 0.020
    assert 0.040 <= large < 0.060


def test_failures_and_cancellation_pass_through() -> None:
    async def fails() -> None:
        await asyncio.sleep(0)
        raise LookupError("mine")

    async def sleeps(ended: list[str]) -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ended.append("cancelled")

    async def cancelled() -> list[str]:
        ended: list[str] = []

        async def wait() -> None:
            await Metered(sleeps(ended))

        task = asyncio.create_task(wait())
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return ended

    async def failing() -> None:
        await Metered(fails())

    with pytest.raises(LookupError, match="mine"):
        asyncio.run(failing())
    assert asyncio.run(cancelled()) == ["cancelled"]


def test_the_share_is_burnt_before_the_answer_begins() -> None:
    answered: list[float] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        for _ in range(4):
            burn(0.005)
            await asyncio.sleep(0)
        await send({"type": "http.response.start"})
        burn(0.010)
        await send({"type": "http.response.body"})

    async def request(scope: Any) -> None:
        async def send(message: Any) -> None:
            if message["type"] == "http.response.start":
                answered.append(time.thread_time() - began)

        began = time.thread_time()
        await CpuFault(app, 0.5)(scope, None, send)  # type: ignore[arg-type]

    assert cpu_of(request({"type": "http"})) == pytest.approx(0.045, rel=0.2)
    assert answered[0] == pytest.approx(0.030, rel=0.2)
    assert cpu_of(request({"type": "lifespan"})) == pytest.approx(0.030, rel=0.2)


def test_the_real_api_uses_more_cpu_by_the_share(start_api: Callable[..., Any]) -> None:
    """Requests go to both in turn, so that the machine treats them alike."""
    apis = [start_api(), start_api(KATO_BENCH_FAULT_CPU="15%")]
    clients = [api.wait_ready().client() for api in apis]
    sessions = []
    for number, client in enumerate(clients):
        config = {"process_predictions": False}
        created = client.post("/sessions", json={"node_id": f"faulty{number}", "config": config})
        sessions.append(f"/sessions/{created.json()['session_id']}")

    def turn(count: int) -> None:
        for _ in range(count):
            for client, session in zip(clients, sessions, strict=True):
                client.get(f"{session}/predictions").raise_for_status()

    for number in range(60):
        events = [{"strings": [f"w{number}", f"w{event}"]} for event in range(6)]
        for client, session in zip(clients, sessions, strict=True):
            client.post(f"{session}/observe-sequence", json={"observations": events, "learn_at_end": True})
    for client, session in zip(clients, sessions, strict=True):
        client.post(f"{session}/observe", json={"strings": ["w1", "w2"]})
    turn(10)
    before = [cpu_seconds(api.server.process.pid) for api in apis]
    turn(120)
    plain, faulty = (
        cpu_seconds(api.server.process.pid) - start for api, start in zip(apis, before, strict=True)
    )
    for client in clients:
        client.close()
    assert 1.08 < faulty / plain < 1.22, (plain, faulty)


def cpu_seconds(pid: int) -> float:
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)
