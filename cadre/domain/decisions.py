"""What a run or an agent asks a person, and what they say.

`Question` is asked, `Decision` is what a person sends, `Decided` what is recorded of it. `refusal`
says what is against a decision; whoever takes decisions asks it first.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum

from pydantic import Field, ValidationError, field_validator

from cadre.domain.base import Value

SIGNAL = "decide"
# What a question says travels in the history and stands in the UI; the whole is in the store.
MAX_TEXT_CHARS = 6000
# Whose decision it is where nobody decided in time.
NOBODY = "cadre"
_SAID = {"approve": "approved", "reject": "rejected", "edit": "edited"}


class Choice(StrEnum):
    """What a person can say. EDIT: they changed it themselves; look again."""

    APPROVE = "approve"
    REJECT = "reject"
    EDIT = "edit"


class Policy(Value):
    """Who decides in a run, and what happens while nobody does. Names are those that `by` gives."""

    requested_by: str = Field(
        default="", max_length=200, description="Who wants the run [your user name]."
    )
    approvers: tuple[str, ...] = Field(
        default=(), max_length=20, description="Who may decide; anybody if left out."
    )
    four_eyes: bool = Field(default=False, description="Refuse decisions of whoever wants the run.")
    remind_hours: float = Field(
        default=24, ge=0, description="Hours from one reminder to the next; 0 for none."
    )
    escalate_hours: float = Field(
        default=48, gt=0, description="Hours until --escalate-to is asked as well."
    )
    escalate_to: tuple[str, ...] = Field(
        default=(), max_length=20, description="Who may decide when nobody else did."
    )
    expire_hours: float = Field(
        default=0, ge=0, description="Hours until --on-expiry counts; 0 for never."
    )
    on_expiry: Choice = Field(
        default=Choice.REJECT, description="approve or reject: what counts when nobody decided."
    )
    no_ask: bool = Field(
        default=False,
        description="Ask nobody about tool calls: deny what a mode or rule would ask.",
    )

    @field_validator("on_expiry")
    @classmethod
    def _says_yes_or_no(cls, choice: Choice) -> Choice:
        if choice is Choice.EDIT:
            raise ValueError("say approve or reject")
        return choice


class Question(Value):
    """Something that a person has to decide: `text` is Markdown, and says all that they need;
    `title` is a line for lists, by default the first of the text.

    `subject_sha256` is the hash of exactly what is decided on, by default of the text, and
    `subject_key` where the whole of it lies in the object store, where there is more than the text:
    a diff, or a tool call's arguments. `approvers` may decide, or anybody where there are none. The
    engine sets these, and the times.
    """

    id: str
    text: str
    title: str = ""
    kind: str = "go-ahead"
    choices: tuple[Choice, ...] = (Choice.APPROVE, Choice.REJECT)
    subject_sha256: str = ""
    subject_key: str = ""
    approvers: tuple[str, ...] = ()
    asked: datetime | None = None
    expires: datetime | None = None


class Decision(Value):
    """A person's answer to the question `id`; `by` is who says that it is theirs.

    With `subject_sha256`, the hash of what they saw, it counts for nothing else. `token` proves who
    they are, where decisions must be signed.
    """

    id: str = Field(max_length=200)
    verdict: Choice
    by: str = Field(min_length=1, max_length=200)
    reason: str = Field(default="", max_length=2000)
    subject_sha256: str = Field(default="", max_length=64)
    token: str = Field(default="", max_length=200)

    @property
    def approved(self) -> bool:
        """Whether it says yes."""
        return self.verdict is Choice.APPROVE

    @property
    def words(self) -> str:
        """The decision in one line."""
        said = f"{_SAID[self.verdict]} by {self.by}"
        return f"{said}: {' '.join(self.reason.split())}" if self.reason else said

    @property
    def update_id(self) -> str:
        """The same for the same word of the same person, and for nothing else: the server answers
        a known update with what came of the first one."""
        given = self.model_dump_json(exclude={"reason"})
        return hashlib.sha256(given.encode()).hexdigest()


class Decided(Decision):
    """A decision that counts, as it is recorded: when, on exactly what, and whether its signature
    was checked."""

    kind: str
    at: datetime
    signed: bool = False

    @property
    def approved_by_somebody(self) -> bool:
        """Whether a person approved, not the policy after the time for it."""
        return self.approved and self.by != NOBODY

    def same_word(self, decision: Decision) -> bool:
        """Whether that says once more what was decided."""
        return (self.id, self.by, self.verdict) == (decision.id, decision.by, decision.verdict)


class Refusal(Value):
    """What came as a decision and was none: why, in one line."""

    at: datetime
    why: str


class CheckDecision(Value):
    """Check who a decision is from (activity `decision.check`); the question is `workflow`'s."""

    workflow: str
    question: Question
    decision: Decision


class CheckedDecision(Value):
    """What is against a decision, if anything, and whether its signature was checked."""

    problem: str = ""
    signed: bool = False


def refusal(
    decision: Decision,
    opened: Mapping[str, Question],
    made: Mapping[str, Decided],
    policy: Policy,
) -> str | None:
    """Why a decision does not count; None where it does, or says again what was decided."""
    if (known := made.get(decision.id)) is not None:
        said = f"{decision.id} is decided already: {known.words}"
        return None if known.same_word(decision) else said
    question = opened.get(decision.id)
    if question is None:
        return f"{decision.id} is not asked: {', '.join(opened) or 'nothing'} waits for a decision"
    if decision.verdict not in question.choices:
        return f"{decision.id} can be answered by {', '.join(question.choices)} only"
    if decision.subject_sha256 not in ("", question.subject_sha256):
        return f"{decision.id} is not what you saw: it has changed since, so look again"
    if policy.four_eyes and decision.by == policy.requested_by:
        return f"{decision.by} wants the run, so somebody else has to decide"
    if question.approvers and decision.by not in question.approvers:
        return f"{decision.by} may not decide this: {', '.join(question.approvers)} may"
    return None


def read_signal(name: str, payloads: Sequence[bytes]) -> Decision | str:
    """The decision that a signal carries as one JSON object, or what is wrong with it."""
    if name != SIGNAL:
        return f"the signal {name[:60]!r} means nothing here; there is {SIGNAL!r}"
    if len(payloads) != 1:
        return f"the signal takes one JSON object, and {len(payloads)} values came"
    try:
        return Decision.model_validate_json(payloads[0])
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        return f"{where or 'the value'}: {first['msg']}"[:300]


def digest(text: str) -> str:
    """The hash of what is decided on."""
    return hashlib.sha256(text.encode()).hexdigest()
