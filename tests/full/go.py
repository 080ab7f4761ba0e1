"""Programs that the tests need, built from their Go modules once for each version."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from tests.e2e.harness import ROOT

CACHE = ROOT / ".cache"
# Compiling all of Temporal on two cores takes minutes.
BUILD_SECONDS = 1200


def built(name: str, module: str, version: str, programs: dict[str, str]) -> Path:
    """A directory with `programs`, which maps each one's name to its package in `module`."""
    directory = CACHE / f"{name}-{version}"
    if not all((directory / program).exists() for program in programs):
        directory.mkdir(parents=True, exist_ok=True)
        packages = [f"{module}/{package}@{version}" for package in programs.values()]
        subprocess.run(
            ["go", "install", "-ldflags=-s -w", *packages],
            env=os.environ | {"GOBIN": str(directory), "GOFLAGS": "-mod=mod"},
            check=True,
            timeout=BUILD_SECONDS,
        )
        for program, package in programs.items():
            (directory / Path(package).name).rename(directory / program)
    return directory
