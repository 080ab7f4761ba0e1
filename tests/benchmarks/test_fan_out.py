"""The benchmark of many agents at once runs, and its numbers fit together."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_each_does_the_work_in_no_less_than_the_model_takes() -> None:
    command = [sys.executable, "-m", "benchmarks.fan_out", "--quick", "--json", "--processes", "2"]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["processes"] == 2
    assert found["model_alone_seconds"] >= 0.6
    rows = {row["who"]: row for row in found["rows"]}
    assert list(rows) == ["floor", "Cadre", "Cadre whole"]
    for who, row in rows.items():
        assert (row["agents"], row["latency"]) == (4, 0.1)
        assert 0 < row["share"] <= 1, who  # six calls of 0.1 s each cannot take less
        assert row["measured"]["agents"] >= row["measured"]["one"] >= 0.6, who
        assert all(row["measured"]["cpu"][part] > 0 for part in ("worker", "server")), who
        assert f" {who}  " in done.stderr
    assert rows["floor"]["to_floor"] == 1
    # Only what is whole has a sandbox, and branches to merge after its agents' end.
    assert rows["Cadre"]["measured"]["cpu"]["sandbox"] == 0
    assert rows["Cadre whole"]["measured"]["cpu"]["sandbox"] > 0
