"""Checkouts, and what starts them."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))

from checkouts import MakeCheckout, make

from bench.supervision.supervisor import Supervisor


@pytest.fixture
def make_checkout(tmp_path: Path) -> MakeCheckout:
    numbers = itertools.count()
    return lambda: make(tmp_path / f"checkout-{next(numbers)}")


@pytest.fixture
def checkout(make_checkout: MakeCheckout) -> Path:
    return make_checkout()


@pytest.fixture(scope="session")
def supervisor() -> Iterator[Supervisor]:
    with Supervisor() as made:
        yield made
