"""The sandbox that every command of an agent runs in, by the strongest means the host allows."""

from cadre.tools.sandbox.output import render
from cadre.tools.sandbox.ownership import give
from cadre.tools.sandbox.probing import ProbeResult, open_sandbox, probe
from cadre.tools.sandbox.strays import end_strays
from cadre.tools.sandbox.types import Completed, Level, Limits, Mount, Sandbox

__all__ = [
    "Completed",
    "Level",
    "Limits",
    "Mount",
    "ProbeResult",
    "Sandbox",
    "end_strays",
    "give",
    "open_sandbox",
    "probe",
    "render",
]
