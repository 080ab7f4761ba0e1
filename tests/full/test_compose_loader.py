"""docker-compose.yml as the Compose Specification's own loader reads it, which checks its schema,
its references and how an override is merged; Docker itself has the same loader."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.harness import ROOT
from tests.full.go import BUILD_SECONDS, built

FILES = ("docker-compose.yml", "deploy/compose.bubblewrap.yml")
VALUES = {"POSTGRES_PASSWORD": "a-password", "CADRE_REPOS": "/srv/repositories"}
pytestmark = pytest.mark.timeout(BUILD_SECONDS + 300)
VARIABLE = re.compile(r"\$\{(?P<name>\w+)(?::(?P<kind>[-?])(?P<text>[^}]*))?\}")


@pytest.fixture(scope="module")
def loader() -> Path:
    module = "github.com/compose-spec/compose-go/v2"
    return built("compose-spec", module, "v2.16.2", {"compose-spec": "cmd"}) / "compose-spec"


def value(match: re.Match[str]) -> str:
    """A variable's value; the loader's command line does not look at the environment."""
    if match["kind"] == "-":
        return match["text"]
    return VALUES[match["name"]]


def load(loader: Path, directory: Path, *files: str) -> dict[str, Any]:
    for file in files:
        path = directory / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(VARIABLE.sub(value, (ROOT / file).read_text()))
    done = subprocess.run(
        [loader, "-format", "json", *files],
        cwd=directory,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    model: dict[str, Any] = json.loads(done.stdout)
    return model


def test_it_is_a_compose_file(loader: Path, tmp_path: Path) -> None:
    services = load(loader, tmp_path, FILES[0])["services"]
    assert services["temporal"]["ports"][0]["host_ip"] == "127.0.0.1"
    assert services["worker"]["environment"]["TEMPORAL_ADDRESS"] == "temporal:7233"
    bind = next(v for v in services["worker"]["volumes"] if v["type"] == "bind")
    assert bind["source"] == bind["target"] == VALUES["CADRE_REPOS"]


def test_the_override_for_bubblewrap_adds_to_it(loader: Path, tmp_path: Path) -> None:
    plain = load(loader, tmp_path, FILES[0])["services"]["worker"]
    more = load(loader, tmp_path, *FILES)["services"]["worker"]
    added = set(more.pop("security_opt")) - set(plain.pop("security_opt"))
    assert added == {"seccomp=unconfined", "apparmor=unconfined", "systempaths=unconfined"}
    assert more == plain


def test_a_file_that_is_wrong_is_refused(loader: Path, tmp_path: Path) -> None:
    (tmp_path / "wrong.yml").write_text("services: {one: {image: a:1, healthchek: {}}}\n")
    done = subprocess.run([loader, "wrong.yml"], cwd=tmp_path, capture_output=True, check=False)
    assert done.returncode != 0
    assert b"healthchek" in done.stderr
