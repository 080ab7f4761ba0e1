"""Where settings come from, and what a wrong one says."""

from pathlib import Path

import pytest

from cadre.domain.errors import CadreError, ErrorKind
from cadre.runtime.settings import load_settings


def test_defaults_follow_the_xdg_directories(
    plain_env: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert load_settings().state_dir == plain_env / ".local/state/cadre"
    monkeypatch.setenv("XDG_STATE_HOME", "/elsewhere")
    settings = load_settings()
    assert settings.state_dir == Path("/elsewhere/cadre")
    assert settings.objects_url == "file:///elsewhere/cadre/store"


def test_the_caller_beats_the_environment_and_that_beats_the_file(
    plain_env: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = plain_env / ".config/cadre/config.toml"
    file.parent.mkdir(parents=True)
    file.write_text('port = 1001\nui_port = 1002\ntask_queue = "file"\n')
    monkeypatch.setenv("CADRE_PORT", "2001")
    monkeypatch.setenv("CADRE_UI_PORT", "2002")
    settings = load_settings(port=3001, ui_port=None)
    assert (settings.port, settings.ui_port, settings.task_queue) == (3001, 2002, "file")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("port", "x"),
        ("port", "70000"),
        ("sqlite_synchronous", "off"),
        ("max_tool_calls", "0"),
        ("sandbox_read_only", "[broken"),
    ],
)
def test_a_wrong_value_is_named_in_one_line(
    plain_env: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(f"CADRE_{name.upper()}", value)
    with pytest.raises(CadreError) as caught:
        load_settings()
    assert caught.value.kind is ErrorKind.WRONG_INPUT
    assert name in caught.value.message
    assert "\n" not in caught.value.message


@pytest.mark.parametrize("text", ["port = \n", "prot = 7233\n", "port = [1]\n"])
def test_a_malformed_file_is_named(plain_env: Path, text: str) -> None:
    file = plain_env / ".config/cadre/config.toml"
    file.parent.mkdir(parents=True)
    file.write_text(text)
    with pytest.raises(CadreError, match=r"config\.toml"):
        load_settings()


def test_settings_reach_another_process_whole(
    plain_env: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    settings = load_settings(
        state_dir=tmp_path, sandbox_read_only=("/opt/a", "/opt/b"), sandbox_insecure=True, port=7777
    )
    for name, value in settings.as_environment().items():
        monkeypatch.setenv(name, value)
    assert load_settings() == settings


def test_paths_are_made_absolute(
    plain_env: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    assert load_settings(state_dir=Path("here")).state_dir == tmp_path / "here"
    assert load_settings(state_dir=Path("~/there")).state_dir == plain_env / "there"
