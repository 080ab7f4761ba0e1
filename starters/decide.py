"""`cadre approve RUN`, `cadre reject RUN`, `cadre edited RUN`: a person's word on what waits."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from cadre.domain.decisions import Choice, Decision
from cadre.domain.errors import CadreError, ErrorKind
from starters.console import run_async, say

if TYPE_CHECKING:
    from cadre.runtime.settings import Settings
    from starters.questions import Waiting

TOKEN_SECONDS = 600


class Said(NamedTuple):
    """Who decides, why, and what proves it; each may be empty."""

    by: str = ""
    reason: str = ""
    token: str = ""


NOTHING = Said()

Run = Annotated[str, typer.Argument(help="The run's ID.", show_default=False)]
Which = Annotated[
    str, typer.Argument(metavar="[ID]", help="Which question.", show_default="the only one")
]
By = Annotated[str, typer.Option("--by", help="Who decides.", show_default="your user name")]
Reason = Annotated[str, typer.Option("--reason", help="Why.", show_default=False)]
Token = Annotated[
    str,
    typer.Option(
        "--token", help="Proof of who decides.", show_default="made with CADRE_DECISION_KEY"
    ),
]
Print = Annotated[
    bool, typer.Option("--print", help="Decide nothing: print the JSON for the Temporal UI's form.")
]


def _command(verdict: Choice, what: str) -> Callable[..., None]:
    def command(
        run: Run,
        which: Which = "",
        *,
        by: By = "",
        reason: Reason = "",
        token: Token = "",
        only_print: Print = False,
    ) -> None:
        said = Said(by, reason, token)
        run_async(_decide(verdict, run, which, said, only_print=only_print))

    command.__doc__ = what
    return command


approve = _command(Choice.APPROVE, "Approve what a run or one of its agents waits for.")
reject = _command(Choice.REJECT, "Reject what a run or one of its agents waits for.")
edited = _command(
    Choice.EDIT, "Say that you changed the result yourself, so that it is looked at again."
)


async def _decide(verdict: Choice, run: str, which: str, said: Said, *, only_print: bool) -> None:
    from cadre.runtime.client import connect  # noqa: PLC0415
    from cadre.runtime.settings import load_settings  # noqa: PLC0415
    from starters.find import the_run  # noqa: PLC0415
    from starters.questions import picked, tell, waiting_in  # noqa: PLC0415

    settings = load_settings()
    client = await connect(settings)
    found = await the_run(client, run)
    asked = await waiting_in(client, run) if found.open else []
    if not asked:
        none = f"{run} waits for no decision: it is {found.status}"
        raise CadreError(ErrorKind.WRONG_INPUT, none)
    waiting = picked(run, asked, which)
    decision = decision_on(settings, waiting, verdict, said)
    if only_print:
        say(decision.model_dump_json(exclude_defaults=True))
        return
    decided = await tell(client, waiting, decision)
    say(f"{run}: {waiting.name} {decided.words}")


def decision_on(
    settings: Settings, waiting: Waiting, verdict: Choice, said: Said = NOTHING
) -> Decision:
    """A decision on exactly what is asked, signed where there is a key."""
    from cadre.domain import tokens  # noqa: PLC0415
    from starters.options import filled  # noqa: PLC0415
    from starters.questions import user_name  # noqa: PLC0415

    given = {
        "id": waiting.question.id,
        "verdict": verdict,
        "by": said.by or user_name(),
        "reason": said.reason,
        "subject_sha256": waiting.question.subject_sha256,
        "token": said.token,
    }
    decision = filled(Decision, given)
    if settings.decision_key is None or said.token:
        return decision
    expiry = int(time.time()) + TOKEN_SECONDS
    made = tokens.token(settings.decision_key, waiting.workflow, decision, expiry)
    return decision.model_copy(update={"token": made})
