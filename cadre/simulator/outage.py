"""Outages: for a while, every call is refused."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from pydantic import Field

from cadre.domain.base import Value
from cadre.simulator.errors import ApiError


class Outage(Value):
    """Refuse every call with `status` for `seconds` from now; 0 ends an outage. `retry_after`
    adds the header of that name, in seconds."""

    seconds: float = Field(ge=0)
    status: int = Field(default=529, ge=400, le=599)
    retry_after: float | None = Field(default=None, ge=0)


@dataclass
class Weather:
    """Whether there is an outage now; `clock` counts seconds."""

    clock: Callable[[], float] = time.monotonic
    _outage: Outage | None = None
    _until: float = 0.0

    def begin(self, outage: Outage) -> None:
        """Take `outage` in place of any other."""
        self._outage, self._until = outage, self.clock() + outage.seconds

    def refusal(self) -> ApiError | None:
        """How a call is refused now, if it is."""
        outage = self._outage
        if outage is None or self.clock() >= self._until:
            return None
        return ApiError(outage.status, "injected outage", retry_after=outage.retry_after)
