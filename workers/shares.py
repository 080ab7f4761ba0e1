"""How many processes a worker has, and each one's share of what is set for the worker."""

from __future__ import annotations

from cadre.domain.errors import CadreError, ErrorKind
from cadre.runtime.processors import usable_processors
from cadre.runtime.settings import Settings

# Limits of the whole worker that its processes share.
SHARED = ("max_model_calls", "max_tool_calls")


def process_count(settings: Settings) -> int:
    """How many processes the worker has: as many as set, else one for each usable processor.

    Each must be allowed one call of each kind at a time. Raises CadreError(WRONG_INPUT) where more
    are set than that.
    """
    limits = {name: int(getattr(settings, name)) for name in SHARED}
    least = min(limits, key=lambda name: limits[name])
    if settings.processes is None:
        return min(usable_processors(), limits[least])
    if settings.processes > limits[least]:
        raise CadreError(
            ErrorKind.WRONG_INPUT,
            f"{settings.processes} worker processes share a {least} of {limits[least]}: each "
            f"needs one, so set no more than {limits[least]} processes",
        )
    return settings.processes


def share_of(settings: Settings, number: int, count: int) -> Settings:
    """The settings of process `number`, from 1, of `count`: all shares together are the whole."""
    shares = {
        name: whole // count + (number <= whole % count)
        for name in SHARED
        for whole in [int(getattr(settings, name))]
    }
    return settings.model_copy(update={**shares, "processes": count})
