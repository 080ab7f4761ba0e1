"""Scenarios: what the simulated model answers, decided by what it has read."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Protocol, runtime_checkable

from cadre.domain.errors import CadreError, ErrorKind
from cadre.simulator.conversation import Conversation
from cadre.simulator.errors import Json
from cadre.simulator.faults import Fault

_ATTRIBUTE = "scenario"


@dataclass(frozen=True)
class Say:
    """Visible text."""

    text: str


@dataclass(frozen=True)
class Think:
    """Thinking; left out where the request turns it off."""

    text: str


@dataclass(frozen=True)
class Use:
    """A tool use; several in one answer ask for parallel ones. A tool that the request does not
    offer is a mistake of the scenario's, unless `offered` says that the model ignores that."""

    tool: str
    input: Json = field(default_factory=dict)
    offered: bool = True


@dataclass(frozen=True)
class Report:
    """The final report, sent as JSON text."""

    report: Json


Part = Say | Think | Use | Report


@dataclass(frozen=True)
class Answer:
    """What the model answers. `latency` (seconds before the first byte) overrides the server's;
    `fault` spoils the first `fault_attempts` attempts at this answer, or each where that is None.
    """

    parts: tuple[Part, ...]
    latency: float | None = None
    fault: Fault | None = None
    fault_attempts: int | None = None

    def fault_at(self, attempt: int) -> Fault | None:
        """What spoils the given attempt (from 1), if anything."""
        spoilt = self.fault_attempts is None or attempt <= self.fault_attempts
        return self.fault if spoilt else None


def answer(
    *parts: Part,
    latency: float | None = None,
    fault: Fault | None = None,
    fault_attempts: int | None = None,
) -> Answer:
    """An answer of these parts, in order."""
    return Answer(parts, latency, fault, fault_attempts)


@runtime_checkable
class Scenario(Protocol):
    """Scripts every agent of a run. It may also have an attribute `faults`, a FaultPlan."""

    def answer(self, conversation: Conversation) -> Answer:
        """The next answer, from the conversation alone: the same one gives the same answer."""


def load_scenario(spec: str) -> Scenario:
    """The scenario that `module:attribute` or `path/to/file.py[:attribute]` names.

    Raises CadreError(WRONG_INPUT) with one line where there is none.
    """
    name, _, attribute = spec.partition(":")
    attribute = attribute or _ATTRIBUTE
    module = _load_file(Path(name)) if name.endswith(".py") else _import(name)
    found = getattr(module, attribute, None)
    if isinstance(found, type) or not isinstance(found, Scenario):
        raise CadreError(
            ErrorKind.WRONG_INPUT,
            f"scenario {spec}: {name} has no {attribute} with a method answer(conversation)",
        )
    return found


def _import(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        message = f"scenario {name}: {error}; give module:attribute or path/to/file.py:attribute"
        raise CadreError(ErrorKind.WRONG_INPUT, message) from error
    except (TypeError, ValueError) as error:
        raise CadreError(ErrorKind.WRONG_INPUT, f"scenario {name!r}: not a module name") from error


def _load_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise CadreError(ErrorKind.WRONG_INPUT, f"scenario {path}: no such file")
    name = f"cadre_scenario_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise CadreError(ErrorKind.WRONG_INPUT, f"scenario {path}: not a Python file")
    module = importlib.util.module_from_spec(spec)
    # Dataclasses look their module up while it is being executed.
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except (ImportError, SyntaxError, NameError, AttributeError) as error:
        message = f"scenario {path}: {type(error).__name__}: {' '.join(str(error).split())}"
        raise CadreError(ErrorKind.WRONG_INPUT, message) from error
    return module
