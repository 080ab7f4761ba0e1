"""Who may write to a workspace's current directory, as a sequence of numbered steps.

Each step is a file that is made by linking it into place, which succeeds for one process alone:
whoever makes step n+1 has seen step n. So there is no lock that a stopped or dying process could
keep, and a process that was left behind finds its next step taken. A step that belongs to an
earlier boot, or cannot be read, promises nothing about the files: the power may have failed.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path

from pydantic import ValidationError

from cadre.domain.base import Value
from cadre.tools.workspace import processes

# A process this many steps behind has long been given up by everyone who waited for it.
KEPT_STEPS = 256


class Holder(Value):
    """A call that writes: its ID, which attempt of it, and its sandbox's process once that
    runs."""

    call: str
    attempt: int = 1
    pid: int | None = None
    started: int | None = None


class Step(Value):
    """The state of a workspace after step `number`.

    `generation` names its current directory. `clean` is the tree that the directory holds
    exactly, None while a `holder` writes to it.
    """

    number: int
    generation: int
    boot: str
    holder: Holder | None = None
    clean: str | None = None


class Steps:
    """The steps of one workspace, in a directory of their own."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._boot = processes.boot_id()

    def last(self) -> Step:
        """The newest step; number 0 and generation 0 where there is none yet."""
        while True:
            number = max(self._numbers(), default=0)
            if number == 0:
                return Step(number=0, generation=0, boot=self._boot)
            try:
                step = Step.model_validate_json(self._path(number).read_bytes())
            except FileNotFoundError:
                continue  # pruned meanwhile, so there is a newer one
            except ValidationError:
                step = Step(number=number, generation=0, boot="")
            if step.boot != self._boot:
                return Step(number=number, generation=step.generation, boot=self._boot)
            return step

    def take(
        self, after: Step, *, generation: int, holder: Holder | None, clean: str | None
    ) -> Step | None:
        """Make the step that follows `after`, or None where someone else has made it."""
        step = Step(
            number=after.number + 1,
            generation=generation,
            boot=self._boot,
            holder=holder,
            clean=clean,
        )
        handle, temporary = tempfile.mkstemp(prefix=".new.", dir=self._directory)
        try:
            with os.fdopen(handle, "w") as file:
                file.write(step.model_dump_json())
            os.link(temporary, self._path(step.number))
        except FileExistsError:
            return None
        finally:
            Path(temporary).unlink()
        with contextlib.suppress(FileNotFoundError):
            self._path(step.number - KEPT_STEPS).unlink()
        return step

    def _path(self, number: int) -> Path:
        return self._directory / f"{number}.json"

    def _numbers(self) -> list[int]:
        names = (path.name.partition(".")[0] for path in self._directory.iterdir())
        return [int(name) for name in names if name.isdigit()]
