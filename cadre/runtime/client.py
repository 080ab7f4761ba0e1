"""The way to the Temporal service: the embedded server, or the one that the user names."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping

from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.envconfig import ClientConfig, ClientConnectConfig

from cadre.domain.errors import CadreError, ErrorKind
from cadre.runtime.record import read_services
from cadre.runtime.settings import Settings

CONNECT_SECONDS = 5.0


def external_service(environ: Mapping[str, str] = os.environ) -> bool:
    """Whether the user named a Temporal service. A profile that merely exists names none."""
    return bool(environ.get("TEMPORAL_ADDRESS") or environ.get("TEMPORAL_PROFILE"))


def _external_config() -> ClientConnectConfig:
    # With an address alone no file is read: a default profile would send its key there.
    named = bool(os.environ.get("TEMPORAL_PROFILE") or os.environ.get("TEMPORAL_CONFIG_FILE"))
    try:
        config = ClientConfig.load_client_connect_config(disable_file=not named)
    except (RuntimeError, OSError) as error:
        raise CadreError(ErrorKind.WRONG_INPUT, f"Temporal's client settings: {error}") from error
    if "target_host" not in config:
        config["target_host"] = "localhost:7233"
    return config


def _embedded_config(settings: Settings) -> ClientConnectConfig:
    services = read_services(settings)
    if services is None or services.address is None:
        raise CadreError(
            ErrorKind.WRONG_INPUT,
            f"no Temporal server runs on {settings.state_dir}: start one with `cadre up`, "
            "or name a Temporal service by TEMPORAL_ADDRESS",
        )
    return ClientConnectConfig(target_host=services.address)


async def connect_to(config: ClientConnectConfig, advice: str) -> Client:
    """Connect within `CONNECT_SECONDS` or raise CadreError(WRONG_INPUT) that ends in `advice`."""
    address = config.get("target_host", "")
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            return await Client.connect(**config, data_converter=pydantic_data_converter)
    except TimeoutError:
        why = f"within {CONNECT_SECONDS:g} s"
    except (RuntimeError, ValueError) as error:
        why = f"({_short(error)})"
    raise CadreError(
        ErrorKind.WRONG_INPUT, f"no Temporal server answers at {address} {why}: {advice}"
    )


def _short(error: Exception) -> str:
    """The telling end of the SDK's nested message."""
    text = str(error).splitlines()[0] if str(error) else type(error).__name__
    for known in ("Connection refused", "Name or service not known", "certificate", "Unauthorized"):
        if known.lower() in text.lower():
            return known.lower()
    return text[:160]


async def connect(settings: Settings) -> Client:
    """A client of the service that the user named, else of the embedded server.

    Raises CadreError(WRONG_INPUT) in one line where none runs or answers.
    """
    if external_service():
        return await connect_to(
            _external_config(), "check TEMPORAL_ADDRESS, TEMPORAL_PROFILE and the service"
        )
    return await connect_to(
        _embedded_config(settings), "its server may be restarting; `cadre doctor` tells more"
    )
