"""docker-compose.yml and the Dockerfile, read as files: no Docker is needed here, none is run."""

from __future__ import annotations

import fnmatch
import re
import shlex
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from cadre.runtime.attributes import SEARCH_ATTRIBUTES
from cadre.runtime.settings import Settings

ROOT = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
ONE_SHOT = {"database-setup", "namespace-setup"}
ROOT_USERS = {"", "0", "root", "0:0", "root:root"}
PINNED = re.compile(r"^[a-z0-9./-]+:\d+\.\d+\.?\d*[a-z0-9.-]*$")
KEY = re.compile("ANTHROPIC|_KEY$|_TOKEN$|_SECRET$")


def dockerfile() -> list[tuple[str, str]]:
    """Its instructions with their arguments."""
    text = re.sub(r"\\\n", " ", (ROOT / "Dockerfile").read_text())
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return [(word, rest.strip()) for word, _, rest in (line.partition(" ") for line in lines)]


DOCKERFILE = dockerfile()


def last_stage() -> list[tuple[str, str]]:
    starts = [index for index, (word, _) in enumerate(DOCKERFILE) if word == "FROM"]
    return DOCKERFILE[starts[-1] :]


def given(word: str, instructions: list[tuple[str, str]]) -> list[str]:
    return [rest for name, rest in instructions if name == word]


def test_what_it_takes_is_there() -> None:
    assert set(SERVICES) >= {"postgresql", "temporal", "ui", "worker", *ONE_SHOT}


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_nobody_is_root_or_can_become_it(name: str) -> None:
    service = SERVICES[name]
    if service["image"].startswith("cadre:"):
        user = given("USER", last_stage())[-1]
        assert "user" not in service
    else:
        user = str(service.get("user", ""))
    assert user not in ROOT_USERS
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert not service.get("privileged")
    assert not any("docker.sock" in str(volume) for volume in service.get("volumes", []))


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_images_are_pinned(name: str) -> None:
    assert PINNED.match(SERVICES[name]["image"]), SERVICES[name]["image"]


@pytest.mark.parametrize("name", sorted(set(SERVICES) - ONE_SHOT))
def test_what_stays_is_watched_and_started_again(name: str) -> None:
    check = SERVICES[name]["healthcheck"]
    assert check["test"][0] == "CMD"
    assert {"interval", "timeout", "retries", "start_period"} <= set(check)
    assert SERVICES[name]["restart"] == "unless-stopped"


@pytest.mark.parametrize("name", sorted(set(SERVICES) - {"worker"}))
def test_the_key_reaches_the_worker_alone(name: str) -> None:
    environment = SERVICES[name].get("environment", {})
    assert not [variable for variable in environment if KEY.search(variable)]
    assert "env_file" not in SERVICES[name]
    assert "ANTHROPIC" not in yaml.safe_dump(SERVICES[name])


def test_the_worker_gets_the_key_from_the_environment_and_it_is_written_nowhere() -> None:
    environment = SERVICES["worker"]["environment"]
    assert environment["ANTHROPIC_API_KEY"] is None
    assert not given("ENV", [(w, r) for w, r in DOCKERFILE if KEY.search(r)])


def test_the_worker_knows_its_settings() -> None:
    known = {f"CADRE_{name.upper()}" for name in Settings.model_fields}
    environment = SERVICES["worker"]["environment"]
    assert {name for name in environment if name.startswith("CADRE_")} <= known
    assert environment["TEMPORAL_ADDRESS"] == "temporal:7233"


def test_each_starts_after_what_it_needs() -> None:
    conditions = {
        (name, needed): condition["condition"]
        for name, service in SERVICES.items()
        for needed, condition in service.get("depends_on", {}).items()
    }
    for (name, needed), condition in conditions.items():
        ended = "service_completed_successfully" if needed in ONE_SHOT else "service_healthy"
        assert condition == ended, (name, needed)
    assert ("worker", "namespace-setup") in conditions
    assert ("temporal", "database-setup") in conditions


def test_networks_keep_the_database_to_temporal() -> None:
    assert COMPOSE["networks"]["database"]["internal"] is True
    near = {name for name, service in SERVICES.items() if "database" in service["networks"]}
    assert near == {"postgresql", "database-setup", "temporal"}


def test_ports_are_published_on_this_host_alone() -> None:
    published = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert published
    assert all(port.startswith("127.0.0.1:") for port in published)


def test_what_is_kept_lies_in_volumes() -> None:
    named = set(COMPOSE["volumes"])
    used = {
        volume.partition(":")[0]
        for service in SERVICES.values()
        for volume in service.get("volumes", [])
        if isinstance(volume, str) and not volume.startswith(".")
    }
    assert used == named == {"database", "state"}
    state = SERVICES["worker"]["environment"]["CADRE_STATE_DIR"]
    assert f"state:{state}" in SERVICES["worker"]["volumes"]
    assert given("VOLUME", last_stage()) == [state]


def test_files_that_are_mounted_exist() -> None:
    mounted = [
        volume.partition(":")[0]
        for service in SERVICES.values()
        for volume in service.get("volumes", [])
        if isinstance(volume, str) and volume.startswith("./")
    ]
    assert len(mounted) == 3
    assert all((ROOT / path).is_file() for path in mounted)


def test_the_image_has_the_locked_packages_and_what_the_sandbox_needs() -> None:
    runs = " ".join(given("RUN", DOCKERFILE))
    assert "--require-hashes" in runs
    assert "requirements.lock" in runs
    installed = shlex.split(next(r for r in given("RUN", last_stage()) if "apt-get" in r))
    assert {"bubblewrap", "git", "util-linux"} <= set(installed)
    assert PINNED.match(given("ARG", DOCKERFILE)[0].partition("=")[2])
    assert not given("ADD", DOCKERFILE)


def test_the_image_gets_every_package_of_the_wheel_and_nothing_else() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    packages = project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    copied = {
        source
        for rest in given("COPY", DOCKERFILE)
        if not rest.startswith("--from")
        for source in rest.split()[:-1]
    }
    needed = {*packages, "requirements.lock", "pyproject.toml", "README.md", "LICENSE"}
    assert copied == needed
    ignore = (ROOT / ".dockerignore").read_text().splitlines()
    assert {line[1:] for line in ignore if line.startswith("!")} == needed
    assert "*" in ignore
    assert not [name for name in needed if fnmatch.fnmatch(name, "*.env")]


def test_the_image_is_of_this_version() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert SERVICES["worker"]["image"] == SERVICES["simulator"]["image"] == f"cadre:{version}"


def test_the_override_for_bubblewrap_gives_up_filters_and_nothing_else() -> None:
    override = yaml.safe_load((ROOT / "deploy/compose.bubblewrap.yml").read_text())
    assert set(override["services"]) == {"worker"}
    assert set(override["services"]["worker"]) == {"security_opt"}


def test_search_attributes_are_left_to_the_worker() -> None:
    text = (ROOT / "docker-compose.yml").read_text() + "".join(
        path.read_text() for path in (ROOT / "deploy/temporal").iterdir()
    )
    assert not [name for name in SEARCH_ATTRIBUTES if name in text]
