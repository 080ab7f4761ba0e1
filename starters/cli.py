"""The command `cadre`. Commands are imported when they are called, so that it starts at once."""

from __future__ import annotations

from importlib import import_module
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperCommand, TyperGroup

from starters.console import launch, new_app, say

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
    "cancel": ("Cancel a run; what there is stays on its branch.", "starters.cancel", "app"),
    "logs": ("Print what happened in a run.", "starters.logs", "app"),
}


class LazyCommand(TyperCommand):
    """Stands for a command in the list of all, and becomes it when it is called."""

    def __init__(self, name: str, help_line: str, module: str, attribute: str) -> None:
        super().__init__(name=name, help=help_line, rich_markup_mode=None)
        self._target = (module, attribute)

    def make_context(self, *args: Any, **extra: Any) -> Any:
        """The context of the real command, which alone knows its options."""
        module, attribute = self._target
        target = getattr(import_module(module), attribute)
        if not isinstance(target, typer.Typer):
            target, function = new_app(), target
            target.command()(function)
        command = typer.main.get_command(target)
        command.name = self.name
        return command.make_context(*args, **extra)


class Commands(TyperGroup):
    """All commands of `COMMANDS`."""

    def __init__(self, **options: Any) -> None:
        lazy = {name: LazyCommand(name, *what) for name, what in COMMANDS.items()}
        super().__init__(**{**options, "commands": lazy})


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
