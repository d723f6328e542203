"""CPU and memory limits of control groups (Linux, version 1 and 2).

Container and Kubernetes CPU limits are CFS quotas: a group that has used its quota stands still until the
next period. Those pauses are invisible in CPU shares and ruin high percentiles."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath


@dataclass(frozen=True)
class Throttling:
    """Cumulative since the group was made: enforcement periods, those in which the group was throttled, and
    seconds that it was held back."""

    periods: int
    throttled_periods: int
    throttled_seconds: float


_NO_LIMIT = 1 << 62


@dataclass(frozen=True)
class _Mount:
    root: PurePosixPath
    point: Path
    filesystem: str
    options: frozenset[str]


def _mounts(mountinfo: str) -> list[_Mount]:
    """The cgroup mounts of /proc/<pid>/mountinfo (proc(5)): optional fields end at a lone hyphen."""
    found = []
    for line in mountinfo.splitlines():
        fields = line.split()
        try:
            separator = fields.index("-", 6)
            filesystem, _, options = fields[separator + 1 : separator + 4]
        except ValueError:
            continue
        if filesystem in ("cgroup", "cgroup2"):
            found.append(
                _Mount(PurePosixPath(fields[3]), Path(fields[4]), filesystem, frozenset(options.split(",")))
            )
    return found


def directories(cgroup: str, mountinfo: str, controller: str) -> list[Path]:
    """The group's directory under the controller (`cpu`, `memory`) and those above it, nearest first.

    `cgroup` is the text of a process' /proc/<pid>/cgroup, `mountinfo` that of the own mounts. On a hybrid
    system version 1 is the one that holds the controller, so it is looked for first. Empty if none."""
    mounts = _mounts(mountinfo)
    paths = {}
    for line in cgroup.splitlines():
        hierarchy, controllers, path = line.split(":", 2)
        if controller in controllers.split(","):
            paths["cgroup"] = PurePosixPath(path)
        elif hierarchy == "0" and not controllers:
            paths["cgroup2"] = PurePosixPath(path)
    for filesystem in ("cgroup", "cgroup2"):
        for mount in mounts:
            if mount.filesystem != filesystem or filesystem not in paths:
                continue
            if filesystem == "cgroup" and controller not in mount.options:
                continue
            return _upwards(paths[filesystem], mount)
    return []


def _upwards(path: PurePosixPath, mount: _Mount) -> list[Path]:
    # In a container the mount shows a sub-tree: its root is the group itself, or outside of what is seen.
    inside = path.relative_to(mount.root) if path.is_relative_to(mount.root) else PurePosixPath()
    directory = mount.point / inside
    steps = [directory, *directory.parents]
    return steps[: steps.index(mount.point) + 1]


def memory_limit_of(pid: int) -> int | None:
    """Bytes that a process may use by the limit of a group that this process is not in, such as a container;
    None where it has no such limit, or none that can be read. The least of its groups counts."""
    try:
        own, its = (Path(f"/proc/{process}/cgroup").read_text() for process in ("self", pid))
        mounts = Path("/proc/self/mountinfo").read_text()
    except OSError:
        return None
    shared = set(directories(own, mounts, "memory"))
    limits = [memory_limit(one) for one in directories(its, mounts, "memory") if one not in shared]
    return min((limit for limit in limits if limit is not None), default=None)


def memory_limit(directory: Path) -> int | None:
    """Bytes that the group's own limit allows; None if it has none."""
    for name in ("memory.max", "memory.limit_in_bytes"):
        try:
            text = (directory / name).read_text().strip()
        except OSError:
            continue
        # Version 1 says "no limit" by the largest number of whole pages.
        return None if text == "max" or int(text) >= _NO_LIMIT else int(text)
    return None


def quota_cores(directory: Path) -> float | None:
    """Cores that the group's own quota allows; None if it has none."""
    try:
        if (limit := directory / "cpu.max").exists():
            quota, period = limit.read_text().split()
        else:
            quota = (directory / "cpu.cfs_quota_us").read_text().strip()
            period = (directory / "cpu.cfs_period_us").read_text()
    except (OSError, ValueError):
        return None
    return None if quota == "max" or int(quota) <= 0 else int(quota) / int(period)


def limiting_directory(directories: list[Path]) -> Path | None:
    """The nearest group with a quota (a limit set on a parent throttles its children), else the own one.

    None where the CPU statistics have no periods, as in the root group of version 2."""
    candidates = [one for one in directories if quota_cores(one) is not None] or directories[:1]
    return next((one for one in candidates if read_throttling(one) is not None), None)


def limiting_group() -> Path | None:
    """The directory of the group whose CPU limit holds this process back; None where nothing is known."""
    try:
        own = Path("/proc/self/cgroup").read_text()
        mounts = Path("/proc/self/mountinfo").read_text()
    except OSError:
        return None
    return limiting_directory(directories(own, mounts, "cpu"))


def read_throttling(directory: Path) -> Throttling | None:
    """The group's counters now; None if it keeps none."""
    try:
        lines = (directory / "cpu.stat").read_text().splitlines()
        values = {name: int(value) for name, value in (line.split() for line in lines)}
    except (OSError, ValueError):
        return None
    if "nr_periods" not in values:
        return None
    return Throttling(values["nr_periods"], values["nr_throttled"], _throttled_seconds(values))


def _throttled_seconds(values: Mapping[str, int]) -> float:
    """Version 2 counts microseconds, version 1 nanoseconds under another name."""
    if "throttled_usec" in values:
        return values["throttled_usec"] / 1e6
    return values.get("throttled_time", 0) / 1e9
