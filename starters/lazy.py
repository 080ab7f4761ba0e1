"""Commands that are imported when they are called, so that listing them takes no time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import typer
from typer.core import TyperCommand

from starters.console import new_app


class LazyCommand(TyperCommand):
    """Stands for a command in the list of all, and becomes what `load` gives when it is called:
    a function or an app."""

    def __init__(self, name: str, help_line: str, load: Callable[[], Any]) -> None:
        super().__init__(name=name, help=help_line, rich_markup_mode=None)
        self._load = load

    def make_context(self, *args: Any, **extra: Any) -> Any:
        """The context of the real command, which alone knows its options."""
        target = self._load()
        if not isinstance(target, typer.Typer):
            target, function = new_app(), target
            target.command()(function)
        command = typer.main.get_command(target)
        command.name = self.name
        return command.make_context(*args, **extra)
