"""What people see of a run and of an agent while they go on: search attributes and details."""

from __future__ import annotations

from collections.abc import Sequence

from temporalio import workflow
from temporalio.common import SearchAttributeKey

from cadre.domain.decisions import Question, Refusal
from cadre.domain.ledger import Ledger
from cadre.domain.outcomes import AgentState, RunStatus
from cadre.domain.progress import Progress
from cadre.domain.render import run_details, spent_line
from cadre.domain.runs import MAX_AGENTS, AgentSpec
from cadre.domain.waiting import AgentAsks, read_asks, waiting_line, waiting_text
from workflows.waiting import Telling, WaitingAttribute

STATUS = SearchAttributeKey.for_keyword("CadreStatus")
COST = SearchAttributeKey.for_float("CadreCostUsd")


class Display:
    """Shows the books of a run, and what it and its agents ask people."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self._status = RunStatus.PREPARING
        self._questions: Sequence[Question] = ()
        self._refusals: Sequence[Refusal] = ()
        self._agents: dict[str, AgentAsks] = {}
        self._attribute = WaitingAttribute()

    def enter(self, status: RunStatus) -> None:
        """Show a status in the search attributes, with what the run has cost by then."""
        self._status = status
        cost = float(round(self.ledger.spent.cost_usd, 4))
        workflow.upsert_search_attributes([STATUS.value_set(status.value), COST.value_set(cost)])
        self.show()

    def show(self) -> None:
        """Show what waits for people, who works and who has ended, and how the parts stand."""
        books, info = self.ledger, workflow.info()
        self._agents = {name: asks for name, asks in self._agents.items() if self._at_work(name)}
        agents = [self._agents[name] for name in sorted(self._agents)]
        self._attribute.show(waiting_line(self._questions, agents))
        waiting = waiting_text(
            info.workflow_id, self._questions, self._refusals, agents, namespace=info.namespace
        )
        workflow.set_current_details(
            run_details(
                self._status,
                books.lines,
                books.working,
                books.spent,
                parts=books.parts.values(),
                waiting=waiting,
            )
        )

    def waits(self, questions: Sequence[Question], refusals: Sequence[Refusal]) -> None:
        """Show what the run itself asks, and what came as an answer and was none."""
        self._questions, self._refusals = questions, refusals
        self.show()

    def hear(self, payloads: Sequence[bytes]) -> str | None:
        """Show what an agent says that it asks; what is wrong with that, if anything is."""
        asks = read_asks(payloads)
        if isinstance(asks, str):
            return asks
        self._agents.pop(asks.agent_id, None)
        if asks.questions and len(self._agents) < MAX_AGENTS:
            self._agents[asks.agent_id] = asks
        self.show()
        return None

    def _at_work(self, agent_id: str) -> bool:
        """Whether an agent is, or the one that it is a sub-agent of: the books have that one."""
        return agent_id.partition("/")[0] in self.ledger.working

    @property
    def status(self) -> RunStatus:
        """How the run stands."""
        return self._status


class AgentDisplay:
    """Shows how an agent stands, and what it asks people, also on the page of its run."""

    def __init__(self, spec: AgentSpec, progress: Progress) -> None:
        self._progress = progress
        self._waiting = ""
        self._attribute = WaitingAttribute()
        self._telling = Telling(spec.run, spec.agent_id)
        self.told = self._telling.told

    def waits(self, questions: Sequence[Question], refusals: Sequence[Refusal]) -> None:
        """Show what the agent asks, and what came as an answer and was none."""
        self._attribute.show(waiting_line(questions))
        self._telling.tell(questions)
        self._waiting = waiting_text(workflow.info().workflow_id, questions, refusals)
        self.turn()

    def turn(self) -> None:
        """Show how far it has come, and what it asks."""
        line = f"turn {self._progress.turns} · {spent_line(self._progress.total)}"
        workflow.set_current_details("\n\n".join(filter(None, (line, self._waiting))))

    def ended(self, state: AgentState) -> None:
        """Show how it ended."""
        progress = self._progress
        workflow.set_current_details(
            f"{state.value} after {progress.turns} turns · {spent_line(progress.total)}"
        )
