"""What a check of `cadre doctor` comes to."""

from __future__ import annotations

from enum import StrEnum

from cadre.domain.base import Value


class State(StrEnum):
    """How a check came out."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


class Check(Value):
    """One line: what was looked at, what was found, and what to do where it is not fine."""

    name: str
    state: State
    found: str
    advice: str = ""


def ok(name: str, found: str, advice: str = "") -> Check:
    """All is well; `advice` says what one can do next."""
    return Check(name=name, state=State.OK, found=found, advice=advice)


def warn(name: str, found: str, advice: str) -> Check:
    """It works, but perhaps not as one thinks."""
    return Check(name=name, state=State.WARN, found=found, advice=advice)


def fail(name: str, found: str, advice: str = "") -> Check:
    """Runs will not work."""
    return Check(name=name, state=State.FAIL, found=found, advice=advice)
