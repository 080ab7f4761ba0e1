"""Opens workspaces of one run at once, as a program that can be killed or stopped.

Arguments: the state directory, the repository, the setup command, and the workspaces' names. It
prints `ready`, waits for a line, and prints the workspaces.
"""

import asyncio
import sys
from pathlib import Path

from cadre.domain.workspaces import OpenWorkspace
from cadre.tools.sandbox import open_sandbox, probe
from cadre.tools.workspace import Workspaces


async def open_all(workspaces: Workspaces, repo: str, setup: str, names: list[str]) -> list[str]:
    requests = [OpenWorkspace(run="r1", name=name, repo=repo, setup=setup) for name in names]
    opened = await asyncio.gather(*map(workspaces.open, requests))
    return [opening.workspace.model_dump_json() for opening in opened]


if __name__ == "__main__":
    sandbox = open_sandbox(probe())
    print("ready", flush=True)
    sys.stdin.readline()
    state, repo, setup, *names = sys.argv[1:]
    print(*asyncio.run(open_all(Workspaces(Path(state), sandbox), repo, setup, names)), sep="\n")
