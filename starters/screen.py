"""A run on a terminal: the tree of its agents, and what is being written right now."""

from __future__ import annotations

from datetime import datetime

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from cadre.domain.render import tokens, usd
from cadre.runtime.events.words import waiting
from starters.console import clean, one_line
from starters.tree import Row, rows
from starters.view import AgentView, RunView

# Wide enough for a table in a file or a pipe, where nobody sees a right margin.
FILE_WIDTH = 160
TAIL_LINES = 3
# Of a terminal's lines, what the head, the steps and the waits may need beside the agents.
OTHER_LINES = 8
# Narrower than this, what an agent does is worth more than how much of its input was cached.
WIDE = 100
STATE_WIDTH = 15


def console() -> Console:
    """Standard output; colours only on a terminal and without NO_COLOR."""
    out = Console(highlight=False, markup=False)
    return out if out.is_terminal else Console(highlight=False, markup=False, width=FILE_WIDTH)


def screen(view: RunView, now: datetime, height: int, width: int = FILE_WIDTH) -> RenderableType:
    """The run as it stands at the time `now`, on a terminal of `height` lines and `width` columns:
    where there is not room for all, agents that have ended are left out first, then what others
    write."""
    usage, seconds = view.usage, view.seconds
    if view.started and not view.end:
        seconds = (now - view.started).total_seconds()
    head = Text.assemble(
        (clean(view.run), "bold"),
        f"  {view.status}  {seconds:.0f}s  {tokens(usage.total_tokens)} tokens "
        f"({usage.cache_share:.0%} of input from cache)  {usd(view.cost_usd)}",
    )
    parts: list[RenderableType] = [head]
    parts += [Text(f"   {one_line(step)} …", style="dim") for step in view.steps.values() if step]
    tree = rows(view)
    room = max(1, height - OTHER_LINES)
    if tree:
        shown = _fitting(tree, room)
        parts.append(_table(shown, width))
        if hidden := len(tree) - len(shown):
            parts.append(Text(f"   and {hidden} more", style="dim"))
        room -= len(shown)
    writers = [agent for agent in view.agents.values() if agent.text.strip()]
    parts += [_tail(a.agent_id, a.text) for a in writers[: max(1, room // (TAIL_LINES + 1))]]
    parts += [Text(wait, style="yellow") for wait in _waits(view, now)]
    if view.trouble:
        parts.append(Text(one_line(view.trouble, 300), style="red"))
    return Group(*parts)


def _fitting(tree: list[Row], room: int) -> list[Row]:
    """As many rows as there is room for: of those whose agents have ended, the last ones."""
    ended = [row for row in tree if row.agent is None or row.agent.ended]
    dropped = {id(row) for row in ended[: max(0, len(tree) - room)]}
    return [row for row in tree if id(row) not in dropped][:room]


def _waits(view: RunView, now: datetime) -> list[str]:
    asked = {"": view.asks, **{a.agent_id: a.asks for a in view.agents.values()}}
    names = ", ".join(f"{who}/{what}" if who else what for who, what in asked.items() if what)
    asks = [f"waits for a decision: {names}"] if names and not view.end else []
    waits = {"run": view.waits, **{a.agent_id: a.waits for a in view.agents.values()}}
    tried = [f"{who} {waiting(w, now)}" for who, w in waits.items() if w]
    return [one_line(line, 300) for line in (*asks, *tried)]


def _tail(agent_id: str, text: str) -> Text:
    lines = clean(text).strip().splitlines()[-TAIL_LINES:]
    body = "\n".join(f"   {line}" for line in lines)
    return Text(
        f"{clean(agent_id)} writes:\n{body}", style="dim", overflow="ellipsis", no_wrap=True
    )


def agents_table(view: RunView, width: int = FILE_WIDTH) -> Table:
    """The run's agents as a tree: state, turn, what each is at, tokens, cost, and the share of its
    input that was cached where `width` columns have room for it."""
    return _table(rows(view), width)


def _table(tree: list[Row], width: int) -> Table:
    wide = width >= WIDE
    table = Table(box=None, pad_edge=False, expand=False, header_style="dim")
    for heading, most in (
        ("agent", None),
        ("state", None if wide else STATE_WIDTH),
        ("model", None),
    ):
        table.add_column(heading, no_wrap=True, max_width=most)
    for heading in ("turns", "tokens", *(("cached",) if wide else ()), "cost"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("")  # of all columns the one to be cut where there is no room
    for row in tree:
        agent = row.agent
        table.add_row(
            Text(f"{row.branches}{clean(row.name)}"),
            Text(row.state, style="bold" if agent and not agent.ended else ""),
            *(_figures(agent, wide=wide) if agent else ("",) * (5 if wide else 4)),
            Text(one_line(row.now, 200), no_wrap=True, overflow="ellipsis"),
        )
    return table


def _figures(agent: AgentView, *, wide: bool) -> tuple[Text | str, ...]:
    return (
        Text(clean(agent.model)),
        str(agent.turn),
        tokens(agent.usage.total_tokens),
        *((f"{agent.usage.cache_share:.0%}",) if wide else ()),
        usd(agent.cost_usd),
    )
