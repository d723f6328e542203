"""Running vector parts for the tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from vectors_front import Front


@pytest.fixture(scope="session")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    """One process for every test that leaves it alive."""
    front = Front(tmp_path_factory.mktemp("vectors")).start()
    yield front
    front.close()


@pytest.fixture
def own_front(tmp_path: Path) -> Iterator[Front]:
    """A process that the test may end."""
    front = Front(tmp_path).start()
    yield front
    front.close()


@pytest.fixture
def name(front: Front) -> Iterator[str]:
    """A collection name that is free, and free again afterwards."""
    name = f"vectors_{uuid4().hex[:8]}"
    yield name
    front.http.delete(f"/collections/{name}")
