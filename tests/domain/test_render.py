"""Texts of agents in what people read can be read as written, and nothing in them is live."""

from __future__ import annotations

import re
from decimal import Decimal

import pytest

from cadre.domain.budget import Spent
from cadre.domain.estimate import split_text
from cadre.domain.outcomes import Ending, PartLine, PartState, RunResult, RunStatus
from cadre.domain.render import cell, inert, result_details
from cadre.domain.reports import Finding, Severity, Split, SplitPart
from starters.console import clean

LIVE = (
    "[approve here](http://example.invalid)",
    "![seen](http://example.invalid/p.png)",
    "[approve][here]",
    "[here]: http://example.invalid",
    "<http://example.invalid>",
    '<img src="http://example.invalid/p.png">',
    "<!-- hidden -->",
    "</details>",
)


def is_live(text: str) -> bool:
    """Whether Markdown finds a link, a definition of one, or HTML."""
    return re.search(r"\]\(|\]\[|^\W*\[[^\]]*\]:|<[hi!/]", text, re.MULTILINE) is not None


@pytest.mark.parametrize("text", LIVE)
def test_it_can_be_read_as_written_and_is_not_live(text: str) -> None:
    assert is_live(text)
    assert not is_live(inert(text))
    assert not is_live(cell(text))
    assert clean(inert(text)) == inert(text), "a terminal shows it as well"
    assert inert(text).replace("\N{HAIR SPACE}", "") == text


@pytest.mark.parametrize("text", ["a < b", "f[0]", "list[int]", "x <= y", "1. [ ] to do"])
def test_other_text_is_left_alone(text: str) -> None:
    assert inert(text) == text


@pytest.mark.parametrize("text", LIVE)
def test_what_a_run_shows_of_its_agents_is_not_live(text: str) -> None:
    finding = Finding(severity=Severity.CRITICAL, path=text, line=1, message=text)
    ending = Ending(status=RunStatus.APPROVED, summary=text, findings=[finding], rounds=1)
    part = PartLine(number=1, title=text, state=PartState.FAILED, why=text)
    result = RunResult(
        run="r", status=ending.status, summary=text, findings=ending.findings, rounds=1,
        parts=(part,), spent=Spent(), notes=(text,),
    )  # fmt: skip
    split = Split(summary=text, parts=[SplitPart(title=text, task=text, files=[])] * 2)
    assert not is_live(result_details(result))
    assert not is_live(split_text(split, Decimal(1), Decimal(2)))
