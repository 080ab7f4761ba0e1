"""What runs where: `services.json` in the state directory."""

from __future__ import annotations

import os
from pathlib import Path

from pydantic import ValidationError

from cadre.domain.base import Value
from cadre.domain.errors import CadreError, ErrorKind
from cadre.runtime.locks import supervisor_pid
from cadre.runtime.settings import Settings


class RunningServices(Value):
    """The services that a supervisor runs. A PID or an URL is None where that part is not run.
    `worker_pids` are the worker's processes.

    `ready` tells that all of them serve. `address` is Temporal's gRPC address, None where the user
    named a Temporal service; `simulator_url` is the base URL of the simulated Messages API and
    `scenario` what it plays, None for the demo's; `models` says in words where answers come from,
    `sandbox` which level the worker's sandbox has.
    """

    supervisor_pid: int
    ready: bool = False
    address: str | None = None
    ui_url: str | None = None
    server_pid: int | None = None
    worker_pids: tuple[int, ...] = ()
    simulator_pid: int | None = None
    simulator_url: str | None = None
    scenario: str | None = None
    models: str | None = None
    sandbox: str | None = None


def _file(settings: Settings) -> Path:
    return settings.state_dir / "services.json"


def write_services(settings: Settings, services: RunningServices) -> None:
    """Record `services`; a reader sees the old record or the new one."""
    temporary = settings.state_dir / f"services.json.{os.getpid()}"
    temporary.write_text(services.model_dump_json(indent=1))
    temporary.replace(_file(settings))


def remove_services(settings: Settings) -> None:
    """Forget the recorded services."""
    _file(settings).unlink(missing_ok=True)


def read_services(settings: Settings) -> RunningServices | None:
    """The services that run on this state directory, or None.

    A record that its supervisor left behind when it died does not count.
    """
    try:
        services = RunningServices.model_validate_json(_file(settings).read_bytes())
    except (FileNotFoundError, NotADirectoryError, ValidationError):
        return None
    except OSError as error:
        raise CadreError(ErrorKind.WRONG_INPUT, f"{_file(settings)}: {error.strerror}") from error
    return services if supervisor_pid(settings) == services.supervisor_pid else None
