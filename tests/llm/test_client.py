"""The client, and which credentials it would find."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from cadre.domain.errors import CadreError, ErrorKind
from cadre.llm.client import credentials_found, has_credentials, make_client, secrets_of

FEDERATION = {
    "ANTHROPIC_FEDERATION_RULE_ID": "r",
    "ANTHROPIC_ORGANIZATION_ID": "o",
    "ANTHROPIC_IDENTITY_TOKEN": "secret-token",
}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home without any credentials; the environment is the test's own."""
    import os  # noqa: PLC0415

    for name in [name for name in os.environ if name.startswith("ANTHROPIC_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def profile(directory: Path, name: str, *, active: bool) -> None:
    (directory / "configs").mkdir(parents=True, exist_ok=True)
    config = directory / "configs" / f"{name}.json"
    config.write_text('{"authentication": {"type": "user_oauth"}}')
    config.chmod(0o600)
    if active:
        (directory / "active_config").write_text(f"{name}\n")


@pytest.mark.parametrize(
    ("environ", "found"),
    [
        ({"ANTHROPIC_API_KEY": "s3cret", "ANTHROPIC_AUTH_TOKEN": "t"}, "ANTHROPIC_API_KEY"),
        ({"ANTHROPIC_API_KEY": "", "ANTHROPIC_AUTH_TOKEN": "s3cret"}, "ANTHROPIC_AUTH_TOKEN"),
        (FEDERATION, "workload identity (ANTHROPIC_FEDERATION_RULE_ID)"),
        ({}, None),
    ],
)
def test_what_is_found_is_what_the_sdk_uses(
    home: Path, monkeypatch: pytest.MonkeyPatch, environ: dict[str, str], found: str | None
) -> None:
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    assert credentials_found({**environ, "HOME": str(home)}) == found
    assert has_credentials(make_client()) == (found is not None)


@pytest.mark.parametrize("active", [True, False])
def test_a_profile_on_disk_is_found(home: Path, active: bool) -> None:
    name = "work" if active else "default"
    profile(home / ".config" / "anthropic", name, active=active)
    found = credentials_found({"HOME": str(home)})
    assert found is not None
    assert found.startswith(f"profile {name} ")
    assert has_credentials(make_client())


def test_a_profile_that_is_named_but_missing_is_an_error_in_one_line(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTHROPIC_PROFILE", "gone")
    assert credentials_found({"ANTHROPIC_PROFILE": "gone"}) == "profile gone (ANTHROPIC_PROFILE)"
    with pytest.raises(CadreError) as raised:
        make_client()
    assert raised.value.kind is ErrorKind.MODEL_ACCESS
    assert "\n" not in raised.value.message


def test_the_client_never_retries_and_knows_its_limits(home: Path) -> None:
    client = make_client(api_key="k", base_url="http://127.0.0.1:1", stall_seconds=7)
    assert client.max_retries == 0
    assert (client.timeout.connect, client.timeout.read) == (10, 7)  # type: ignore[union-attr]


def test_secrets_are_told_from_placeholders(home: Path) -> None:
    assert secrets_of(make_client(api_key="sk-ant-0123")) == ("sk-ant-0123",)
    assert secrets_of(make_client(api_key="k")) == ()


def test_looking_for_credentials_does_not_import_the_sdk() -> None:
    code = (
        "import sys, cadre.llm.client as c; c.credentials_found({});"
        "sys.exit('anthropic' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
