"""`cadre run PATTERN "task"`: start a run. Each pattern's options come from its input model."""

from __future__ import annotations

import inspect
import json
import sys
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from cadre.domain.errors import CadreError, ErrorKind
from starters.console import complain, launch, new_app, run_async, say
from starters.lazy import LazyCommand
from starters.offers import catalog, patterns
from starters.patterns import pattern_named
from workflows.registry import Pattern

if TYPE_CHECKING:
    from cadre.domain.runs import RunInput
    from cadre.runtime.settings import Settings
    from cadre.tools.catalog import Catalog


class Patterns(TyperGroup):
    """A command for each pattern."""

    def list_commands(self, ctx: Any) -> list[str]:
        """The patterns' names, in the order in which they are registered."""
        return [pattern.name for pattern in _patterns(ctx)]

    def get_command(self, ctx: Any, name: str) -> LazyCommand:
        """The pattern's command; an unknown one is said to be a pattern."""
        pattern = pattern_named(name, _patterns(ctx))
        load = partial(_app, pattern, _include(ctx))
        return LazyCommand(pattern.name, pattern.summary, load)


def _include(ctx: Any) -> list[str] | None:
    """The modules that the option `--include` names; None where it is not given."""
    return ctx.params.get("_") or None


def _patterns(ctx: Any) -> tuple[Pattern, ...]:
    from cadre.runtime.settings import load_settings  # noqa: PLC0415

    known = ctx.meta.get(__name__)
    if known is None:
        known = ctx.meta[__name__] = patterns(load_settings(include=_include(ctx)))
    found: tuple[Pattern, ...] = known
    return found


app = new_app(cls=Patterns, subcommand_metavar="PATTERN [OPTIONS] TASK")


@app.callback(invoke_without_command=True)
def run(
    ctx: typer.Context,
    _: Annotated[
        list[str] | None,
        typer.Option(
            "--include",
            metavar="MODULE",
            is_eager=True,  # or `--help` would not list its patterns
            help="Module that offers patterns, tools or agents of your own; several times [none].",
        ),
    ] = None,
) -> None:
    """Start a run of a pattern and watch it until it ends."""
    if ctx.invoked_subcommand is None:
        known = ", ".join(pattern.name for pattern in _patterns(ctx))
        raise CadreError(ErrorKind.WRONG_INPUT, f"name a pattern (cadre run PATTERN TASK): {known}")


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


def _app(pattern: Pattern, include: list[str] | None) -> typer.Typer:
    from starters.options import with_options  # noqa: PLC0415

    def start(values: dict[str, Any], *, detach: bool, as_json: bool) -> int:
        from cadre.runtime.settings import load_settings  # noqa: PLC0415
        from starters.begin import checked  # noqa: PLC0415
        from starters.progress import going_on  # noqa: PLC0415

        settings = load_settings(include=include)
        there = catalog(settings)
        request = checked(pattern, values, there)
        can_ask = sys.stdin.isatty() and sys.stdout.isatty() and not as_json
        if request.asks and not detach and not can_ask:
            parts = "; --yes starts the parts without asking" if "yes" in values else ""
            raise CadreError(
                ErrorKind.WRONG_INPUT,
                "nobody can be asked here: start it with --detach and decide later, see `cadre "
                f"approvals`{parts}",
            )
        work = _run(
            settings, pattern, request, there, detach=detach, as_json=as_json, can_ask=can_ask
        )
        return run_async(work, going_on(request.run))

    found = new_app()
    found.command(pattern.name)(with_options(pattern.input, start, EXTRA))
    return found


async def _run(
    settings: Settings,
    pattern: Pattern,
    request: RunInput,
    there: Catalog,
    *,
    detach: bool,
    as_json: bool,
    can_ask: bool,
) -> int:
    from cadre.runtime.client import connect  # noqa: PLC0415
    from starters import answering, begin, disclose, find, progress, summary  # noqa: PLC0415

    client = await connect(settings)
    for text in disclose.disclosed(settings, request, there):
        (progress.say_to_stderr if as_json else say)(text)
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
    answer = answering.Person(client, settings).ask if can_ask else None
    view = await progress.watch(client, begun.run, show=show, answer=answer)
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


if __name__ == "__main__":
    launch(app, "python -m starters.run")
