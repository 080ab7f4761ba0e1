"""What of the host commands may see: system directories, the interpreter, ripgrep, toolchains."""

from __future__ import annotations

import os
import shutil
import sys
import sysconfig
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

# The uid and gid of commands inside, and whom they are outside when the engine runs as root.
INSIDE_ID = 1000
UNPRIVILEGED_ID = 65534

SYSTEM_DIRS = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/nix/store")
# Of /etc only what programs need to find libraries, commands and certificates; no private keys.
ETC = (
    "/etc/alternatives",
    "/etc/ca-certificates",
    "/etc/ld.so.cache",
    "/etc/localtime",
    "/etc/mime.types",
    "/etc/nsswitch.conf",
    "/etc/pki/ca-trust/extracted",
    "/etc/pki/tls/certs",
    "/etc/ssl/certs",
    "/etc/ssl/openssl.cnf",
)
RESOLV = "/etc/resolv.conf"
PASSWD = f"root:x:0:0::/root:/bin/sh\nagent:x:{INSIDE_ID}:{INSIDE_ID}::/tmp:/bin/bash\n"
GROUP = f"root:x:0:\nagent:x:{INSIDE_ID}:\n"
HOSTS = "127.0.0.1 localhost\n::1 localhost\n"


@dataclass(frozen=True)
class Host:
    """The host's programs and directories, found once when the sandbox is opened."""

    python: Path
    ripgrep: Path
    toolchains: Sequence[Path] = ()
    prefix: Path = field(default=Path(sys.base_prefix))

    @classmethod
    def find(cls, toolchains: Sequence[Path] = ()) -> Host:
        """Look for the running interpreter and ripgrep; FileNotFoundError says what is missing."""
        prefix = Path(sys.base_prefix).resolve()
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        python = Path(sysconfig.get_config_var("BINDIR") or prefix / "bin") / f"python{version}"
        if not python.exists():
            python = Path(os.path.realpath(sys.executable))
        beside = Path(sys.executable).parent / "rg"
        ripgrep = str(beside) if beside.exists() else shutil.which("rg")
        if ripgrep is None:
            raise FileNotFoundError("ripgrep (rg) is not installed: pip install ripgrep")
        return cls(
            python=python.resolve(),
            ripgrep=Path(ripgrep).resolve(),
            toolchains=tuple(t.resolve() for t in toolchains),
            prefix=prefix,
        )

    def read_only(self) -> Iterator[Path]:
        """Directories outside the system's own that commands may read, at their own paths."""
        for path in (self.prefix, *self.toolchains):
            if not any(path.is_relative_to(d) for d in SYSTEM_DIRS):
                yield path

    def environment(
        self, home: str, programs: Sequence[str], extra: Mapping[str, str] | None
    ) -> dict[str, str]:
        """The whole environment of a command; `programs` are more directories on PATH."""
        bins = [str(t / "bin") for t in self.toolchains if (t / "bin").is_dir()]
        bins += [
            str(self.python.parent),
            "/usr/local/bin",
            "/usr/bin",
            "/bin",
            "/usr/sbin",
            "/sbin",
        ]
        return {
            "PATH": ":".join(dict.fromkeys([*bins, *programs])),
            "HOME": home,
            "TMPDIR": home,
            "LANG": "C.UTF-8",
            "TERM": "dumb",
            "PAGER": "cat",
            "GIT_PAGER": "cat",
            "GIT_OPTIONAL_LOCKS": "0",
            "GIT_CONFIG_NOSYSTEM": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
            **(extra or {}),
        }
