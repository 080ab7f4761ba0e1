"""A question that is asked: what it says, and who is told when while it waits."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from enum import StrEnum

from cadre.domain.base import Value
from cadre.domain.decisions import MAX_TEXT_CHARS, Decided, Policy, Question, digest
from cadre.domain.render import cell
from cadre.domain.turns import ToolAsks, ToolCall

# A question that never expires is forgotten after so many reminders.
MAX_REMINDERS = 60


class Moment(StrEnum):
    """What happens to a question that waits."""

    ASKED = "asked"
    REMINDER = "reminder"
    ESCALATED = "escalated"
    EXPIRED = "expired"


class Notice(Value):
    """Tell people about a question (activity `decision.notify`). `to` are the names of those who
    are asked, empty where anybody is; `id` is the same for every attempt to tell it. `decided` is
    what counts where it has expired."""

    id: str
    moment: Moment
    workflow: str
    question: Question
    to: tuple[str, ...] = ()
    requested_by: str = ""
    at: datetime
    decided: Decided | None = None

    @property
    def words(self) -> str:
        """What is told, in one line."""
        told = f"{self.moment.value}: {self.question.id}"
        return f"{told}: {self.decided.words}" if self.decided else told


def opened(question: Question, question_id: str, policy: Policy, now: datetime) -> Question:
    """The question as it is asked now."""
    expires = now + timedelta(hours=policy.expire_hours) if policy.expire_hours else None
    text = question.text
    return question.model_copy(
        update={
            "id": question_id,
            "title": cell(question.title or text.strip().partition("\n")[0].lstrip("# "), 100),
            "text": text if len(text) <= MAX_TEXT_CHARS else text[: MAX_TEXT_CHARS - 1] + "…",
            "subject_sha256": question.subject_sha256 or digest(text),
            "approvers": policy.approvers,
            "asked": now,
            "expires": expires,
        }
    )


def tool_question(call: ToolCall, asks: ToolAsks) -> Question:
    """What a person is asked about an agent's tool call, with its exact arguments."""
    shown = asks.shown
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", shown)), default=0))
    return Question(
        id=f"{call.use.name.lower()}-{call.turn}",
        kind="tool",
        title=call.use.title,
        text=f"{call.agent_id} wants to run this, and {asks.why}:\n\n{fence}json\n{shown}\n{fence}",
        subject_sha256=asks.sha256,
        subject_key=asks.key,
    )


def escalated(question: Question, policy: Policy) -> Question:
    """The question when those decide as well that it is escalated to."""
    if not question.approvers:  # anybody may
        return question
    more = (name for name in policy.escalate_to if name not in question.approvers)
    return question.model_copy(update={"approvers": (*question.approvers, *more)})


def course(policy: Policy) -> list[tuple[timedelta, Moment]]:
    """What happens after which time to a question that nobody decides, in order; the last is its
    expiry, if it has one."""
    end = timedelta(hours=policy.expire_hours) if policy.expire_hours else timedelta.max
    moments = []
    if policy.remind_hours:
        every = timedelta(hours=policy.remind_hours)
        moments += [(every * n, Moment.REMINDER) for n in range(1, MAX_REMINDERS + 1)]
    if policy.escalate_to:
        moments.append((timedelta(hours=policy.escalate_hours), Moment.ESCALATED))
    before = sorted((moment for moment in moments if moment[0] < end), key=lambda m: m[0])
    return [*before, (end, Moment.EXPIRED)] if policy.expire_hours else before
