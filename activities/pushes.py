"""Pushes to a remote of the user's: the command, and whether the remote has what was pushed."""

from __future__ import annotations

import os
import re
from enum import Enum

from activities.commands import run_command
from cadre.domain.deliveries import MakeDelivery
from cadre.tools.workspace.gitcommand import git_words, operators_environment
from cadre.tools.workspace.origin import Origin

# How long a remote may take to say what it has.
LOOK_SECONDS = 30


class Reach(Enum):
    """How far a push came, as the remote says."""

    THERE = "there"
    ABSENT = "absent"  # and the branch could go forward to the commit
    UNCLEAR = "unclear"  # the remote does not answer, or its branch went elsewhere


def push_words(request: MakeDelivery, *options: str, hooks: bool = False) -> list[str]:
    """The push; never forced."""
    refspec = f"{request.commit}:{_reference(request)}"
    gitdir = Origin(request.repo).gitdir
    return git_words(gitdir, "push", *options, request.target.name, refspec, hooks=hooks)


async def look(request: MakeDelivery) -> Reach:
    """What the remote has of a push, by the same push as a dry run: it goes the same way, to all
    addresses, with the same credentials."""
    environment = operators_environment(os.environ)
    words = push_words(request, "--dry-run", "--porcelain")
    status, text = await run_command(words, request.repo, environment, LOOK_SECONDS)
    return reach_of(text, _reference(request)) if status == 0 else Reach.UNCLEAR


def reach_of(said: str, reference: str) -> Reach:
    """What `git push --dry-run --porcelain` says of a reference: a line for each address, with the
    flag `=` where there is nothing to do, a blank or `*` where the reference would move or be
    made."""
    flags = set(re.findall(rf"^(.)\t\S*:{re.escape(reference)}\t", said, re.MULTILINE))
    if flags == {"="}:
        return Reach.THERE
    return Reach.ABSENT if flags and flags <= {"=", " ", "*"} else Reach.UNCLEAR


def _reference(request: MakeDelivery) -> str:
    return f"refs/heads/{request.target.branch or request.branch}"
