"""What people read of what waits for them: in lists, on the page of the workflow that asks, and of
an agent's questions on the page of its run as well."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Annotated
from urllib.parse import quote

from pydantic import Field, ValidationError

from cadre.domain.base import Value
from cadre.domain.decisions import Question, Refusal
from cadre.domain.render import cell

# The signal by which an agent tells its run what it asks.
AGENT_ASKS = "agent_asks"
# The memo in which a workflow says what it refused last, so that its history tells.
REFUSED = "CadreRefused"
MAX_SHOWN_REFUSALS = 5
MAX_TOLD = 10
MAX_LINE_CHARS = 200
_AGENTS = "agents: "
_THEN = " · "
_MARKUP = re.compile(r"[\\`*\[\]<>]")

Name = Annotated[str, Field(max_length=200)]


class Asked(Value):
    """A question of an agent, as far as its run shows it."""

    id: Name
    title: Name
    approvers: tuple[Name, ...] = Field(default=(), max_length=40)
    expires: datetime | None = None


class AgentAsks(Value):
    """What one of a run's agents asks now, the first MAX_TOLD questions (signal `agent_asks`);
    `run_id` is Temporal's, of the agent's workflow."""

    agent_id: str = Field(min_length=1, max_length=1000)
    run_id: Name = ""
    questions: tuple[Asked, ...] = Field(default=(), max_length=MAX_TOLD)

    def now(self, questions: Iterable[Question]) -> AgentAsks:
        """The same agent, when it asks this."""
        asked = [
            Asked(id=q.id, title=q.title, approvers=q.approvers, expires=q.expires)
            for q in questions
        ]
        return self.model_copy(update={"questions": tuple(asked[:MAX_TOLD])})


def read_asks(payloads: Sequence[bytes]) -> AgentAsks | str:
    """What an agent's signal says, or what is wrong with it: anybody can send one."""
    if len(payloads) != 1:
        return f"the signal {AGENT_ASKS} takes one JSON object, and {len(payloads)} values came"
    try:
        return AgentAsks.model_validate_json(payloads[0])
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        return f"the signal {AGENT_ASKS}: {first['msg']}"[:300]


def waiting_line(questions: Iterable[Question], agents: Iterable[AgentAsks] = ()) -> str:
    """What waits, for a list: the questions' IDs, and who is asked; the workflow's own first."""
    own = ", ".join(_in_line(q.id, q.approvers) for q in questions)
    names = [(f"{each.agent_id}/{q.id}", q.approvers) for each in agents for q in each.questions]
    below = ", ".join(_in_line(*name) for name in names)
    parts = (own, f"{_AGENTS}{below}" if below else "")
    return cell(_THEN.join(filter(None, parts)), MAX_LINE_CHARS)


def own_part(line: str) -> str:
    """What a workflow asks itself, of such a line."""
    return "" if line.startswith(_AGENTS) else line.partition(f"{_THEN}{_AGENTS}")[0]


def _in_line(name: str, approvers: Sequence[str]) -> str:
    return f"{name} ({', '.join(approvers)})" if approvers else name


def form(question: Question) -> str:
    """What the Temporal UI's form for the signal or update `decide` takes, to be filled in."""
    told = {
        "id": question.id,
        "verdict": question.choices[0].value,
        "by": "YOUR NAME",
        "reason": "",
        "subject_sha256": question.subject_sha256,
    }
    return json.dumps(told, indent=2)


def waiting_text(
    workflow: str,
    questions: Sequence[Question],
    refusals: Sequence[Refusal] = (),
    agents: Sequence[AgentAsks] = (),
    *,
    namespace: str = "default",
) -> str:
    """What waits for whom and how to answer, as Markdown; empty where nothing does. `namespace` is
    Temporal's."""
    texts = [_question_text(workflow, question) for question in questions]
    pages = f"namespaces/{quote(namespace, safe='')}/workflows"
    texts += [_agent_text(workflow, pages, each, q) for each in agents for q in each.questions]
    last = refusals[-MAX_SHOWN_REFUSALS:]
    lines = [f"- refused: {_plain(refusal.why[:300])}" for refusal in last]
    return "\n\n".join([*texts, "\n".join(lines)] if lines else texts)


def _question_text(workflow: str, question: Question) -> str:
    run, _, agent = workflow.partition("/")
    name = f"{agent}/{question.id}" if agent else question.id
    whom = _whom(question.approvers, question.expires)
    verdicts = ", ".join(f"`{choice}`" for choice in question.choices)
    return (
        f"#### {name} waits for {whom}\n\n{question.text}\n\n"
        f"To answer on a terminal: `cadre approve {run} {name}` or "
        f"`cadre reject {run} {name} --reason …`\n\n"
        "To answer in this UI: More Actions ▸ Send an Update ▸ Name: `decide` ▸ Data: this, with "
        f"your name, and the verdict one of {verdicts}:\n\n```json\n{form(question)}\n```"
    )


def _agent_text(run: str, pages: str, agent: AgentAsks, question: Asked) -> str:
    """A question of an agent, none of whose words is markup: anybody can send them. The link is
    relative: details are a page in the UI's root."""
    name, workflow = f"{agent.agent_id}/{question.id}", f"{run}/{agent.agent_id}"
    place = "/".join((quote(workflow, safe=""), quote(agent.run_id, safe=""), "user-metadata"))
    whom = _whom([_plain(approver) for approver in question.approvers], question.expires)
    return (
        f"#### {_plain(name)} waits for {whom}\n\n{_code(question.title)}\n\n"
        f"To answer on a terminal: `cadre approvals {run}`, then "
        f"{_code(f'cadre approve {run} {name}')}\n\n"
        "To answer in this UI: the page of the workflow "
        f"[{_plain(workflow)}]({pages}/{place})"
    )


def _plain(text: str) -> str:
    """`text` as one line of Markdown that looks as it is written."""
    return _MARKUP.sub(r"\\\g<0>", " ".join(text.split()))


def _code(text: str) -> str:
    return "`" + " ".join(text.split()).replace("`", "'") + "`"


def _whom(approvers: Sequence[str], expires: datetime | None) -> str:
    until = f", until {expires:%Y-%m-%d %H:%M} UTC" if expires else ""
    return f"{', '.join(approvers) or 'anybody'}{until}"
