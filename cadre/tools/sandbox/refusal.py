"""Where nothing confines commands: refuse them, or run them at the operator's own risk."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cadre.domain.errors import CadreError, ErrorKind
from cadre.tools.sandbox.types import OUTPUT_LIMIT, Completed, Level, Mount


@dataclass(frozen=True)
class NoSandbox:
    """See `Sandbox`; every command is refused with the way to a sandbox."""

    reasons: tuple[str, ...]
    level: Level = Level.NONE
    owner: int | None = None
    python: str = sys.executable
    ripgrep: str = "rg"

    def path(self, workspace: Path) -> str:
        """Where commands would see `workspace`."""
        return str(workspace)

    async def run(
        self,
        argv: Sequence[str],  # noqa: ARG002
        *,
        workspace: Path,  # noqa: ARG002
        writable: bool,  # noqa: ARG002
        mounts: Sequence[Mount] = (),  # noqa: ARG002
        env: Mapping[str, str] | None = None,  # noqa: ARG002
        stdin: bytes | None = None,  # noqa: ARG002
        timeout: float,  # noqa: ARG002
        output_limit: int = OUTPUT_LIMIT,  # noqa: ARG002
        network: bool = False,  # noqa: ARG002
        on_start: Callable[[int], None] | None = None,  # noqa: ARG002
        on_output: Callable[[bytes], None] | None = None,  # noqa: ARG002
    ) -> Completed:
        """Raise CadreError (NO_SANDBOX)."""
        raise CadreError(
            ErrorKind.NO_SANDBOX,
            "no sandbox works on this machine, so agents' commands are refused: "
            + "; ".join(self.reasons),
        )
