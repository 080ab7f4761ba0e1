"""What scripted agents answer in a run, and how it went."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from temporalio.client import Client

from cadre.domain.outcomes import RunResult
from cadre.domain.runs import RunInput
from cadre.domain.turns import ModelCall
from tests.workflows.scripted import Script, report, uses
from workflows.registry import PATTERNS

DONE = {"summary": "why", "subject": "Fix it", "verified": [], "open_points": []}
REPORTS: dict[str, dict[str, Any]] = {
    "scout": {"summary": "s", "facts": [], "files": [], "risks": []},
    "planner": {"summary": "p", "steps": [], "checks": []},
    "builder": DONE,
    "worker": DONE,
    "resolver": DONE,
    "reviewer": {"verdict": "approve", "summary": "good", "findings": []},
    "splitter": {
        "summary": "in two",
        "parts": [{"title": f"Part {n}", "task": f"do {n}", "files": []} for n in "ab"],
    },
}
WRITERS = ("builder", "worker", "resolver", "documenter")


def agents(**answers: Callable[[ModelCall], Any]) -> Callable[[ModelCall], Any]:
    """Each role answers as given, else whoever writes edits once and every role reports."""

    def answer(call: ModelCall) -> Any:
        role = call.agent.role.name
        if role in answers:
            return answers[role](call)
        if role in WRITERS and call.turn == 1:
            return uses("Edit", read_only=False)
        return report(**REPORTS.get(role, DONE))

    return answer


async def run(client: Client, script: Script, spec: RunInput) -> RunResult:
    """A run of the pattern whose input this is, to its result."""
    [pattern] = [pattern for pattern in PATTERNS if pattern.input is type(spec)]
    queue = f"q-{spec.run}"
    async with script.worker(client, queue):
        result: RunResult = await client.execute_workflow(
            pattern.name, spec, id=spec.run, task_queue=queue, result_type=RunResult
        )
        return result


def asked(script: Script) -> list[str]:
    """The agents in the order of their first call."""
    return list(dict.fromkeys(call.agent_id for call in script.model_calls))
