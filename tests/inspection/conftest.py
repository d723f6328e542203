"""The rig of real servers stands beside the tests of the collectors."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[1] / "collectors"))

from collector_rig import Kato, Valkey


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[Valkey]:
    server = Valkey(tmp_path)
    yield server
    server.client.close()
    server.stop()


@pytest.fixture
def kato() -> Iterator[Kato]:
    """Two workers that take turns."""
    server = Kato()
    yield server
    server.process.terminate()
    server.process.wait()
