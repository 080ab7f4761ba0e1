"""`cadre run PATTERN "task"`: start a run. Each pattern's options come from its input model."""

from __future__ import annotations

import inspect
import json
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from starters.console import complain, launch, new_app, run_async, say
from starters.options import with_options
from starters.patterns import PATTERNS, Pattern, pattern_named

if TYPE_CHECKING:
    from cadre.domain.runs import RunInput


class Patterns(TyperGroup):
    """A command for each pattern."""

    def resolve_command(self, ctx: Any, args: Any) -> Any:
        """The pattern's command; an unknown one is said to be a pattern."""
        pattern_named(args[0])
        return super().resolve_command(ctx, args)


app = new_app(cls=Patterns, subcommand_metavar="PATTERN [OPTIONS] TASK")


@app.callback()
def run() -> None:
    """Start a run of a pattern and watch it until it ends."""


def _flag(name: str, text: str) -> inspect.Parameter:
    return inspect.Parameter(
        name.strip("-").replace("json", "as_json"),
        inspect.Parameter.KEYWORD_ONLY,
        default=False,
        annotation=Annotated[bool, typer.Option(name, help=text)],
    )


EXTRA = [
    _flag("--detach", "Start it and return at once."),
    _flag("--json", "Print the result as JSON; progress goes to standard error."),
]


def _add(pattern: Pattern) -> None:
    def start(values: dict[str, Any], *, detach: bool, as_json: bool) -> int:
        from starters.begin import checked  # noqa: PLC0415
        from starters.progress import going_on  # noqa: PLC0415

        request = checked(pattern, values)
        work = _run(pattern, request, detach=detach, as_json=as_json)
        return run_async(work, going_on(request.run))

    app.command(pattern.name)(with_options(pattern.input, start, EXTRA))


async def _run(pattern: Pattern, request: RunInput, *, detach: bool, as_json: bool) -> int:
    from cadre.runtime.client import connect  # noqa: PLC0415
    from cadre.runtime.settings import load_settings  # noqa: PLC0415
    from starters import begin, find, progress, summary  # noqa: PLC0415

    settings = load_settings()
    client = await connect(settings)
    begun = await begin.begin(client, settings, pattern, request)
    ui = find.ui_address(settings, client, request.run)
    if detach:
        _say_begun(begun, ui, as_json=as_json)
        return 0
    if begun.run.open and not await begin.worker_polls(client, settings):
        complain("no worker polls for work yet: start one with `cadre up` or `cadre worker`")
    if not as_json:
        _say_begun(begun, ui, as_json=False)
    show = progress.print_line_to_stderr if as_json else None
    view = await progress.watch(client, begun.run, show=show)
    if as_json:
        say(json.dumps(summary.summary_json(view, ui)))
    else:
        for text in summary.summary_lines(view, ui):
            say(text)
    return summary.exit_status(view.end.result if view.end else None)


def _say_begun(begun: Any, ui: str | None, *, as_json: bool) -> None:
    run, new = begun.run.run, begun.new
    if as_json:
        say(json.dumps({"run": run, "new": new, "status": begun.run.status, "ui": ui}))
        return
    what = "started" if new else f"exists already ({begun.run.status})"
    say(f"{run} {what}{f': {ui}' if ui else ''}")


for _pattern in PATTERNS:
    _add(_pattern)

if __name__ == "__main__":
    launch(app, "python -m starters.run")
