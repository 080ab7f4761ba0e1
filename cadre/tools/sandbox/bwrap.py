"""Commands confined by bubblewrap: namespaces, resource limits and a seccomp filter."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cadre.tools.sandbox import strays
from cadre.tools.sandbox.child import Launch
from cadre.tools.sandbox.descriptors import Descriptors
from cadre.tools.sandbox.gate import Gate
from cadre.tools.sandbox.host import INSIDE_ID, Host
from cadre.tools.sandbox.memory import prefer_as_victim
from cadre.tools.sandbox.ownership import require_workspace
from cadre.tools.sandbox.process import supervise, turn
from cadre.tools.sandbox.seccomp import compile_filter
from cadre.tools.sandbox.types import OUTPUT_LIMIT, Completed, Level, Limits, Mount
from cadre.tools.sandbox.userns import UserNamespaces
from cadre.tools.sandbox.view import RIPGREP, WORKSPACE, environment, system, work


@dataclass(frozen=True)
class BwrapSandbox:
    """See `Sandbox`. With `namespaces` the engine is root, and commands are not."""

    program: str
    host: Host
    limits: Limits = field(default_factory=Limits)
    namespaces: UserNamespaces | None = None
    level: Level = Level.BWRAP
    ripgrep: str = RIPGREP

    @property
    def owner(self) -> int | None:
        """Whom a workspace's files must belong to."""
        return None if self.namespaces is None else self.namespaces.outside_id

    @property
    def python(self) -> str:
        """The engine's own interpreter."""
        return str(self.host.python)

    def path(self, workspace: Path) -> str:  # noqa: ARG002 - the same for all
        """Where commands see `workspace`."""
        return WORKSPACE

    async def run(
        self,
        argv: Sequence[str],
        *,
        workspace: Path,
        writable: bool,
        mounts: Sequence[Mount] = (),
        env: Mapping[str, str] | None = None,
        stdin: bytes | None = None,
        timeout: float,
        output_limit: int = OUTPUT_LIMIT,
        network: bool = False,
        on_start: Callable[[int], None] | None = None,
        on_output: Callable[[bytes], None] | None = None,
    ) -> Completed:
        """See `Sandbox.run`."""
        require_workspace(workspace)
        await turn()

        def started(pid: int) -> None:
            prefer_as_victim(pid)
            if on_start is not None:
                on_start(pid)

        with contextlib.ExitStack() as stack:
            descriptors = stack.enter_context(Descriptors())
            gate = stack.enter_context(Gate(descriptors))
            user = self._user(stack, descriptors)
            seccomp = compile_filter(local_sockets=not network)
            confine = [
                *_isolation(network=network),
                *user.outside,
                *system(self.host, self.limits, descriptors, network=network),
                *work(workspace, mounts, writable=writable),
                *environment(self.host, env),
                *("--seccomp", str(descriptors.give(seccomp)), "--"),
                *user.inside,
                *gate.command(self.limits),
                *argv,
            ]
            launch = Launch(
                argv=lambda status: [strays.name(), "--json-status-fd", str(status), *confine],
                program=self.program,
                descriptors=descriptors,
                memory=self.limits.memory,
                stdin=stdin or b"",
                gate=gate,
            )
            return await supervise(
                launch,
                timeout=timeout,
                output_limit=output_limit,
                on_start=started,
                on_output=on_output,
            )

    def _user(self, stack: contextlib.ExitStack, descriptors: Descriptors) -> _User:
        if self.namespaces is None:
            ids = ("--uid", str(INSIDE_ID), "--gid", str(INSIDE_ID))
            return _User(["--unshare-user", "--disable-userns", *ids], [])
        namespace = descriptors.lend(stack.enter_context(self.namespaces.lend()))
        # Root of the namespace sets the sandbox up; setpriv leaves it for good.
        keep = ("SETUID", "SETGID", "SETPCAP", "DAC_READ_SEARCH")
        capabilities = [word for c in keep for word in ("--cap-add", f"CAP_{c}")]
        drop = [
            "setpriv", f"--reuid={INSIDE_ID}", f"--regid={INSIDE_ID}", "--clear-groups",
            "--inh-caps=-all", "--bounding-set=-all", "--",
        ]  # fmt: skip
        return _User(["--userns", str(namespace), *capabilities], drop)


@dataclass(frozen=True)
class _User:
    """Who runs a command: bubblewrap's arguments, and what changes the user inside."""

    outside: Sequence[str]
    inside: Sequence[str]


def _isolation(*, network: bool) -> Iterator[str]:
    yield from ("--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try")
    if not network:
        yield "--unshare-net"
    yield from ("--die-with-parent", "--new-session", "--cap-drop", "ALL")
    yield from ("--hostname", "cadre")
