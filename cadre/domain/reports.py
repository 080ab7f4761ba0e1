"""What agents hand to each other: structured reports, never transcripts.

Each report is the schema of an agent's last answer. The Messages API constrains the answer to
it, pydantic checks it, and an answer that does not fit goes back to the agent.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from pydantic import Field

from cadre.domain.base import Value

# A report travels inline in a workflow's history, so it must stay well under a payload's bound.
MAX_REPORT_BYTES = 24 * 1024


class RelevantFile(Value):
    """A file that matters for the task, and why."""

    path: str = Field(description="Path relative to the repository's root.")
    why: str = Field(description="What it holds that matters for the task.")


class ScoutReport(Value):
    """What a scout found out."""

    summary: str = Field(description="The answer in two or three sentences.")
    facts: list[str] = Field(
        description="What was seen, each with path and line where it was seen."
    )
    files: list[RelevantFile] = Field(description="The files that a plan has to know.")
    risks: list[str] = Field(description="What could go wrong, and what is not known.")


class PlanStep(Value):
    """One step of a plan."""

    title: str
    files: list[str] = Field(description="The files that it touches.")
    detail: str = Field(description="What to change and how, precise enough to follow.")


class Plan(Value):
    """What to build, in which order, and how to tell that it works."""

    summary: str
    steps: list[PlanStep]
    checks: list[str] = Field(description="Commands or observations that show that it works.")


class BuildReport(Value):
    """What a builder did."""

    summary: str = Field(description="What was changed and why, for a commit message's body.")
    subject: str = Field(description="A commit subject of at most 72 characters, imperative.")
    verified: list[str] = Field(description="What was run, and what it showed.")
    open_points: list[str] = Field(description="What is left open; empty if nothing is.")


class Severity(StrEnum):
    """How bad a finding is; anything from major up stands against approval."""

    CRITICAL = "critical"
    MAJOR = "major"
    MINOR = "minor"


class Finding(Value):
    """One thing that a review found wrong."""

    severity: Severity
    path: str = Field(description="The file, or an empty string where no one file is meant.")
    line: int | None = Field(description="The line in the new file, or null.")
    message: str = Field(description="What is wrong and what would be right.")


class Review(Value):
    """A reviewer's verdict on a change."""

    verdict: Literal["approve", "request_changes"]
    summary: str
    findings: list[Finding]


class Answer(Value):
    """What a sub-agent tells the agent that asked it."""

    answer: str = Field(
        description="All that the asker needs, complete in itself: what was found or done, with "
        "paths and lines, what was run and what it showed, and what is open."
    )


class SplitPart(Value):
    """One part of a task, which an agent of its own can do without the others."""

    title: str = Field(description="What will be true after it, in at most 72 characters.")
    task: str = Field(description="The whole task of its agent, who sees nothing of the others'.")
    files: list[str] = Field(description="The files that it will probably touch.")


class Split(Value):
    """A task in parts that several agents can do at once, each in a copy of its own."""

    summary: str = Field(description="Why it is split this way, in two or three sentences.")
    parts: list[SplitPart] = Field(description="At least two parts.", min_length=2)


REPORT_TYPES: dict[str, type[Value]] = {
    "ScoutReport": ScoutReport,
    "Plan": Plan,
    "BuildReport": BuildReport,
    "Review": Review,
    "Split": Split,
    "Answer": Answer,
}
