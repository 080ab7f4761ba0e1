"""docker-compose.yml's topology without Docker: PostgreSQL, Temporal's server, a Cadre worker that
finds it by TEMPORAL_ADDRESS, and a run that outlives the server's death."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import Client

from cadre.runtime.attributes import missing_search_attributes
from tests.e2e.harness import SCENARIOS, Home, git, make_repo, simulator, until
from tests.full.go import BUILD_SECONDS
from tests.full.native import Temporal, postgres

KEY = "sk-a-key-of-the-tests"
THIRTY_DAYS = 30 * 24 * 3600

pytestmark = pytest.mark.timeout(BUILD_SECONDS + 300)


@pytest.fixture(scope="module")
def temporal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Temporal]:
    with postgres() as port:
        server = Temporal(port, tmp_path_factory.mktemp("temporal") / "server.log")
        done = server.script("setup-database")
        assert done.returncode == 0, done.stdout + done.stderr
        try:
            server.start()

            def has_namespace() -> bool:  # a server that is young refuses for some seconds
                return server.script("setup-namespace").returncode == 0

            until(has_namespace, "the namespace", 120)
            yield server
        finally:
            server.kill()


def test_setting_up_again_changes_nothing(temporal: Temporal) -> None:
    for name in ("setup-database", "setup-namespace"):
        done = temporal.script(name)
        assert done.returncode == 0, done.stdout + done.stderr


def test_the_server_knows_every_setting(temporal: Temporal) -> None:
    assert temporal.refused_settings() == ""


def worker(home: Home) -> subprocess.Popen[str]:
    """A worker that polls."""
    process = home.start("worker")
    assert process.stdout is not None
    line = process.stdout.readline()
    assert "polls the task queue" in line, line + process.stdout.read()
    return process


def test_a_run_outlives_the_server(temporal: Temporal, tmp_path: Path) -> None:
    repo = make_repo(tmp_path / "repo", {"README.md": "# A repository\n"})
    with simulator(tmp_path, KEY, SCENARIOS / "parts.py") as url:
        home = Home(
            tmp_path,
            TEMPORAL_ADDRESS=temporal.address,
            ANTHROPIC_API_KEY=KEY,
            ANTHROPIC_BASE_URL=url,
        )
        process = worker(home)
        try:
            asyncio.run(assert_prepared(temporal))
            assert home.run("doctor", "--worker").returncode == 0
            begun = home.run(
                "run", "pipeline", "Write parts", "--repo", repo, "--id", "p1", "--detach"
            )
            assert begun.returncode == 0, begun.stderr
            until(
                lambda: list(home.state.glob("runs/p1/*/tree.*/parts.txt")), "the command at work"
            )
            temporal.kill()
            temporal.start()
            until(lambda: home.run("list").returncode == 0, "an answer of the server", 120)
            watched = home.run("watch", "p1")
            assert watched.returncode == 0, watched.stdout + watched.stderr
            shown = json.loads(home.run("show", "p1", "--json").stdout)
        finally:
            process.terminate()
            process.communicate(timeout=60)
    assert shown["status"] == "approved"
    assert git(repo, "show", "cadre/p1:parts.txt").count("part ") == 20
    assert process.returncode == 0


async def assert_prepared(temporal: Temporal) -> None:
    """The worker has registered its search attributes; the namespace keeps runs for 30 days."""
    client = await Client.connect(temporal.address)
    assert await missing_search_attributes(client) == []
    described = await client.workflow_service.describe_namespace(
        DescribeNamespaceRequest(namespace="default")
    )
    assert described.config.workflow_execution_retention_ttl.seconds == THIRTY_DAYS
