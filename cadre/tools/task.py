"""The tool Task, by which an agent has others do something. The engine runs them as agents."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from cadre.domain.agent_file import NAME_PATTERN
from cadre.domain.agents import TASK, Agent
from cadre.domain.delegation import MAX_ID_CHARS, MAX_TASK_CHARS
from cadre.tools.tool import Text, Tool, ToolContext, ToolInput, ToolOutput


def _not_blank(text: str) -> str:
    if not text.strip():
        raise ValueError("must not be empty")
    return text


Words = Annotated[Text, AfterValidator(_not_blank)]


class TaskInput(ToolInput):
    """Have another agent do a task and tell you its answer. It sees the workspace as it is now, and
    nothing of your conversation: put all that it needs into the prompt. Agents that only read run
    at the same time when you ask for several in one turn; one that writes works alone, and you go
    on with the files as it left them. What it costs comes out of your own budget."""

    description: Words = Field(description="What it is about, in three to eight words.")
    prompt: Words = Field(description="The whole task.", max_length=MAX_TASK_CHARS)
    subagent_type: str = Field(pattern=f"^{NAME_PATTERN}$", description="Which agent does it.")
    resume: str | None = Field(
        default=None,
        max_length=MAX_ID_CHARS,
        description="The ID of such an agent that you asked before: it goes on from its own "
        "conversation, with your prompt.",
    )


async def _run(_: TaskInput, __: ToolContext) -> ToolOutput:
    return ToolOutput("Agents cannot be started here.", is_error=True)


TASK_TOOL = Tool(name=TASK, input=TaskInput, run=_run, subject="description")


def offered_to(agent: Agent, schemas: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The schemas of an agent's tools; that of Task says which agents there are to ask."""
    there = "\n".join(
        f"- {helper.name}{'' if _may_write(agent, helper.writes) else ' (only reads)'}: "
        f"{helper.description}"
        for helper in agent.helpers
    )
    return [
        {**schema, "description": f"{schema['description']}\n\nAgents:\n{there}"}
        if schema["name"] == TASK
        else schema
        for schema in schemas
    ]


def only_reads(agent: Agent, input: Mapping[str, object]) -> bool:  # noqa: A002 - the API's word
    """Whether a call of Task by `agent` changes nothing, whatever a model wrote into it."""
    asked = input.get("subagent_type")
    return not any(h.name == asked and _may_write(agent, h.writes) for h in agent.helpers)


def _may_write(asker: Agent, writes: bool) -> bool:
    return writes and asker.role.writes
