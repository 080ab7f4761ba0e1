"""Outages of a minute, with fifty agents in each."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.chaos.conftest import FAULTY
from tests.chaos.outages import assert_weathered, outage_of
from tests.chaos.trials import Clinic
from tests.e2e.harness import Home, make_repo

MINUTE = 60.0
OUTAGES = ((529, None), (429, None), (429, 2.0))


@pytest.mark.timeout(900)
async def test_a_minute(tmp_path: Path) -> None:
    """Each has services of its own; all at once, since most of a minute is waiting."""
    with ExitStack() as stack:
        clinics = []
        for number in range(len(OUTAGES)):
            root = tmp_path / str(number)
            root.mkdir()
            home = Home(root)
            repo = make_repo(root / "repo", {"README.md": "# A repository\n"})
            services = stack.enter_context(home.up("--scenario", FAULTY))
            clinics.append(await Clinic.open(services, repo))
        outages = await asyncio.gather(
            *(
                outage_of(clinic, "minute", status, MINUTE, retry_after)
                for clinic, (status, retry_after) in zip(clinics, OUTAGES, strict=True)
            )
        )
    for outage, (status, _) in zip(outages, OUTAGES, strict=True):
        assert_weathered(outage, status)
