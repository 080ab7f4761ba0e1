"""Cadre's own settings, read once at the edge and passed in.

From the strongest source to the weakest: what the caller passes, `CADRE_…` in the environment,
`$XDG_CONFIG_HOME/cadre/config.toml`, the default. Temporal's own settings (`TEMPORAL_…`) belong
to `cadre.runtime.client`.
"""

from __future__ import annotations

import json
import os
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    TomlConfigSettingsSource,
)

from cadre.domain.errors import CadreError, ErrorKind
from cadre.domain.runs import TASK_QUEUE


def _xdg(variable: str, fallback: str) -> Path:
    """An XDG base directory; the specification has relative values ignored."""
    value = os.environ.get(variable, "")
    return Path(value) if value.startswith("/") else Path.home() / fallback


def config_file() -> Path:
    """Where the optional settings file lies."""
    return _xdg("XDG_CONFIG_HOME", ".config") / "cadre" / "config.toml"


def _default_state_dir() -> Path:
    return _xdg("XDG_STATE_HOME", ".local/state") / "cadre"


def _absolute(path: Path) -> Path:
    return Path(os.path.abspath(path.expanduser()))  # noqa: PTH100 (resolve() follows symlinks)


def _names(value: object) -> object:
    """Names from one text with commas, as an environment has them, or as JSON."""
    if not isinstance(value, str):
        return value
    if value.startswith("["):
        return json.loads(value)
    return tuple(name for part in value.split(",") if (name := part.strip()))


AbsolutePath = Annotated[Path, AfterValidator(_absolute)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*$")]
Names = Annotated[tuple[Name, ...], NoDecode, BeforeValidator(_names)]


class Settings(BaseSettings):
    """What an operator can set."""

    model_config = SettingsConfigDict(
        env_prefix="CADRE_", env_ignore_empty=True, extra="forbid", frozen=True
    )

    state_dir: AbsolutePath = Field(
        default_factory=_default_state_dir,
        description="Directory of the database, the workspaces and the object store.",
    )
    store_url: str | None = Field(
        default=None, description="Object store: file:///path, s3://, gs://, az:// [in state_dir]."
    )
    port: int = Field(default=7233, ge=1, le=65535, description="Port of the embedded server.")
    ui_port: int = Field(default=8233, ge=1, le=65535, description="Port of its web UI.")
    task_queue: str = Field(default=TASK_QUEUE, min_length=1, description="Task queue of the runs.")
    retention_days: int = Field(
        default=30, ge=1, le=3650, description="Days that the embedded server keeps closed runs."
    )
    sqlite_synchronous: Literal["normal", "full"] = Field(
        default="normal",
        description="`normal` may lose the last moments when the power fails; `full` is slower.",
    )
    model_stall_seconds: float = Field(
        default=90, gt=0, description="How long an answer of the model may stand still."
    )
    prices_file: AbsolutePath | None = Field(
        default=None, description="TOML file with prices that replace or extend the built-in ones."
    )
    sandbox_insecure: bool = Field(
        default=False, description="Run agents' commands without a sandbox where none works."
    )
    sandbox_read_only: tuple[AbsolutePath, ...] = Field(
        default=(), description="More directories that the sandbox shows, such as toolchains."
    )
    processes: int | None = Field(
        default=None, ge=1, le=256, description="Processes of a worker [the usable processors]."
    )
    include: Names = Field(
        default=(), description="Modules that offer patterns, tools or agents of your own."
    )
    max_model_calls: int = Field(
        default=100, ge=1, description="Model calls at once, by all processes of a worker."
    )
    max_tool_calls: int = Field(
        default=16, ge=1, description="Tool calls at once, by all processes of a worker."
    )
    delivery_commands: dict[str, str] = Field(
        default_factory=dict,
        description="Commands that a run may name to deliver its result, by their names.",
    )
    delivery_hooks: bool = Field(
        default=False, description="Run the repository's own hooks at a push."
    )
    delivery_seconds: float = Field(
        default=600, gt=0, le=1000, description="How long a push or a delivery command may take."
    )
    max_cached_workflows: int = Field(
        default=1000,
        ge=1,
        description="Workflows that a worker keeps in memory, waiting ones too; others are "
        "replayed when something happens to them.",
    )
    shutdown_seconds: float = Field(
        default=10, ge=0, description="How long a worker that is stopped waits for its activities."
    )
    decision_key: str | None = Field(
        default=None,
        min_length=16,
        repr=False,
        description="Key that signs people's decisions; with it, unsigned ones are refused.",
    )
    notify_url: str | None = Field(
        default=None, pattern=r"^https?://", description="Webhook that is told what waits for whom."
    )
    notify_secret: str | None = Field(
        default=None, min_length=16, repr=False, description="Secret that signs what it is told."
    )
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    @property
    def objects_url(self) -> str:
        """The object store's URL, a directory in the state directory by default."""
        return self.store_url or f"file://{self.state_dir / 'store'}"

    def as_environment(self) -> dict[str, str]:
        """The variables that give another process these settings, whatever its own sources say."""
        given = self.model_dump(mode="json", exclude_unset=True)
        return {
            f"CADRE_{name.upper()}": value if isinstance(value, str) else json.dumps(value)
            for name, value in given.items()
            if value is not None
        }

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """No `.env`: it would be read from whatever directory a user stands in."""
        file = TomlConfigSettingsSource(settings_cls, toml_file=config_file())
        return init_settings, env_settings, file


def load_settings(**overrides: Any) -> Settings:
    """Read the settings; `overrides` that are None count as not given.

    Raises CadreError(WRONG_INPUT) with one line that names the first wrong value.
    """
    try:
        return Settings(**{k: v for k, v in overrides.items() if v is not None})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = str(first["loc"][0])
        message = f"setting {name} (CADRE_{name.upper()} or {config_file()}): {first['msg']}"
        raise CadreError(ErrorKind.WRONG_INPUT, message) from error
    except SettingsError as error:
        raise CadreError(ErrorKind.WRONG_INPUT, f"{error} (CADRE_… or {config_file()})") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise CadreError(ErrorKind.WRONG_INPUT, f"{config_file()}: {error}") from error
