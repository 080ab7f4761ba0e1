"""The patterns that a run can follow: their workflows and what these are given."""

from __future__ import annotations

from typing import NamedTuple

from cadre.domain.errors import CadreError, ErrorKind
from cadre.domain.runs import PipelineInput, RunInput


class Pattern(NamedTuple):
    """A pattern's name, which is its workflow's, and its input; its options come from there."""

    name: str
    input: type[RunInput]


PATTERNS = (Pattern("pipeline", PipelineInput),)


def pattern_named(name: str) -> Pattern:
    """The pattern `name`. Raises CadreError(WRONG_INPUT)."""
    for pattern in PATTERNS:
        if pattern.name == name:
            return pattern
    known = ", ".join(pattern.name for pattern in PATTERNS)
    raise CadreError(ErrorKind.WRONG_INPUT, f"unknown pattern {name!r}: there is {known}")
