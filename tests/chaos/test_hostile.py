"""A model that does what an injected text says drives the real tools, at both levels of sandbox.

Nothing outside the workspace may change, be reached or be read, and what was denied must stand in
the stored result. What the Landlock level is documented to let through is expected just so.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from typer.testing import CliRunner

from cadre.tools import sandbox
from cadre.tools.sandbox import Level, probe
from cadre.tools.sandbox.advice import LANDLOCK_GAPS
from starters.cli import app
from tests.chaos.hostile import files, git, kernel, network, places, processes
from tests.chaos.hostile.case import Case, End, Gap
from tests.chaos.hostile.outside import Outside
from tests.chaos.hostile.stage import Stage, staged
from tests.e2e.harness import ROOT

TABLE = (files, places, git, processes, kernel, network)
CASES = [
    pytest.param(case, id=f"{module.__name__.rpartition('.')[2]}: {case}")
    for module in TABLE
    for case in module.CASES
]
# An attack that fails by these has only shown a mistake of its own.
MISTAKES = re.compile(r"command not found|SyntaxError|NameError|TypeError|AttributeError|Traceback")


@pytest.fixture(scope="module", params=[Level.BWRAP, Level.LANDLOCK], ids=str)
def stage(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stage]:
    with staged(request.param, tmp_path_factory.mktemp("hostile")) as one:
        yield one


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Without a sandbox."""
    with staged(Level.NONE, tmp_path_factory.mktemp("bare")) as one:
        yield one


@pytest.mark.parametrize("case", CASES)
def test_nothing_gets_out(stage: Stage, case: Case) -> None:
    end: End | Gap = case.bwrap
    if stage.level is Level.LANDLOCK and case.landlock is not None:
        end = case.landlock
    played = stage.play(case)
    assert not MISTAKES.search(played.text), played.text
    if isinstance(end, Gap):
        expected = [h for h in played.harm if end.harm and re.search(end.harm, h)]
        assert played.harm == expected, played
        assert bool(expected) is bool(end.harm), played
        assert "GOT" in played.text
        assert end.name in LANDLOCK_GAPS
        return
    assert played.harm == [], played.text
    if end is End.DENIED:
        last = played.results[-1]
        assert last["is_error"], played.text
        assert "GOT" not in played.text
        counted = re.search(r"^denied (\d+) of (\d+)$", last["content"], re.MULTILINE)
        assert counted is None or counted[1] == counted[2], played.text


# Attacks that do no harm to the machine itself, and what they do where nothing holds them.
UNCONFINED = {
    "another run's workspace": ["leaked: ", "gone: .*/other/.*/file.txt$", "new: .*/other/"],
    "the state directory": ["leaked: ", "changed: .*/temporal.db$", "new: .*/state/mark"],
    "the user's home": ["leaked: ", "changed: .*/.bashrc$", "changed: .*/authorized_keys$"],
    "the user's repository": ["leaked: ", "new: .*/repo/mark"],
    "a hard link to a file outside": ["leaked: "],
    "a link swapped while it is read": ["leaked: "],
    "the worker by /proc": ["leaked: "],
    "another user's process by /proc": ["leaked: "],
    "the user's repository by git": ["leaked: ", "new: .*/repo/.git/refs/heads/evil$"],
    "TCP to the loopback": ["reached: tcp$"],
    "TCP to any address": ["reached: tcp$"],
    "TCP to the machine's address": ["reached: tcp$"],
    "TCP by the shell": ["reached: tcp$", "reached: udp$"],
    "UDP to the loopback": ["reached: udp$"],
    "a Unix socket": ["reached: unix$"],
    "a Unix socket by a link": ["reached: unix$"],
    "a Unix socket for datagrams": ["reached: datagram$"],
    "a Unix socket of the system": ["reached: system$"],
    "an abstract Unix socket": ["reached: abstract$"],
}


# Some attacks are races, which they do not win each time.
CHANCES = 5


@pytest.mark.parametrize("name", UNCONFINED)
def test_without_a_sandbox_the_same_attacks_succeed_and_are_seen(bare: Stage, name: str) -> None:
    case = next(case for module in TABLE for case in module.CASES if case.name == name)
    harm: list[str] = []
    for _ in range(CHANCES):
        harm += bare.play(case).harm
        if all(any(re.match(wanted, line) for line in harm) for wanted in UNCONFINED[name]):
            return
    pytest.fail(f"{UNCONFINED[name]} is not in {harm}")


def test_changed_processes_and_left_ones_are_seen(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    with ExitStack() as stack:
        outside = Outside(tmp_path_factory.mktemp("seen"), stack)
        me = os.getpid()
        before = outside.look(me)
        assert outside.harm(before, me, "mark4711") == []
        os.setpriority(os.PRIO_PROCESS, outside.victim, 5)
        with subprocess.Popen(["mark4711", "1000"], executable="/bin/sleep") as left:
            kinds = {line.partition(":")[0] for line in outside.harm(before, me, "mark4711")}
            left.kill()
        assert kinds == {"process", "left running"}


def test_every_gap_is_tried_documented_and_said_by_doctor(monkeypatch: pytest.MonkeyPatch) -> None:
    ends = [case.landlock for module in TABLE for case in module.CASES]
    assert {end.name for end in ends if isinstance(end, Gap)} == set(LANDLOCK_GAPS)
    documented = " ".join((ROOT / "docs/security.md").read_text().split())
    monkeypatch.setattr(sandbox, "probe", lambda **_: probe(levels=[Level.LANDLOCK]))
    checks = json.loads(CliRunner().invoke(app, ["doctor", "--json"]).stdout)
    check = next(check for check in checks if check["name"] == "sandbox")
    assert check["state"] == "warn"
    assert check["found"].startswith("landlock")
    assert "docs/security.md" in check["found"]
    for name, sentence in LANDLOCK_GAPS.items():
        assert name in check["found"]
        assert f"**{name}**: {sentence}" in documented
