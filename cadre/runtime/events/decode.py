"""Payloads and failures of a history, as values and as words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from temporalio.api.common.v1 import Payload
from temporalio.api.failure.v1 import Failure
from temporalio.converter import DataConverter

from cadre.domain.errors import CadreError, ErrorKind

T = TypeVar("T")


class Decoder:
    """Decodes the payloads of the workflow `workflow` with the client's own converter."""

    def __init__(self, workflow: str, converter: DataConverter) -> None:
        self._workflow = workflow
        self._converter = converter

    async def first(self, payloads: Sequence[Payload], kind: type[T]) -> T | None:
        """The first of `payloads`; None if there is none.

        Raises CadreError where it is not of the type that this version writes.
        """
        if not payloads:
            return None
        try:
            value: T = (await self._converter.decode(payloads[:1], [kind]))[0]
        except (RuntimeError, ValueError) as error:
            raise CadreError(
                ErrorKind.WRONG_INPUT,
                f"the history of {self._workflow} was not written by this version of Cadre "
                f"(no {kind.__name__}): look at it in the Temporal UI",
            ) from error
        return value

    async def expect(self, payloads: Sequence[Payload], kind: type[T]) -> T:
        """The first of `payloads`, which must be there. Raises CadreError."""
        value = await self.first(payloads, kind)
        if value is None:
            raise CadreError(
                ErrorKind.WRONG_INPUT,
                f"the history of {self._workflow} holds no {kind.__name__} where it should: "
                "look at it in the Temporal UI",
            )
        return value


def reason(failure: Failure) -> str:
    """The message at the root of a failure: Temporal's own layers only say where it happened."""
    while failure.HasField("cause"):
        failure = failure.cause
    return failure.message
