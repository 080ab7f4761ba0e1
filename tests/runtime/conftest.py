"""Settings on directories and ports of the test's own."""

import os
from pathlib import Path

import pytest

from cadre.runtime.ports import free_port
from cadre.runtime.settings import Settings, load_settings

FOREIGN = ("TEMPORAL_", "CADRE_", "XDG_")


@pytest.fixture
def plain_env(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """No settings of the machine's user reach the test; a home directory of its own."""
    for name in os.environ:
        if name.startswith(FOREIGN):
            monkeypatch.delenv(name)
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    return home


@pytest.fixture
def settings(plain_env: Path, tmp_path: Path) -> Settings:
    return load_settings(state_dir=tmp_path / "state", port=free_port(), ui_port=free_port())
