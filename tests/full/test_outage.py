"""An outage of a minute, with fifty agents in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos.conftest import FAULTY
from tests.chaos.outages import assert_weathered, outage_of
from tests.chaos.trials import Clinic
from tests.e2e.harness import Home, make_repo

MINUTE = 60.0


@pytest.mark.timeout(600)
@pytest.mark.parametrize(("status", "retry_after"), [(529, None), (429, None), (429, 2.0)])
async def test_a_minute(tmp_path: Path, status: int, retry_after: float | None) -> None:
    home = Home(tmp_path)
    repo = make_repo(tmp_path / "repo", {"README.md": "# A repository\n"})
    with home.up("--scenario", FAULTY) as services:
        clinic = await Clinic.open(services, repo)
        outage = await outage_of(clinic, "minute", status, MINUTE, retry_after)
    assert_weathered(outage, status)
