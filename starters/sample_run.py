"""A run of the main job on a fresh sample repository."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pygit2
from temporalio.client import Client

from cadre.runtime.settings import Settings
from cadre.simulator.sample import SAMPLE_CHECK, SAMPLE_TASK, make_sample
from cadre.tools.catalog import Catalog
from starters import begin, find
from starters.find import Found
from starters.patterns import pattern_named
from starters.view import RunView

PATTERN = "pipeline"


class SampleRun(NamedTuple):
    """A run that has begun, its repository, and its place in the UI as far as it is known."""

    found: Found
    repo: Path
    ui: str | None


async def begin_on_sample(
    settings: Settings, client: Client, tell: Callable[[str], None]
) -> SampleRun:
    """Make a sample repository and start a run on it."""
    pattern, run = pattern_named(PATTERN), begin.new_id("demo")
    repo = settings.state_dir / "samples" / run
    await asyncio.to_thread(make_sample, repo)
    given = {"run": run, "task": SAMPLE_TASK, "repo": str(repo), "check": SAMPLE_CHECK}
    begun = await begin.begin(client, settings, pattern, begin.checked(pattern, given, Catalog()))
    tell(f"sample   {repo}")
    return SampleRun(begun.run, repo, find.ui_address(settings, client, run))


def delivered_tree(view: RunView, repo: Path) -> str | None:
    """The ID of the git tree that a run delivered; None where it delivered nothing."""
    result = view.end.result if view.end else None
    if result is None or result.delivery is None:
        return None
    found = pygit2.Repository(str(repo)).revparse_single(f"{result.delivery.branch}^{{tree}}")
    return str(found.id)
