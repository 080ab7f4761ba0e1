"""What a run asks a person, and what they say."""

from __future__ import annotations

from pydantic import Field

from cadre.domain.base import Value


class Question(Value):
    """Something that a person has to decide: `text` is Markdown, and says all that they need."""

    id: str
    text: str


class Decision(Value):
    """A person's answer to the question `id`; `by` is who says that it is theirs."""

    id: str
    approved: bool
    by: str = Field(min_length=1, max_length=200)
    reason: str = Field(default="", max_length=2000)

    @property
    def words(self) -> str:
        """The decision in one line."""
        said = f"{'approved' if self.approved else 'rejected'} by {self.by}"
        return f"{said}: {self.reason}" if self.reason else said
