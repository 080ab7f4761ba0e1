"""A run's files: isolated copies of a repository, snapshots, checks and delivery."""

from cadre.tools.workspace.change import Described
from cadre.tools.workspace.check import Checked
from cadre.tools.workspace.contents import RefusedError
from cadre.tools.workspace.lease import Lease, SupersededError, View
from cadre.tools.workspace.opening import Opened, Ran
from cadre.tools.workspace.workspaces import Workspaces

__all__ = [
    "Checked",
    "Described",
    "Lease",
    "Opened",
    "Ran",
    "RefusedError",
    "SupersededError",
    "View",
    "Workspaces",
]
