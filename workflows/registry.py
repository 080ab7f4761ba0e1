"""Every workflow that a worker runs."""

from workflows.agent import AgentWorkflow
from workflows.pipeline import Pipeline

WORKFLOWS = (AgentWorkflow, Pipeline)
