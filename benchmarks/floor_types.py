"""What the floor's workflow and its activities say to each other."""

from __future__ import annotations

from pydantic import BaseModel


class Task(BaseModel):
    """Input of the floor's workflow; `agent` names its conversation."""

    agent: str
    task: str


class Crowd(BaseModel):
    """Input of the floor's fan-out. An agent's conversation lies in one process's memory, so each
    process has a task queue of its own, and agents are dealt out to these."""

    tasks: list[Task]
    queues: list[str]


class ModelInput(BaseModel):
    """A turn: the task with the first one, then the tool uses whose results are there."""

    agent: str
    task: str | None = None
    results: list[str] = []


class ModelOutput(BaseModel):
    """The tool uses that the model wants, or its report."""

    uses: list[str] = []
    report: str = ""


class ToolInput(BaseModel):
    """A tool use."""

    agent: str
    use: str
