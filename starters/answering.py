"""Asking the person at this terminal what a run and its agents wait for."""

from __future__ import annotations

import asyncio
import os
import sys
import termios
from typing import NamedTuple

from temporalio.client import Client
from temporalio.service import RPCError

from cadre.domain.decisions import Choice
from cadre.domain.errors import CadreError
from cadre.runtime.settings import Settings
from starters.console import complain, say
from starters.decide import Said, decision_on
from starters.questions import Waiting, questions, tell, user_name
from starters.whole import print_whole

KEYS = {Choice.APPROVE: "y", Choice.REJECT: "n", Choice.EDIT: "e"}
WORDS = {Choice.APPROVE: "y approves", Choice.REJECT: "n rejects", Choice.EDIT: "e: you changed it"}
MAX_LINE_BYTES = 8192


class Word(NamedTuple):
    """What somebody typed: a verdict, and why."""

    verdict: Choice
    reason: str


class Person:
    """Asks one question after the other; what is left open is not asked again here."""

    def __init__(self, client: Client, settings: Settings) -> None:
        self._client = client
        self._settings = settings
        self._known: set[tuple[str, str]] = set()

    async def ask(self, workflow: str) -> None:
        """Ask what a workflow, a run's own or an agent's, waits for now."""
        asked = await questions(self._client, workflow)
        if asked is None:
            complain(f"{workflow} waits for a decision, and no worker says for which")
        for waiting in asked or ():
            place = (workflow, waiting.question.id)
            if place not in self._known:
                self._known.add(place)
                await self._ask(waiting)

    async def _ask(self, waiting: Waiting) -> None:
        asked = waiting.question
        me = user_name()
        if asked.approvers and me not in asked.approvers:
            say(f"{waiting.name} waits for {', '.join(asked.approvers)}, so not for {me}")
            return
        say()
        await print_whole(self._settings, waiting)
        word = await _word(asked.choices)
        if word is None:
            say(f"{waiting.name} is left open: `cadre approve {waiting.run} {waiting.name}` later")
            return
        decision = decision_on(self._settings, waiting, word.verdict, Said(reason=word.reason))
        try:
            decided = await tell(self._client, waiting, decision)
        except CadreError as refused:
            complain(refused.message)
        except RPCError as error:  # what asked has ended meanwhile
            complain(f"{waiting.run}: {waiting.name} is not asked any more: {error.message}")
        else:
            say(f"{waiting.run}: {waiting.name} {decided.words}")


async def _word(choices: tuple[Choice, ...]) -> Word | None:
    """What the person says; None where they say nothing."""
    offered = ", ".join(WORDS[choice] for choice in choices)
    prompt = f"{offered}; a reason may follow; Enter leaves it open: "
    while line := await read_line(prompt):
        word = read_word(line, choices)
        if word is not None:
            return word
        say(f"{line.split()[0]!r} is no answer here")
    return None


def read_word(line: str, choices: tuple[Choice, ...]) -> Word | None:
    """`y`, `no`, `n not that file`: a verdict and why; None where it is something else."""
    first, _, reason = line.strip().partition(" ")
    names = {name: choice for choice in choices for name in (KEYS[choice], choice.value)}
    names |= {"yes": Choice.APPROVE, "no": Choice.REJECT}
    verdict = names.get(first.rstrip(",:").lower())
    return Word(verdict, reason.strip()) if verdict in choices else None


async def read_line(prompt: str) -> str:
    """One line from the terminal, without the blanks around it; empty at its end. Ctrl-C ends the
    wait, as a thread that reads would not. What was typed before the question stood there is
    thrown away: it was no answer to it."""
    sys.stdout.write(prompt)
    sys.stdout.flush()
    terminal, loop = sys.stdin.fileno(), asyncio.get_running_loop()
    termios.tcflush(terminal, termios.TCIFLUSH)
    line: asyncio.Future[bytes] = loop.create_future()
    typed = b""

    def read() -> None:
        loop.remove_reader(terminal)
        line.set_result(os.read(terminal, MAX_LINE_BYTES))

    loop.add_reader(terminal, read)
    try:
        typed = await line
        return typed.decode(errors="replace").strip()
    finally:
        loop.remove_reader(terminal)
        if not typed.endswith(b"\n"):  # Ctrl-C or Ctrl-D: what follows has a line of its own
            say()
