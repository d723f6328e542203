"""What all tests share: one calibration of the load generator, which belongs to nobody's home."""

from __future__ import annotations

import os

import pytest
from hypothesis import settings

# How long an example takes is the machine's doing as much as ours.
settings.register_profile("any machine", deadline=None)
settings.load_profile("any machine")


@pytest.fixture(scope="session", autouse=True)
def _cache_of_the_tests(tmp_path_factory: pytest.TempPathFactory) -> None:
    os.environ["KATO_BENCH_CACHE"] = str(tmp_path_factory.mktemp("cache"))
