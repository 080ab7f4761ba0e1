"""The search attributes of Cadre's runs, registered before the first one starts.

An attribute that the service does not know makes every workflow task fail while the run looks
as if it ran.
"""

from __future__ import annotations

import asyncio

from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import (
    AddSearchAttributesRequest,
    ListSearchAttributesRequest,
)
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from cadre.domain.errors import CadreError, ErrorKind

SEARCH_ATTRIBUTES = {
    "CadrePattern": "Keyword",
    "CadreStatus": "Keyword",
    "CadreRepo": "Keyword",
    "CadreCostUsd": "Double",
    "CadreWaiting": "Keyword",
}
# A service of several parts passes the news of a registration on to them within some seconds.
USABLE_SECONDS = 60.0
POLL_SECONDS = 0.1
_TYPES = {
    "Keyword": IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD,
    "Double": IndexedValueType.INDEXED_VALUE_TYPE_DOUBLE,
}


async def missing_search_attributes(client: Client) -> list[str]:
    """Names of the attributes that the service does not know yet."""
    try:
        known = await client.operator_service.list_search_attributes(
            ListSearchAttributesRequest(namespace=client.namespace)
        )
    except RPCError:  # some services keep the operator's interface for their own people
        return [name for name in SEARCH_ATTRIBUTES if not await _can_be_queried(client, name)]
    return [name for name in SEARCH_ATTRIBUTES if name not in known.custom_attributes]


async def _can_be_queried(client: Client, name: str) -> bool:
    try:
        await client.count_workflows(f"{name} IS NULL")
    except RPCError as error:
        if error.status is RPCStatusCode.INVALID_ARGUMENT:
            return False
        raise
    return True


async def ensure_search_attributes(client: Client) -> None:
    """Register what is missing, and wait until it can be used. Registering twice at once is fine.

    Raises CadreError(WRONG_INPUT) with the commands to run where the service does not let us.
    """
    try:
        missing = await missing_search_attributes(client)
        if missing:
            types = {name: _TYPES[SEARCH_ATTRIBUTES[name]] for name in missing}
            await client.operator_service.add_search_attributes(
                AddSearchAttributesRequest(namespace=client.namespace, search_attributes=types)
            )
            await _until_usable(client, missing)
    except RPCError as error:
        if error.status is RPCStatusCode.ALREADY_EXISTS:
            await _until_usable(client, list(SEARCH_ATTRIBUTES))
            return
        raise CadreError(
            ErrorKind.WRONG_INPUT,
            f"the Temporal service does not let Cadre register its search attributes "
            f"({error.message}): run `{registration_command(client.namespace)}`",
        ) from error


async def _until_usable(client: Client, names: list[str]) -> None:
    """Wait until the part of the service that also starts workflows knows `names`."""
    try:
        async with asyncio.timeout(USABLE_SECONDS):
            for name in names:
                while not await _can_be_queried(client, name):  # noqa: ASYNC110
                    await asyncio.sleep(POLL_SECONDS)
    except TimeoutError:
        raise CadreError(
            ErrorKind.WRONG_INPUT,
            f"the Temporal service registered its search attributes, but does not take them within "
            f"{USABLE_SECONDS:g} s: try again, or see its log",
        ) from None


def registration_command(namespace: str) -> str:
    """What an operator runs to register all attributes by hand."""
    pairs = " ".join(f"--name {n} --type {t}" for n, t in SEARCH_ATTRIBUTES.items())
    return f"temporal operator search-attribute create --namespace {namespace} {pairs}"
