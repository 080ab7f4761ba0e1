"""A server, a worker and a faulty Messages API, as real processes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.harness import Home

FAULTY = Path(__file__).parent / "scenarios" / "model_faults.py"
# Long enough that no busy machine is taken for a silent service.
STALL_SECONDS = 10


@pytest.fixture(scope="module")
def faulty_home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A user's machine for the tests of one module."""
    return Home(tmp_path_factory.mktemp("home"), CADRE_MODEL_STALL_SECONDS=str(STALL_SECONDS))


@pytest.fixture(scope="module")
def faulty_services(faulty_home: Home) -> Iterator[dict[str, Any]]:
    """The services of that machine."""
    with faulty_home.up("--scenario", FAULTY) as services:
        yield services
