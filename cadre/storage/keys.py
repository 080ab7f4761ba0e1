"""Where a run's objects lie. Keys are derived, never listed, so a lost answer is looked up, not
searched for."""

from __future__ import annotations


def run_prefix(run: str) -> str:
    """Everything of one run."""
    return f"runs/{run}"


def definition(run: str, name: str) -> str:
    """A frozen agent definition."""
    return f"runs/{run}/definitions/{name}.json"


def helper(run: str, name: str) -> str:
    """A frozen agent that others may ask for by the tool Task."""
    return f"runs/{run}/helpers/{name}.json"


def conventions(run: str) -> str:
    """The repository's conventions, as text."""
    return f"runs/{run}/conventions.md"


def agent_prefix(run: str, agent_id: str) -> str:
    """Everything of one agent."""
    return f"runs/{run}/agents/{agent_id}"


def turn(run: str, agent_id: str, number: int) -> str:
    """A transcript's segment: what was said to the model in one turn, and its answer."""
    return f"{agent_prefix(run, agent_id)}/turns/{number:04}.json"


def attempt(run: str, agent_id: str, number: int, attempt: int) -> str:
    """What is known of one attempt at a turn's model call; both numbers count from 1."""
    return f"{agent_prefix(run, agent_id)}/turns/{number:04}.attempt.{attempt}.json"


def tool_result(run: str, agent_id: str, number: int, use_id: str) -> str:
    """A tool's result, with the snapshot that it left."""
    return f"{agent_prefix(run, agent_id)}/tools/{number:04}.{use_id}.json"


def tool_asked(run: str, agent_id: str, number: int, use_id: str) -> str:
    """A tool call as a person was asked about it: the tool, and its whole input."""
    return f"{agent_prefix(run, agent_id)}/tools/{number:04}.{use_id}.asked.json"


def tool_change(run: str, agent_id: str, number: int, use_id: str) -> str:
    """What a tool call did to the files, as a unified diff."""
    return f"{agent_prefix(run, agent_id)}/tools/{number:04}.{use_id}.diff"


def report(run: str, agent_id: str) -> str:
    """An agent's report."""
    return f"{agent_prefix(run, agent_id)}/report.json"


def ended(run: str, agent_id: str) -> str:
    """How a sub-agent ended that can go on."""
    return f"{agent_prefix(run, agent_id)}/ended.json"


def closed(run: str, agent_id: str) -> str:
    """The mark that no model call of an agent, or of one below it, begins any more."""
    return f"{agent_prefix(run, agent_id)}/closed.json"


def output(run: str, name: str) -> str:
    """Output of a command that the engine ran."""
    return f"runs/{run}/output/{name}.txt"


def diff(run: str, name: str) -> str:
    """A change as a unified diff."""
    return f"runs/{run}/diffs/{name}.diff"


def delivery(run: str, name: str) -> str:
    """That a delivery was begun, or how it ended."""
    return f"runs/{run}/deliveries/{name}.json"


def record(run: str, agent_id: str = "") -> str:
    """What outlives Temporal's retention: of the run itself, or of an agent, whatever its name."""
    name = f"agents/{agent_id}" if agent_id else "run"
    return f"runs/{run}/record/{name}.json"
