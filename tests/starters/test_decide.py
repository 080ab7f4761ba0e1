"""A person at the terminal is asked what a run waits for."""

from __future__ import annotations

from typing import Any

import pytest

from cadre.domain.decisions import Question
from starters import decide, questions
from starters.questions import Waiting


async def test_a_question_cannot_fake_what_the_terminal_shows(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = "1. **Part** \x1b[2J\x1b[1;1H\x9b0m\u202efake\ttab\n2. next"

    async def asked(*_: Any) -> list[Waiting]:
        return [Waiting("r", Question(id="parts", text=text))]

    async def taken(_: Any, __: Any, decision: Any) -> Any:
        return decision

    monkeypatch.setattr(questions, "questions", asked)
    monkeypatch.setattr(questions, "tell", taken)
    monkeypatch.setattr("typer.confirm", lambda _: True)
    await decide.ask_here(None, "r")  # type: ignore[arg-type]
    shown = capsys.readouterr().out
    assert not {"\x1b", "\x9b", "\u202e"} & set(shown)
    assert "fake\ttab\n2. next" in shown
