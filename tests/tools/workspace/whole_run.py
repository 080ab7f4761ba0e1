"""A run's work on its workspace, as a program that can be killed.

Arguments: the state directory and the repository. It says `ready`, waits for a line, and prints
the commit that it delivered.
"""

import asyncio
import sys
from pathlib import Path

from cadre.domain.workspaces import CommitChange, Deliver, OpenWorkspace
from cadre.tools.sandbox import open_sandbox, probe
from cadre.tools.workspace import Workspaces


async def work(workspaces, repo):
    opening = await workspaces.open(
        OpenWorkspace(run="r1", repo=repo, setup="mkdir env; echo env > env/x")
    )
    workspace = opening.workspace
    snapshot, parent = workspace.snapshot, workspace.base
    for number in range(3):
        lease = await workspaces.begin(workspace, snapshot, f"c{number}")
        for name in range(20):
            (lease.path / f"f{name}").write_text(f"{number} {name}\n")
        with (lease.path / "a.txt").open("a") as file:
            file.write(f"{number}\n")
        snapshot = await lease.snapshot()
        await lease.finish(snapshot)
        parent = await workspaces.commit(
            CommitChange(
                workspace=workspace, snapshot=snapshot, parents=(parent,), author="builder",
                subject="s", body="b", seconds_since_epoch=1_700_000_000,
            )
        )  # fmt: skip
    await workspaces.deliver(
        Deliver(workspace=workspace, repo=repo, commit=parent, branch="cadre/r1")
    )
    return parent


if __name__ == "__main__":
    sandbox = open_sandbox(probe())
    print("ready", flush=True)
    sys.stdin.readline()
    print(asyncio.run(work(Workspaces(Path(sys.argv[1]), sandbox), sys.argv[2])), flush=True)
