"""docs/deployment.md names every setting as it is, and docker-compose.yml keeps secrets to the
worker."""

from __future__ import annotations

import json
import re
from pathlib import Path

import yaml

from cadre.runtime.settings import Settings

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/deployment.md").read_text()
SERVICES = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
# Settings whose value lets somebody do something: `repr` leaves them out for the same reason.
SECRETS = {f"CADRE_{name.upper()}" for name, f in Settings.model_fields.items() if not f.repr}


def rows() -> dict[str, str]:
    """The table of settings: each variable's cell with its default."""
    table = PAGE.partition("## Settings\n")[2].partition("\n## ")[0]
    return dict(re.findall(r"^\| `(CADRE_\w+)` \| (.*?) \|", table, re.MULTILINE))


def test_every_setting_has_its_row_and_every_row_its_setting() -> None:
    assert set(rows()) == {f"CADRE_{name.upper()}" for name in Settings.model_fields}


def test_the_table_gives_the_defaults() -> None:
    for name, field in Settings.model_fields.items():
        value = field.default
        if field.default_factory is not None or value in (None, ()):
            continue  # told in words
        text = (
            json.dumps(value)
            if isinstance(value, bool)
            else f"{value:g}"
            if isinstance(value, int | float)
            else value
        )
        assert rows()[f"CADRE_{name.upper()}"] == f"`{text}`", name


def test_secrets_reach_the_worker_alone_and_come_from_the_environment() -> None:
    assert {"CADRE_DECISION_KEY", "CADRE_NOTIFY_SECRET"} == SECRETS
    for name, service in SERVICES.items():
        environment = service.get("environment", {})
        given = {secret: environment[secret] for secret in SECRETS if secret in environment}
        assert given == (dict.fromkeys(SECRETS) if name == "worker" else {}), name
