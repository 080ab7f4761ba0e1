"""Every pattern, and the workflows that a worker runs. Nothing is imported before it is used."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import NamedTuple, get_type_hints

from cadre.domain.runs import RunInput


class Pattern(NamedTuple):
    """A pattern: its name, which is its workflow's too, what it does, and `module:Class` of its
    workflow. The options of a run come from what the workflow's `run` takes."""

    name: str
    summary: str
    workflow: str

    def load(self) -> type:
        """The workflow's class."""
        module, _, name = self.workflow.partition(":")
        found: type = getattr(import_module(module), name)
        return found

    @property
    def input(self) -> type[RunInput]:
        """The model of the workflow's one argument."""
        hints = get_type_hints(self.load().run)  # type: ignore[attr-defined]
        [model] = [hint for name, hint in hints.items() if name != "return"]
        found: type[RunInput] = model
        return found


PATTERNS = (
    Pattern("one-shot", "One agent does the task.", "workflows.one_shot:OneShot"),
    Pattern("scout-build", "A scout looks, a builder builds.", "workflows.scout_build:ScoutBuild"),
    Pattern("pipeline", "Scout, plan, build and review a task.", "workflows.pipeline:Pipeline"),
    Pattern("stages", "Stages of your own, each with a gate.", "workflows.gated:Gated"),
    Pattern("approval", "Build, review, ask a person, deliver.", "workflows.approval:Approval"),
    Pattern("fan-out", "Many agents at once, integrated.", "workflows.fan_out:FanOut"),
)


def workflows(patterns: Sequence[Pattern] = PATTERNS) -> tuple[type, ...]:
    """The workflows of these patterns, and the agent's."""
    agent = Pattern("agent", "", "workflows.agent:AgentWorkflow")
    return tuple(pattern.load() for pattern in (agent, *patterns))
