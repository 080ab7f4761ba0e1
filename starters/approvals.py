"""`cadre approvals`: what waits for people, and with a run all that they need to decide."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from cadre.domain.decisions import Choice
from starters.console import launch, new_app, one_line, run_async, say

if TYPE_CHECKING:
    from cadre.runtime.settings import Settings
    from starters.questions import Unanswered, Waiting

app = new_app()
COLUMNS = ("run", "id", "kind", "for", "asked", "what")


@app.command("approvals")
def approvals(
    run: Annotated[
        str, typer.Argument(metavar="[RUN]", help="A run, to see all of it.", show_default=False)
    ] = "",
    limit: Annotated[int, typer.Option("--limit", min=1, max=10_000, help="At most so many.")] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List what waits for a decision, in runs and in their agents."""
    from cadre.runtime.settings import load_settings  # noqa: PLC0415

    run_async(_show(load_settings(), run, limit, as_json=as_json))


async def _show(settings: Settings, run: str, limit: int, *, as_json: bool) -> None:
    from cadre.runtime.client import connect  # noqa: PLC0415
    from starters.find import the_run  # noqa: PLC0415
    from starters.questions import Waiting, all_waiting, waiting_in  # noqa: PLC0415
    from starters.whole import print_whole  # noqa: PLC0415

    client = await connect(settings)
    if run:
        found = await the_run(client, run)
        asked: list[Waiting | Unanswered] = [*(await waiting_in(client, run) if found.open else [])]
    else:
        asked = await all_waiting(client, limit)
    if as_json:
        say(json.dumps([_row(each) for each in asked]))
    elif not asked:
        say("nothing waits for a decision")
    elif run:
        for each in asked:
            if isinstance(each, Waiting):
                await print_whole(settings, each)
                say(f"hash {each.question.subject_sha256}")
                edited = ", or cadre edited …" if Choice.EDIT in each.question.choices else ""
                say(f"cadre approve {run} {each.name}, or cadre reject … --reason …{edited}")
                say()
    else:
        _print_list(asked)


def _row(waiting: Waiting | Unanswered) -> dict[str, object]:
    from starters.questions import Unanswered  # noqa: PLC0415

    if isinstance(waiting, Unanswered):
        run = waiting.workflow.partition("/")[0]
        return {"run": run, "workflow": waiting.workflow, "id": waiting.line, "answered": False}
    told = waiting.question.model_dump(mode="json")
    names = {"run": waiting.run, "workflow": waiting.workflow, "id": waiting.name}
    return {**told, **names, "answered": True}


def _print_list(asked: list[Waiting | Unanswered]) -> None:
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    from starters.screen import console  # noqa: PLC0415

    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in COLUMNS:
        table.add_column(column, no_wrap=column in ("run", "id", "what"), overflow="ellipsis")
    for each in sorted(asked, key=_place):
        row = _row(each)
        if row["answered"]:
            for_whom = ", ".join(str(who) for who in _list(row["approvers"])) or "anybody"
            what = _plain(row["title"])
            told = {**row, "for": for_whom, "asked": str(row["asked"])[:16], "what": what}
        else:
            told = {**row, "what": "no worker answers: start one with `cadre up`"}
        table.add_row(*(Text(one_line(str(told.get(name, "")), 100)) for name in COLUMNS))
    console().print(table)


def _plain(title: object) -> str:
    """A question's first line, which is Markdown, as it is read."""
    return str(title).replace("**", "")


def _place(waiting: Waiting | Unanswered) -> tuple[str, str]:
    row = _row(waiting)
    return str(row["run"]), str(row["id"])


def _list(value: object) -> list[object]:
    return list(value) if isinstance(value, list) else []


if __name__ == "__main__":
    launch(app, "python -m starters.approvals")
