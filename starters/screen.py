"""A run on a terminal: the tree of its agents, and what is being written right now."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from cadre.domain.render import tokens, usd
from starters.console import clean, one_line
from starters.view import THINKING, RunView

# Wide enough for a table in a file or a pipe, where nobody sees a right margin.
FILE_WIDTH = 160
TAIL_LINES = 3


def console() -> Console:
    """Standard output; colours only on a terminal and without NO_COLOR."""
    out = Console(highlight=False, markup=False)
    return out if out.is_terminal else Console(highlight=False, markup=False, width=FILE_WIDTH)


def screen(
    view: RunView, seconds: float, writing: Mapping[str, str], waits: Iterable[str] = ()
) -> RenderableType:
    """The run as it stands after `seconds`; `writing` is the text that agents write now, `waits`
    says line by line what failed and is about to be tried again."""
    usage = view.usage
    head = Text.assemble(
        (clean(view.run), "bold"),
        f"  {view.status}  {seconds:.0f}s  {tokens(usage.total_tokens)} tokens "
        f"({usage.cache_share:.0%} of input from cache)  {usd(view.cost_usd)}",
    )
    parts: list[RenderableType] = [head]
    parts += [Text(f"   {one_line(step)} …", style="dim") for step in view.steps.values() if step]
    if view.agents:
        parts.append(agents_table(view))
    for agent_id, text in writing.items():
        parts.append(_tail(agent_id, text))
    parts += [Text(one_line(wait, 300), style="yellow") for wait in waits]
    if view.trouble:
        parts.append(Text(one_line(view.trouble, 300), style="red"))
    return Group(*parts)


def _tail(agent_id: str, text: str) -> Text:
    lines = clean(text).strip().splitlines()[-TAIL_LINES:]
    body = "\n".join(f"   {line}" for line in lines)
    return Text(f"{agent_id} writes:\n{body}", style="dim", overflow="ellipsis", no_wrap=True)


def thinkers(view: RunView) -> list[str]:
    """The agents whose model may be writing."""
    return [a.agent_id for a in view.agents.values() if not a.ended and a.state == THINKING]


def agents_table(view: RunView) -> Table:
    """The run's agents as a table: state, turn, what each is at, tokens, cache, cost."""
    table = Table(box=None, pad_edge=False, expand=False, header_style="dim")
    for heading in ("agent", "state", "model"):
        table.add_column(heading, no_wrap=True)
    for heading in ("turns", "tokens", "cached", "cost"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("")  # of all columns the one to be cut where there is no room
    last = len(view.agents)
    for number, agent in enumerate(view.agents.values(), start=1):
        table.add_row(
            Text(f"{'└─' if number == last else '├─'} {clean(agent.agent_id)}"),
            Text(agent.state, style="" if agent.ended else "bold"),
            Text(clean(agent.model)),
            str(agent.turn),
            tokens(agent.usage.total_tokens),
            f"{agent.usage.cache_share:.0%}",
            usd(agent.cost_usd),
            Text(one_line(agent.now, 200), no_wrap=True, overflow="ellipsis"),
        )
    return table
