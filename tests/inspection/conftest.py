"""The rig of real servers stands beside the tests of collectors, a checkout of KATO's shape beside others."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collector_rig import Kato, Valkey

for room in ("collectors", "source"):
    sys.path.append(str(Path(__file__).parents[1] / room))


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[Valkey]:
    from collector_rig import Valkey

    server = Valkey(tmp_path)
    yield server
    server.client.close()
    server.stop()


@pytest.fixture
def kato() -> Iterator[Kato]:
    """Two workers that take turns."""
    from collector_rig import Kato

    server = Kato()
    yield server
    server.process.terminate()
    server.process.wait()
