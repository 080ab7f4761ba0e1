"""What the model asked for, what it was shown, and what was delivered: all must tell the same.

The first two are written down by the scenario, on the model's side of the wire; the last is read
from the user's repository by the git command.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

from tests.chaos.scenarios.effects import LINES, STEPS, effects
from tests.chaos.stage import Stage
from tests.e2e.harness import git

WRITER = "builder.1"


def settle(home: Path, repo: Path, run: str) -> None:
    """Assert that every effect that was asked for took place once, and that each call's result
    was shown as the same one however often it was sent."""
    entries = [e for e in _entries(home / "ledger.jsonl") if e["run"] == run]
    asked: dict[tuple[str, int], Any] = {}
    for entry in entries:
        key = (entry["agent"], entry["turn"])
        assert asked.setdefault(key, entry["asks"]) == entry["asks"], f"{key} asked twice"
    shown: dict[tuple[str, int], Any] = {}
    for entry in entries:
        for turn, is_error, result in entry["seen"]:
            assert not is_error, f"{entry['agent']}, turn {turn}: {result}"
            key = (entry["agent"], turn)
            assert shown.setdefault(key, result) == result, f"{key} had two results"
    steps = sorted(turn for agent, turn in asked if agent == WRITER and asked[agent, turn])
    assert steps == list(range(1, STEPS + 1)), "every effect was asked for"
    assert steps == sorted(turn for agent, turn in shown if agent == WRITER), "and has a result"
    assert _delivered(repo, run, "effects.txt") == _expected(steps)
    assert _delivered(repo, run, "count.txt") == [f"count {STEPS // 2}"]
    for number, step in enumerate((s for s in steps if s % 2), 1):
        assert shown[WRITER, step] == f"{number * LINES} effects.txt"


def settle_bill(stage: Stage, run: str) -> None:
    """Assert that the run, the first on its stage, wrote down every request before it was sent,
    and that what was paid for and lost is on its bill."""
    # What broke off before the service knew who asked has no agent, and no answer either.
    requests = Counter((r["agent_id"], r["turn"]) for r in stage.journal() if r["agent_id"])
    paid = Counter((r["agent_id"], r["turn"]) for r in stage.journal() if r["paid"])
    lost = Counter[str]()
    for (agent, turn), count in requests.items():
        turns = stage.store(run) / f"agents/{agent}/turns"
        written = list(turns.glob(f"{turn:04}.attempt.*.json"))
        assert count <= len(written), (agent, turn)
        lost[agent] += paid[agent, turn] - 1
    billed = stage.lost(run)
    for agent, count in lost.items():
        assert count <= billed.get(agent, 0), f"{agent} lost {count}, and {billed} is on the bill"


def _expected(steps: list[int]) -> list[str]:
    return [line for step in steps if step % 2 for line in effects(step)]


def _delivered(repo: Path, run: str, name: str) -> list[str]:
    return git(repo, "show", f"cadre/{run}:{name}").splitlines()


def _entries(ledger: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in ledger.read_text().splitlines()]
