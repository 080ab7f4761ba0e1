"""A person at the terminal is asked what a run and its agents wait for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cadre.domain.decisions import Choice, Decision, Question
from cadre.domain.errors import CadreError, ErrorKind
from cadre.runtime.settings import Settings
from starters import answering
from starters.answering import Person, Word, read_word
from starters.questions import Waiting, user_name


class Terminal:
    """Somebody who types these lines, and the workflows that ask them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *lines: str) -> None:
        self.lines = list(lines)
        self.asked: list[Question] | None = []
        self.told: list[Decision] = []
        self.refusal = ""
        for name in ("questions", "tell", "read_line"):
            monkeypatch.setattr(answering, name, getattr(self, name))

    async def questions(self, _: Any, workflow: str) -> list[Waiting] | None:
        return None if self.asked is None else [Waiting(workflow, q) for q in self.asked]

    async def tell(self, _: Any, __: Waiting, decision: Decision) -> Decision:
        if self.refusal:
            raise CadreError(ErrorKind.WRONG_INPUT, self.refusal)
        self.told.append(decision)
        return decision

    async def read_line(self, prompt: str) -> str:
        return self.lines.pop(0)

    async def ask(self, tmp_path: Path, *times: str) -> None:
        person = Person(None, Settings(state_dir=tmp_path))  # type: ignore[arg-type]
        for workflow in times:
            await person.ask(workflow)


async def test_a_question_cannot_fake_what_the_terminal_shows(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    terminal = Terminal(monkeypatch, "y")
    text = "1. **Part** \x1b[2J\x1b[1;1H\x9b0m\u202efake\ttab\n2. next"
    terminal.asked = [Question(id="parts", text=text)]
    await terminal.ask(tmp_path, "r")
    shown = capsys.readouterr().out
    assert not {"\x1b", "\x9b", "\u202e"} & set(shown)
    assert "fake\ttab\n2. next" in shown


async def test_one_question_after_the_other_each_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    terminal = Terminal(monkeypatch, "perhaps", "y", "n not that file", "", "yes", "", "")
    terminal.asked = [Question(id=name, text=name) for name in "abc"]
    await terminal.ask(tmp_path, "r/w.1", "r/w.1", "r/w.2/s.1")
    assert [(d.id, d.verdict.value, d.reason) for d in terminal.told[:2]] == [
        ("a", "approve", ""), ("b", "reject", "not that file"),
    ]  # fmt: skip
    shown = capsys.readouterr().out
    assert "'perhaps' is no answer here" in shown
    assert "w.1/c is left open: `cadre approve r w.1/c` later" in shown
    assert "r: w.2/s.1/a approved by" in shown


async def test_what_this_person_may_not_decide_is_told_in_a_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    terminal = Terminal(monkeypatch, "y")
    terminal.asked = [
        Question(id="a", text="a", approvers=("somebody else",)),
        Question(id="b", text="b", approvers=(user_name(),)),
    ]
    terminal.refusal = "b is decided already: approved by ann"
    await terminal.ask(tmp_path, "r")
    terminal.asked = None
    await terminal.ask(tmp_path, "r")
    told = capsys.readouterr()
    assert told.out.startswith("a waits for somebody else, so not for ")
    assert told.err.splitlines() == [
        "cadre: b is decided already: approved by ann",
        "cadre: r waits for a decision, and no worker says for which",
    ]


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("y", Word(Choice.APPROVE, "")),
        ("No, it is too dear", Word(Choice.REJECT, "it is too dear")),
        ("approve", Word(Choice.APPROVE, "")),
        ("yellow", None),
        ("e I did it", None),
        ("-", None),
    ],
)
def test_what_is_typed(line: str, word: Word | None) -> None:
    assert read_word(line, (Choice.APPROVE, Choice.REJECT)) == word
    assert read_word("e I did it", tuple(Choice)) == Word(Choice.EDIT, "I did it")
