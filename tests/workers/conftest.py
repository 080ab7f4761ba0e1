"""Settings on directories and ports of the test's own."""

import os
from pathlib import Path

import pytest

from cadre.runtime.ports import free_port
from cadre.runtime.settings import Settings, load_settings

FOREIGN = ("TEMPORAL_", "CADRE_", "XDG_", "ANTHROPIC_")


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Settings:
    for name in os.environ:
        if name.startswith(FOREIGN):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    return load_settings(
        state_dir=tmp_path / "state", port=free_port(), ui_port=free_port(), processes=1
    )
