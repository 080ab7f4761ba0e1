"""How a run stands: its events added up. No I/O, so live view, summary and tests share it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from cadre.domain.usage import Usage
from cadre.runtime.events import Cursor
from cadre.runtime.events import types as e
from starters.parts import Parts

THINKING = "thinking"


@dataclass
class AgentView:
    """One agent so far. `doing` maps what it is at to a title, in the order of its start;
    `text` is the end of what its model writes now, `waits` what failed and is tried again, `asks`
    what a person has to decide."""

    agent_id: str
    model: str
    role: str
    started: datetime
    state: str = THINKING
    why: str = ""
    ended: bool = False
    turn: int = 0
    doing: dict[str, str] = field(default_factory=dict)
    text: str = ""
    waits: e.Waits | None = None
    asks: str = ""
    usage: Usage = field(default_factory=Usage)
    cost_usd: Decimal = Decimal(0)

    @property
    def now(self) -> str:
        """What it does now, in words."""
        if self.asks:
            return f"waits for a decision: {self.asks}"
        return ", ".join(self.doing.values()) or self.why


@dataclass
class RunView:
    """A run so far. `phases` are its statuses with the time at which each began; `waits` is what
    of the engine's own steps failed and is tried again, `asks` what a person has to decide."""

    run: str = ""
    run_id: str = ""
    pattern: str = ""
    input: dict[str, object] = field(default_factory=dict)
    started: datetime | None = None
    latest: datetime | None = None
    phases: list[tuple[str, datetime]] = field(default_factory=list)
    agents: dict[str, AgentView] = field(default_factory=dict)
    parts: Parts = field(default_factory=Parts)
    waits: e.Waits | None = None
    asks: str = ""
    cursor: Cursor = field(default_factory=Cursor)
    steps: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    trouble: str = ""
    end: e.RunEnded | None = None

    @classmethod
    def of(cls, events: Iterable[e.Event]) -> RunView:
        """How a run stands after `events`."""
        view = cls()
        for event in events:
            view.apply(event)
        return view

    @property
    def status(self) -> str:
        """The phase that it is in, or how it ended."""
        if self.end is not None and self.end.close != "completed":
            return self.end.close
        if self.end is not None and self.end.result is not None:
            return self.end.result.status.value
        return self.phases[-1][0] if self.phases else "waiting for a worker"

    @property
    def usage(self) -> Usage:
        """The tokens of all agents."""
        return sum((agent.usage for agent in self.agents.values()), Usage())

    @property
    def cost_usd(self) -> Decimal:
        """US dollars of all agents."""
        return sum((agent.cost_usd for agent in self.agents.values()), Decimal(0))

    @property
    def turns(self) -> int:
        """Model calls of all agents."""
        return sum(agent.turn for agent in self.agents.values())

    @property
    def seconds(self) -> float:
        """From its start to the latest event."""
        if self.started is None or self.latest is None:
            return 0.0
        return (self.latest - self.started).total_seconds()

    @property
    def phase_seconds(self) -> list[tuple[str, float]]:
        """How long it was in each phase, in the order of the first time; repeats are added up."""
        spans: dict[str, float] = {}
        ends = [began for _, began in self.phases[1:]]
        for (status, began), ended in zip(self.phases, [*ends, self.latest], strict=False):
            if ended is not None:
                spans[status] = spans.get(status, 0.0) + (ended - began).total_seconds()
        return list(spans.items())

    def apply(self, event: e.Event) -> None:
        """Take one more event into account."""
        at = event.at
        self.cursor.advance(event)
        if at.event_id:  # what no history has is timed by another clock
            self.latest = max(self.latest or at.time, at.time)
        self.parts.apply(event)
        match event:
            case e.RunStarted(pattern=pattern, input=given):
                self.run, self.run_id, self.started = at.workflow, at.run_id, at.time
                self.pattern, self.input = pattern, given
            case e.StatusChanged(status=status):
                self.phases.append((status, at.time))
            case e.WorkflowTaskFailed(why=why):
                self.trouble = f"{at.workflow}: {why}"
            case e.CancelRequested() if not at.agent_id:
                self.notes.append("asked to cancel")
            case e.RunEnded():
                self.end = event
                self.notes = list(event.result.notes) if event.result else self.notes
            case e.AgentStarted() if at.agent_id in self.agents:  # it goes on
                self.agents[at.agent_id].ended = False
            case e.AgentStarted(role=role, model=model):
                self.agents[at.agent_id] = AgentView(at.agent_id, model, role, at.time)
            case _ if at.agent_id in self.agents:
                apply_to_agent(self.agents[at.agent_id], event)
            case _:
                self._step(event)

    def _step(self, event: e.Event) -> None:
        self.waits = event if isinstance(event, e.Waits) and event.next_try else None
        match event:
            case e.WaitingChanged(what=what):
                self.asks = what
            case e.StepStarted(activity=activity, title=title):
                self.steps[activity] = title
            case e.StepFinished(activity=activity, notes=notes):
                self.steps.pop(activity, None)
                self.notes += notes
            case e.CheckFinished():
                self.steps.pop("workspace.check", None)
            case e.ActivityFailed(activity=activity, title=title, why=why):
                self.steps.pop(activity, None)
                self.notes.append(f"{title}: {why}")


def apply_to_agent(agent: AgentView, event: e.Event) -> None:
    """Take one more event of an agent into account; whatever it is, it replaces a text that was
    half written and a wait."""
    agent.text = event.text if isinstance(event, e.Writing) else ""
    agent.waits = event if isinstance(event, e.Waits) and event.next_try else None
    match event:
        case e.ModelAsked(turn=turn):
            agent.turn, agent.state = turn, THINKING
        case e.ModelAnswered():
            agent.usage += event.usage
            agent.cost_usd += event.cost_usd
            agent.state = "working"
        case e.WaitingChanged(what=what):
            agent.asks = what
        case e.ToolStarted(use_id=use_id, title=title):
            agent.doing[use_id] = title
        case e.ToolFinished(use_id=use_id):
            agent.doing.pop(use_id, None)
        case e.ActivityFailed(why=why):
            agent.why = why
        case e.AgentEnded(result=None):
            agent.state, agent.why = event.close, event.why
        case e.AgentEnded(result=result) if result is not None:
            agent.state, agent.why, agent.turn = result.state.value, result.why, result.turns
            agent.usage, agent.cost_usd = result.spent.usage, result.spent.cost_usd
    if isinstance(event, e.AgentEnded):
        agent.ended = True
        agent.asks = ""
        agent.doing.clear()
