"""The search attributes of Cadre's runs, registered before the first one starts.

An attribute that the service does not know makes every workflow task fail while the run looks
as if it ran.
"""

from __future__ import annotations

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
}
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
    """Register what is missing. Registering twice at once is fine.

    Raises CadreError(WRONG_INPUT) with the commands to run where the service does not let us.
    """
    try:
        missing = await missing_search_attributes(client)
        if missing:
            types = {name: _TYPES[SEARCH_ATTRIBUTES[name]] for name in missing}
            await client.operator_service.add_search_attributes(
                AddSearchAttributesRequest(namespace=client.namespace, search_attributes=types)
            )
    except RPCError as error:
        if error.status is RPCStatusCode.ALREADY_EXISTS:
            return
        raise CadreError(
            ErrorKind.WRONG_INPUT,
            f"the Temporal service does not let Cadre register its search attributes "
            f"({error.message}): run `{registration_command(client.namespace)}`",
        ) from error


def registration_command(namespace: str) -> str:
    """What an operator runs to register all attributes by hand."""
    pairs = " ".join(f"--name {n} --type {t}" for n, t in SEARCH_ATTRIBUTES.items())
    return f"temporal operator search-attribute create --namespace {namespace} {pairs}"
