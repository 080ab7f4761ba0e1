"""The command `cadre`. Commands are imported when they are called, so that it starts at once."""

from __future__ import annotations

from importlib import import_module
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup

from starters.console import launch, new_app, say
from starters.lazy import LazyCommand

# Name: what it does, the module that has it, and the function or app in there.
COMMANDS = {
    "demo": ("Run the main job on a sample repository.", "starters.demo", "app"),
    "up": ("Run the Temporal server and a worker.", "starters.services", "up"),
    "server": ("Run the embedded Temporal server alone.", "starters.services", "server"),
    "worker": ("Run a worker alone.", "starters.services", "worker"),
    "doctor": ("Say what is fine on this machine and what is not.", "starters.services", "doctor"),
    "run": ("Start a run of a pattern.", "starters.run", "app"),
    "list": ("List the runs.", "starters.list", "app"),
    "show": ("Show a run: its agents, its result.", "starters.show", "app"),
    "watch": ("Watch a run until it ends.", "starters.watch", "app"),
    "approvals": ("List what waits for a decision.", "starters.approvals", "app"),
    "approve": ("Approve what a run waits for.", "starters.decide", "approve"),
    "reject": ("Reject what a run waits for.", "starters.decide", "reject"),
    "edited": ("Have what you changed looked at again.", "starters.decide", "edited"),
    "cancel": ("Cancel a run; what there is stays on its branch.", "starters.cancel", "app"),
    "cost": ("Say what a run, or all runs of a time, cost.", "starters.cost", "app"),
    "logs": ("Print what happened in a run.", "starters.logs", "app"),
}


class Commands(TyperGroup):
    """All commands of `COMMANDS`."""

    def __init__(self, **options: Any) -> None:
        lazy = {name: _lazy(name, *what) for name, what in COMMANDS.items()}
        super().__init__(**{**options, "commands": lazy})


def _lazy(name: str, help_line: str, module: str, attribute: str) -> LazyCommand:
    return LazyCommand(name, help_line, lambda: getattr(import_module(module), attribute))


app = new_app(cls=Commands)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import PackageNotFoundError, version  # noqa: PLC0415

        try:
            say(f"cadre {version('cadre')}")
        except PackageNotFoundError:
            say("cadre, from its source tree")
        raise typer.Exit


@app.callback()
def cadre(
    _: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say the version.")
    ] = False,
) -> None:
    """Cadre: durable teams of agents on Temporal."""


def main() -> NoReturn:
    """Entry point of the command `cadre`."""
    launch(app, "cadre")


if __name__ == "__main__":
    main()
