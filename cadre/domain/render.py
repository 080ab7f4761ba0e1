"""Texts that people read in the Temporal UI: one place, so that they look alike."""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import Decimal

from cadre.domain.budget import Spent
from cadre.domain.deliveries import DeliveryLine
from cadre.domain.outcomes import AgentLine, PartLine, RunResult, RunStatus

# Temporal's UI gives a table's cells no margin: an em space, kept from being trimmed by a
# zero-width space behind it.
MARGIN = "\u2003\u200b"
# The middle of a link or of its definition, and the beginning of an HTML tag or an address.
_LIVE = re.compile(r"\](?=[(\[:])|<(?=[A-Za-z/!?])")


def usd(amount: Decimal) -> str:
    """US dollars for people: cents, or as many digits as a small amount needs."""
    return f"${amount:.2f}" if amount >= 1 else f"${amount:.4f}"


def tokens(count: int) -> str:
    """A number of tokens for people."""
    if count < 1000:
        return str(count)
    return f"{count / 1000:.1f}k" if count < 1_000_000 else f"{count / 1_000_000:.2f}M"


def spent_line(spent: Spent) -> str:
    """Tokens, the share of the prompt that came from the cache, and cost, in one line."""
    line = (
        f"{tokens(spent.usage.total_tokens)} tokens "
        f"({spent.usage.cache_share:.0%} of input from cache) · {usd(spent.cost_usd)}"
    )
    if spent.lost_attempts:
        line += f", of it {usd(spent.lost_usd)} for {spent.lost_attempts} lost attempts"
    return line


def agents_table(lines: Iterable[AgentLine], working: Iterable[str] = ()) -> str:
    """A Markdown table of a run's agents, ended ones first."""
    rows = [_row("agent", "state", "model", "turns", "cost"), "|---|---|---|---:|---:|"]
    for line in lines:
        told = line.why not in ("", line.state.value)
        state = f"{line.state.value}: {line.why}" if told else line.state.value
        rows.append(
            _row(line.agent_id, cell(state), line.model, line.turns, usd(line.spent.cost_usd))
        )
    rows += [_row(agent_id, "**working**", "", "", "") for agent_id in working]
    return "\n".join(rows)


def _row(*cells: object) -> str:
    return "|" + "|".join(f" {each}{MARGIN}" for each in cells) + "|"


def parts_table(parts: Iterable[PartLine]) -> str:
    """A Markdown table of a task's parts; empty where there are none."""
    rows = []
    for part in parts:
        branch = f"`{part.branch}`" if part.branch else ""
        rows.append(_row(part.number, cell(part.title, 80), cell(_part_words(part)), branch))
    head = [_row("part", "title", "state", "branch"), "|---:|---|---|---|"]
    return "\n".join([*head, *rows]) if rows else ""


def _part_words(part: PartLine) -> str:
    return f"{part.state.value}: {part.why}" if part.why else part.state.value


def run_details(
    status: RunStatus,
    lines: Iterable[AgentLine],
    working: Iterable[str],
    spent: Spent,
    *,
    parts: Iterable[PartLine] = (),
    waiting: str = "",
) -> str:
    """A run's current details, as Markdown; what waits for people stands first."""
    texts = [f"### {status.value}", waiting, parts_table(parts), agents_table(lines, working)]
    return "\n\n".join(text for text in (*texts, spent_line(spent)) if text)


def result_details(result: RunResult) -> str:
    """How a run ended, as Markdown."""
    facts = []
    if result.delivery:
        stat = result.delivery.stat
        files = "1 file" if stat.files == 1 else f"{stat.files} files"
        facts.append(
            f"Branch `{result.delivery.branch}`: {files}, +{stat.insertions} −{stat.deletions}"
        )
    for when, check in (("before", result.check_before), ("after", result.check_after)):
        if check is not None:
            facts.append(f"Check {when}: {'passes' if check.passed else 'fails'}")
    facts += [cell(f"Delivery {delivery_words(line)}") for line in result.deliveries]
    findings = [
        f"**{finding.severity.value}** {cell(finding.path)}: {cell(finding.message)}"
        for finding in result.findings
    ]
    parts = [
        f"### {result.status.value}",
        inert(result.summary),
        _bullets(facts),
        _bullets(findings),
        parts_table(result.parts),
        agents_table(result.agents),
        spent_line(result.spent),
        _bullets([cell(note) for note in result.notes]),
    ]
    return "\n\n".join(part for part in parts if part)


def delivery_words(line: DeliveryLine) -> str:
    """What became of a delivery."""
    said = f"{line.target}: {line.state.value}"
    return f"{said}: {line.why}" if line.why else said


def _bullets(lines: Iterable[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)


def cell(text: str, limit: int = 300) -> str:
    """`text` as one line that cannot break out of a table's cell, and holds nothing live."""
    line = inert(" ".join(text.split()).replace("|", "\\|"))
    return line if len(line) <= limit else line[: limit - 1] + "…"


def inert(text: str) -> str:
    """Text of an agent or of a file, in which Markdown finds no link, image or HTML: what would
    begin one is parted by a hair's breadth, so that it can be read as it was written."""
    return _LIVE.sub("\\g<0>\N{HAIR SPACE}", text)
