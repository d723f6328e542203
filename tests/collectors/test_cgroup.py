from __future__ import annotations

import os
from pathlib import Path

import pytest

from bench.collectors import cgroup
from bench.collectors.cgroup import Throttling

HYBRID = """\
31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu
33 31 0:30 / /sys/fs/cgroup/cpuset rw,relatime - cgroup cgroup rw,cpuset
41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
"""
UNIFIED = "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n"
CONTAINER_V1 = (
    "32 31 0:29 /docker/abc /sys/fs/cgroup/cpu,cpuacct ro shared:2 - cgroup cgroup rw,cpu,cpuacct\n"
)


@pytest.mark.parametrize(
    ("own", "mounts", "directories"),
    [
        ("0::/a/b\n", UNIFIED, ["/sys/fs/cgroup/a/b", "/sys/fs/cgroup/a", "/sys/fs/cgroup"]),
        ("0::/\n", UNIFIED, ["/sys/fs/cgroup"]),
        ("2:cpu,cpuacct:/x\n0::/y\n", HYBRID, ["/sys/fs/cgroup/cpu/x", "/sys/fs/cgroup/cpu"]),
        ("5:cpuset:/x\n0::/y\n", HYBRID, ["/sys/fs/cgroup/unified/y", "/sys/fs/cgroup/unified"]),
        ("4:cpu,cpuacct:/docker/abc\n", CONTAINER_V1, ["/sys/fs/cgroup/cpu,cpuacct"]),
        ("4:cpu,cpuacct:/elsewhere\n", CONTAINER_V1, ["/sys/fs/cgroup/cpu,cpuacct"]),
        ("4:memory:/x\n", CONTAINER_V1, []),
        ("", "", []),
    ],
)
def test_where_the_cpu_controller_keeps_the_own_group(own: str, mounts: str, directories: list[str]) -> None:
    assert cgroup.directories(own, mounts, "cpu") == [Path(directory) for directory in directories]


def group(folder: Path, stat: str, **files: str) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "cpu.stat").write_text(stat)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text)
    return folder


V2_STAT = "usage_usec 10\nnr_periods 200\nnr_throttled 50\nthrottled_usec 1500000\n"
V1_STAT = "nr_periods 200\nnr_throttled 50\nthrottled_time 1500000000\n"


@pytest.mark.parametrize("stat", [V1_STAT, V2_STAT])
def test_both_versions_count_the_same(tmp_path: Path, stat: str) -> None:
    assert cgroup.read_throttling(group(tmp_path / "g", stat)) == Throttling(200, 50, 1.5)


def test_a_group_without_periods_keeps_no_counters(tmp_path: Path) -> None:
    assert cgroup.read_throttling(group(tmp_path / "g", "usage_usec 10\n")) is None
    assert cgroup.read_throttling(tmp_path / "missing") is None


@pytest.mark.parametrize(
    ("files", "cores"),
    [
        ({"cpu__max": "150000 100000\n"}, 1.5),
        ({"cpu__max": "max 100000\n"}, None),
        ({"cpu__cfs_quota_us": "50000\n", "cpu__cfs_period_us": "100000\n"}, 0.5),
        ({"cpu__cfs_quota_us": "-1\n", "cpu__cfs_period_us": "100000\n"}, None),
        ({}, None),
    ],
)
def test_quota(tmp_path: Path, files: dict[str, str], cores: float | None) -> None:
    assert cgroup.quota_cores(group(tmp_path / "g", V2_STAT, **files)) == cores


def test_a_quota_on_a_parent_is_the_one_that_throttles(tmp_path: Path) -> None:
    top = group(tmp_path / "top", V2_STAT, cpu__max="max 100000")
    parent = group(top / "parent", V2_STAT, cpu__max="200000 100000")
    own = group(parent / "own", V2_STAT, cpu__max="max 100000")

    assert cgroup.limiting_directory([own, parent, top]) == parent
    assert cgroup.limiting_directory([own, top]) == own
    assert cgroup.limiting_directory([]) is None


@pytest.mark.parametrize(
    ("name", "text", "limit"),
    [
        ("memory.max", "8589934592\n", 8 << 30),
        ("memory.max", "max\n", None),
        ("memory.limit_in_bytes", "8589934592\n", 8 << 30),
        ("memory.limit_in_bytes", "9223372036854771712\n", None),
        ("cpu.max", "max 100000\n", None),
    ],
)
def test_the_memory_that_a_group_allows(tmp_path: Path, name: str, text: str, limit: int | None) -> None:
    (tmp_path / name).write_text(text)
    assert cgroup.memory_limit(tmp_path) == limit


def test_a_process_of_the_own_group_has_no_container_limit() -> None:
    assert cgroup.memory_limit_of(os.getpid()) is None
    assert cgroup.memory_limit_of(2**31 - 2) is None
