"""What every value that crosses a process boundary has in common."""

from pydantic import BaseModel, ConfigDict

# Nothing larger than this may enter a workflow's history; larger values travel by reference.
MAX_PAYLOAD_BYTES = 64 * 1024


class Value(BaseModel):
    """An immutable value that refuses fields it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")
