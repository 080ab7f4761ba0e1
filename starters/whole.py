"""A question in full on the terminal: what it says, and what it is about."""

from __future__ import annotations

from rich.syntax import Syntax
from rich.text import Text

from cadre.runtime.settings import Settings
from cadre.storage.objects import Objects
from starters.console import clean, say
from starters.questions import Waiting
from starters.screen import console

MAX_SUBJECT_CHARS = 400_000


async def print_whole(settings: Settings, waiting: Waiting) -> None:
    """A question as it was asked, and what is decided on, from the object store."""
    question, out = waiting.question, console()
    out.print(Text(f"{waiting.run}  {waiting.name}", style="bold"))
    text = question.text
    if question.kind == "tool" and question.subject_key:
        text = text.partition("\n\n")[0]  # then come the arguments, which the subject has in full
    if out.is_terminal:
        out.print(Text(clean(text)))  # in lines that end between words
    else:
        say(clean(text))
    if question.subject_key:
        say()
        subject = await _subject(settings, question.subject_key)
        language = "diff" if question.subject_key.endswith(".diff") else "json"
        out.print(Syntax(subject, language, theme="ansi_dark", background_color="default"))


async def _subject(settings: Settings, key: str) -> str:
    data = await Objects.open(settings.objects_url).get(key)
    text = clean((data or b"it is not in the object store").decode(errors="replace"))
    if len(text) <= MAX_SUBJECT_CHARS:
        return text
    more = len(text) - MAX_SUBJECT_CHARS
    return f"{text[:MAX_SUBJECT_CHARS]}\n… {more} more characters: {key} in the object store"
