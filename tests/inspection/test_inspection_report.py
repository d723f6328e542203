"""How an inspection is told."""

from __future__ import annotations

import io
import json
from dataclasses import replace

import pytest
from seen_table import CASES, collection, env, nodes, seen, workers

from bench.errors import ExitCode
from bench.inspecting import exit_code
from bench.inspection.checks import judge
from bench.inspection.findings import Finding, Inspection
from bench.inspection.seen import Kato, KeyFamily, Part, Redis, Seen, Setting, Unknown
from bench.report.inspection import as_json, print_inspection
from bench.targets.base import ContainerFacts

PARTS = (
    Part("kato", "KATO", "3.10.1", "http://127.0.0.1:8000", True),
    Part("redis", "Redis", "7.2", "127.0.0.1:6379", True),
    Part("qdrant", None, None, None, None, "its address is not given"),
)


def inspection(seen: Seen, findings: tuple[Finding, ...] | None = None) -> Inspection:
    return Inspection(
        "http://127.0.0.1:8000", "url", seen, judge(seen) if findings is None else findings, 0.81
    )


def shown(seen: Seen) -> str:
    file = io.StringIO()
    print_inspection(inspection(seen), file)
    return file.getvalue()


def test_a_good_deployment_on_few_lines() -> None:
    text = shown(seen(parts=PARTS, workers=workers(2, 2)))
    assert "KATO at http://127.0.0.1:8000, looked at for 810 ms" in text
    assert "Workers: 2 expected by command line, 2 answer (320 fresh connections)." in text
    assert "Nothing to object to." in text
    assert "not known: its address is not given" in " ".join(text.split())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_whatever_is_found_is_shown_whole(case: object) -> None:
    faulty = case.faulty  # type: ignore[attr-defined]
    text = " ".join(shown(faulty).split())
    for finding in judge(faulty):
        assert f"{finding.severity} {finding.title}" in text
        assert finding.sentence in text
        assert f"→ {finding.fix}" in text


def test_knobs_stand_with_who_set_them() -> None:
    settings = {
        **env(CONNECTION_POOL_SIZE=50, LOG_LEVEL="WARNING", REDIS_URL="redis://cache:6379"),
        "redis.maxmemory": Setting("redis.maxmemory", 1 << 30, 8 << 30, "runtime", 8 << 30),
        "redis.hz": Setting("redis.hz", 10, 10, "file"),
        "kato.SESSION_TTL": Setting("kato.SESSION_TTL", 3600, 3600, "default"),
        "kato.STM_MODE": Setting("kato.STM_MODE", None, "CLEAR", None, why="not seen"),
    }
    text = shown(seen(settings))
    lines = {line.split()[0]: " ".join(line.split()) for line in text.splitlines() if line.strip()}
    assert lines["kato.CONNECTION_POOL_SIZE"].endswith("50 – environment dead")
    assert lines["redis.maxmemory"] == "redis.maxmemory 1 GiB (stored: 8 GiB) 8 GiB runtime"
    assert "kato.LOG_LEVEL" in lines
    for unremarkable in ("redis.hz", "kato.SESSION_TTL", "kato.STM_MODE", "kato.REDIS_URL"):
        assert unremarkable not in lines
    assert "3 more are known" in text


def test_how_much_there_is() -> None:
    families = {"frequency": KeyFamily(0.75, 1, 104), "session": KeyFamily(0.25, 0, 2000)}
    there = nodes(20, 20)
    there["redis"] = replace(there["redis"], keys=4000, drawn=160, families=families)
    text = shown(seen(qdrant=collection(300), **there))
    assert "a_kato 20 13.7 KiB 300 0" in " ".join(text.split())
    drawn = "frequency 75 % of 104 B, session 25 % of 1.95 KiB."
    assert f"Redis holds 4 000 keys; of 160 drawn: {drawn}" in " ".join(text.split())


def test_what_is_not_known_is_said_with_the_reason() -> None:
    text = shown(seen(unknown=(Unknown("KATO's settings", "its port is held by docker-proxy"),)))
    assert "Not known:" in text
    assert "KATO's settings: its port is held by docker-proxy" in text


def test_what_is_to_be_said_of_a_container() -> None:
    told = seen(
        containers=(ContainerFacts("redis", "redis", note="it was killed 3 times"), ContainerFacts("x"))
    )
    assert "Container redis: it was killed 3 times." in shown(told)
    assert "Container x" not in shown(told)


def test_one_json_object() -> None:
    told = seen(
        env(KATO_BATCH_SIZE="1"),
        parts=PARTS,
        workers=workers(2, 1),
        kato=Kato(password_shown=True),
        unknown=(Unknown("a", "b"),),
        **nodes(9, None),
    )
    output = json.loads(json.dumps(as_json(inspection(told))))
    assert output.keys() == {
        "target", "kind", "seconds", "dangerous", "unreachable", "parts", "workers", "findings", "knobs",
        "nodes", "redis_keys", "unknown", "containers",
    }  # fmt: skip
    assert output["dangerous"] is True
    assert output["workers"]["answering"] == 1
    assert output["knobs"][0] == {
        "name": "kato.KATO_BATCH_SIZE", "live": "1", "default": None, "set_by": "environment", "stored": None,
        "flags": ["wrong"], "why": None,
    }  # fmt: skip
    assert output["nodes"][0]["patterns_in_redis"] is None
    assert as_json(inspection(Seen()))["redis_keys"] is None
    assert Redis().number("used_memory") is None


class TestExitCodes:
    GRAVE = Finding("x", "critical", "x", "x.", "x.")
    MILD = Finding("x", "warning", "x", "x.", "x.")

    @pytest.mark.parametrize(
        ("findings", "reachable", "code"),
        [
            ((), True, ExitCode.OK),
            ((MILD,), True, ExitCode.OK),
            ((GRAVE, MILD), True, ExitCode.OBJECTIVE),
            ((GRAVE,), False, ExitCode.UNREACHABLE),
            ((), None, ExitCode.OK),
        ],
    )
    def test_of_what_was_found(
        self, findings: tuple[Finding, ...], reachable: bool | None, code: ExitCode
    ) -> None:
        there = seen(parts=(Part("redis", reachable=reachable),))
        assert exit_code(inspection(there, findings)) == code
