"""A worker at one level of sandbox with the machine around it, and attacks played on them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pygit2

from cadre.tools.sandbox import Level
from tests.chaos.hostile.case import Case
from tests.chaos.hostile.outside import CANARY, Outside
from tests.e2e.harness import ROOT


@dataclass(frozen=True)
class Played:
    """What came of an attack: the stored results, and what witnesses saw outside."""

    results: list[dict[str, Any]]
    harm: list[str]

    @property
    def text(self) -> str:
        return "\n".join(result["content"] for result in self.results)


class Stage:
    """A worker at one level of sandbox, and the machine around it."""

    def __init__(self, level: Level, outside: Outside, worker: subprocess.Popen[str]) -> None:
        self.level, self.outside, self._worker = level, outside, worker
        ready = self._answer()
        self._looked_at: set[Path] = set()
        assert ready["pid"] == worker.pid

    def play(self, case: Case) -> Played:
        """Let the model attack, and the engine go on with what it left."""
        marker = f"mark{uuid.uuid4().hex}"
        places = self.outside.places(self._worker.pid, marker)
        uses = [{"name": u.tool, "input": fill(u.input, places)} for u in case.uses]
        before = self.outside.look(self._worker.pid)
        assert self._worker.stdin is not None
        self._worker.stdin.write(json.dumps({"uses": uses}) + "\n")
        self._worker.stdin.flush()
        answer = self._answer()
        assert "problem" not in answer, answer
        harm = self.outside.harm(before, self._worker.pid, marker)
        harm += self._leaks(answer) + self._unfit_names(answer["commit"])
        store = self.outside.state / "store"
        return Played([json.loads((store / key).read_text()) for key in answer["stored"]], harm)

    def _answer(self) -> dict[str, Any]:
        assert self._worker.stdout is not None
        line = self._worker.stdout.readline()
        assert line, f"the worker died: {self._worker.wait()}"
        found: dict[str, Any] = json.loads(line)
        return found

    def _leaks(self, answer: dict[str, Any]) -> list[str]:
        """Where the secrets are, of all that an agent can see or the engine keeps of it."""
        needle, own = CANARY.encode(), self.outside.state / "store/runs/hostile"
        new = {path for path in own.rglob("*") if path.is_file()} - self._looked_at
        self._looked_at |= new
        found = [f"leaked: {path}" for path in new if needle in path.read_bytes()]
        repository = pygit2.Repository(str(self.outside.repo))
        tree = repository[answer["commit"]].peel(pygit2.Tree)
        found += [f"leaked: {path}" for path, blob in blobs(tree) if needle in blob.data]
        return found

    def _unfit_names(self, commit: str) -> list[str]:
        """What git itself would refuse to check out of the delivered branch on some system."""
        done = subprocess.run(
            ["git", "-C", self.outside.repo, "-c", "core.protectHFS=true",
             "-c", "core.protectNTFS=true", "read-tree", commit],
            env={**os.environ, "GIT_INDEX_FILE": str(self.outside.root.parent / "index")},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        return done.stderr.splitlines()


def blobs(tree: pygit2.Tree, above: str = "") -> Iterator[tuple[str, pygit2.Blob]]:
    for entry in tree:
        path = f"{above}{entry.name}"
        if isinstance(entry, pygit2.Tree):
            yield from blobs(entry, f"{path}/")
        elif isinstance(entry, pygit2.Blob):
            yield path, entry


def fill(value: Any, places: dict[str, str]) -> Any:
    """An input with the places that it names."""
    if isinstance(value, dict):
        return {name: fill(each, places) for name, each in value.items()}
    if isinstance(value, str):
        return re.sub(r"@(\w+)@", lambda match: places[match[1]], value)
    return value


@contextmanager
def staged(level: Level, root: Path) -> Iterator[Stage]:
    with ExitStack() as stack:
        outside = Outside(root, stack)
        worker = subprocess.Popen(
            [sys.executable, "-m", "tests.chaos.hostile.worker", level.value,
             outside.state, outside.repo, outside.theirs],
            env={**os.environ, "ANTHROPIC_API_KEY": CANARY, "PASSWORD": CANARY,
                 "HOME": str(outside.home), "PYTHONPATH": ":".join([str(ROOT), *sys.path])},
            cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        stack.enter_context(worker)
        stack.callback(worker.kill)
        yield Stage(level, outside, worker)
