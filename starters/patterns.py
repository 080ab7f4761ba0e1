"""The patterns that a run can follow."""

from __future__ import annotations

from collections.abc import Sequence

from cadre.domain.errors import CadreError, ErrorKind
from workflows.registry import PATTERNS, Pattern


def pattern_named(name: str, patterns: Sequence[Pattern] = PATTERNS) -> Pattern:
    """The one of `patterns` that has this name. Raises CadreError(WRONG_INPUT)."""
    for pattern in patterns:
        if pattern.name == name:
            return pattern
    known = ", ".join(pattern.name for pattern in patterns)
    raise CadreError(ErrorKind.WRONG_INPUT, f"unknown pattern {name!r}: there is {known}")
