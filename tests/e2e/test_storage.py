"""docs/storage.md: what lies in the state directory, and what may be deleted."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from tests.e2e.harness import ROOT, Home

PAGE = (ROOT / "docs/storage.md").read_text()


def test_everything_is_named_and_a_closed_run_outlives_the_database(tmp_path: Path) -> None:
    home = Home(tmp_path)
    with home.up("--simulate"):
        done = home.run("demo", "--simulate")
        assert done.returncode == 0, done.stderr
    run = next((home.state / "samples").iterdir()).name
    first_column = " ".join(re.findall(r"^\|([^|]*)\|", PAGE, re.MULTILINE))
    for path in home.state.iterdir():
        name = re.sub(r"^.*\.lock$|\.1$|^temporal\.db(?=-)", "", path.name)
        assert name in first_column, path

    assert oct(home.state.stat().st_mode & 0o777) == "0o700"
    for path in home.state.glob("temporal.db*"):
        path.unlink()
    shutil.rmtree(home.state / "trash")
    shutil.rmtree(home.state / "samples")
    with home.up("--simulate"):
        assert "builder.1" in home.run("logs", run).stdout
        assert "approved" in home.run("show", run).stdout
        assert run not in home.run("list").stdout
        again = home.run("demo", "--simulate")
    assert again.returncode == 0, again.stderr
