"""What there is to run: Cadre's own patterns, tools and agents, and those of included modules."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workflows.registry import PATTERNS, Pattern

if TYPE_CHECKING:
    from cadre.runtime.settings import Settings
    from cadre.tools.catalog import Catalog


def patterns(settings: Settings) -> tuple[Pattern, ...]:
    """All patterns. Raises CadreError(WRONG_INPUT), one line, where a module makes no sense."""
    if not settings.include:
        return PATTERNS
    from cadre.included import load  # noqa: PLC0415
    from workflows.included import patterns_of  # noqa: PLC0415 (imports Temporal's client)

    return patterns_of(load(settings.include))


def catalog(settings: Settings) -> Catalog:
    """All tools and agents. Raises CadreError(WRONG_INPUT), one line, like `patterns`."""
    from cadre.included import load  # noqa: PLC0415
    from cadre.tools.catalog import catalog_of  # noqa: PLC0415

    return catalog_of(load(settings.include))


def check_included(settings: Settings) -> None:
    """Say what is wrong with included modules before anything starts. Raises CadreError."""
    if settings.include:
        patterns(settings)
        catalog(settings)
