"""The patterns that included modules offer, beside Cadre's own."""

from __future__ import annotations

import re
from collections.abc import Sequence
from types import ModuleType

from cadre.domain.runs import RunInput
from cadre.included import offered, refused
from workflows.registry import PATTERNS, Pattern

_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
# The workflow that every agent is.
_RESERVED = ("agent",)


def patterns_of(modules: Sequence[ModuleType]) -> tuple[Pattern, ...]:
    """All patterns: Cadre's own, then those that the modules offer.

    Raises CadreError(WRONG_INPUT), one line, for a name that is taken or makes no sense, and for
    a workflow that cannot be imported or is none.
    """
    found = list(PATTERNS)
    for module, pattern in offered(modules, "PATTERNS", Pattern):
        if not _NAME.fullmatch(str(pattern.name)):
            raise refused(module, f"{pattern.name!r} cannot be a pattern's name: take a-z, 0-9, -")
        if pattern.name in _RESERVED or pattern.name in (known.name for known in found):
            raise refused(module, f"there is a pattern {pattern.name} already")
        if problem := _problem(pattern):
            raise refused(module, f"the pattern {pattern.name}: {problem}")
        found.append(pattern)
    return tuple(found)


def _problem(pattern: Pattern) -> str:
    """What is wrong with a pattern's workflow; empty where nothing is."""
    try:
        definition = getattr(pattern.load(), "__temporal_workflow_definition", None)
        model = pattern.input
    except Exception as error:  # noqa: BLE001 (whatever the module's own code may raise)
        why = " ".join(f"{type(error).__name__}: {error}".split())
        return f"{pattern.workflow} cannot be used: {why}"
    if definition is None or definition.name != pattern.name:
        return f"{pattern.workflow} is no workflow of that name: @workflow.defn(name=…) gives it"
    if not (isinstance(model, type) and issubclass(model, RunInput)):
        return f"{pattern.workflow} takes {model!r}, which is no RunInput"
    return ""
