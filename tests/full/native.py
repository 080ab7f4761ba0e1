"""The services of docker-compose.yml as processes: PostgreSQL from the distribution, Temporal
built from its Go module, both in the versions and with the settings that the file names."""

from __future__ import annotations

import os
import pwd
import re
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from cadre.runtime.devserver import temporal_binary
from cadre.runtime.ports import free_port, port_is_free
from tests.e2e.harness import ROOT, until
from tests.full.go import built

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
PASSWORD = "a-password-of-the-tests"
START_SECONDS = 120
# Temporal keeps its members' ports in columns of 16 bits with a sign.
MEMBERSHIP_PORTS = range(20_000, 32_768)


def built_temporal() -> Path:
    """A directory with `temporal-server` and `temporal-sql-tool` of the image's version."""
    version = "v" + COMPOSE["services"]["temporal"]["image"].rpartition(":")[2]
    programs = {"temporal-server": "cmd/server", "temporal-sql-tool": "cmd/tools/sql"}
    return built("temporal", "go.temporal.io/server", version, programs)


def _postgres_programs() -> Path:
    """Where `initdb` and `postgres` lie, which Debian keeps off the PATH."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    where = found[-1] if found else shutil.which("initdb")
    assert where is not None, "PostgreSQL is missing: apt install postgresql"
    return Path(where).resolve().parent


def _somebody() -> dict[str, Any]:
    """Whom PostgreSQL, which refuses root, runs as."""
    if os.geteuid() != 0:
        return {}
    user = pwd.getpwnam("nobody")
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def listens(port: int) -> bool:
    """Whether somebody accepts connections on `port`."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def postgres() -> Iterator[int]:
    """A PostgreSQL cluster of our own for the time of a block; yields its port."""
    programs, somebody, port = _postgres_programs(), _somebody(), free_port()
    environment = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}
    with tempfile.TemporaryDirectory(prefix="cadre-pg-") as name:
        directory = Path(name)
        password = directory / "password"
        password.write_text(PASSWORD)
        for path in (directory, password):
            os.chown(path, somebody.get("user", -1), somebody.get("group", -1))
        subprocess.run(
            [
                programs / "initdb", "--pgdata", directory / "data", "--username", "temporal",
                "--pwfile", password, "--auth", "scram-sha-256",
            ],
            env=environment, cwd=directory, check=True, capture_output=True, **somebody,
        )  # fmt: skip
        server = subprocess.Popen(
            [
                programs / "postgres", "-D", directory / "data", "-p", str(port), "-k", directory,
                "-c", "listen_addresses=127.0.0.1",
            ],
            env=environment, cwd=directory, stderr=subprocess.DEVNULL, **somebody,
        )  # fmt: skip
        try:
            ready = [str(programs / "pg_isready"), "--host=127.0.0.1", f"--port={port}", "--quiet"]
            until(lambda: subprocess.call(ready) == 0, "PostgreSQL", START_SECONDS)
            yield port
        finally:
            server.terminate()
            server.wait(60)


@dataclass
class Temporal:
    """A Temporal server on that PostgreSQL, with the settings of the service `temporal`."""

    database_port: int
    log: Path
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    def __post_init__(self) -> None:
        self._programs = built_temporal()
        membership = (port for port in MEMBERSHIP_PORTS if port_is_free(port))
        self._ports = {"FRONTEND_HTTP_PORT": str(free_port())}
        for part in ("FRONTEND", "MATCHING", "HISTORY", "WORKER"):
            self._ports[f"{part}_GRPC_PORT"] = str(free_port())
            self._ports[f"{part}_MEMBERSHIP_PORT"] = str(next(membership))
        self._ports["FRONTEND_GRPC_PORT"] = str(self.port)

    @property
    def address(self) -> str:
        """Where clients find it."""
        return f"127.0.0.1:{self.port}"

    def script(self, name: str) -> subprocess.CompletedProcess[str]:
        """Run one of deploy/temporal's set-up scripts, as its service does."""
        command = temporal_binary()
        assert command is not None
        path = f"{self._programs}:{command.parent}:{os.environ['PATH']}"
        environment = {
            **self._environment(f"{name.removeprefix('setup-')}-setup"),
            "SQL_HOST": "127.0.0.1",
            "SQL_PORT": str(self.database_port),
            "TEMPORAL_ADDRESS": self.address,
            "TEMPORAL_NAMESPACE": "default",
            "PATH": path,
        }
        return subprocess.run(
            ["sh", ROOT / f"deploy/temporal/{name}.sh"],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    def start(self) -> None:
        """Start the server and wait until it accepts connections."""
        environment = {
            **self._environment("temporal"),
            **self._ports,
            "POSTGRES_SEEDS": "127.0.0.1",
            "DB_PORT": str(self.database_port),
            "DYNAMIC_CONFIG_FILE_PATH": str(ROOT / "deploy/temporal/dynamic-config.yaml"),
        }
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [self._programs / "temporal-server", "start"],
                env=environment,
                cwd=self.log.parent,
                stdout=log,
                stderr=log,
            )
        until(lambda: listens(self.port), f"Temporal: see {self.log}", START_SECONDS)

    def kill(self) -> None:
        """SIGKILL, if it runs."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def refused_settings(self) -> str:
        """What the server finds wrong with deploy/temporal/dynamic-config.yaml."""
        done = subprocess.run(
            [
                self._programs / "temporal-server",
                "validate-dynamic-config",
                ROOT / "deploy/temporal/dynamic-config.yaml",
            ],
            capture_output=True,
            text=True,
            check=True,
        )
        return "\n".join(re.findall(r"(?:error|warning): .*", done.stdout + done.stderr))

    def _environment(self, service: str) -> dict[str, str]:
        given: dict[str, str] = COMPOSE["services"][service]["environment"]
        return {n: PASSWORD if "POSTGRES_PASSWORD" in v else v for n, v in given.items()}
