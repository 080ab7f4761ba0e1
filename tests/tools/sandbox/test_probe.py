"""Which level is found, and what is said where none is."""

from __future__ import annotations

import asyncio
import os

import pytest

from cadre.domain.errors import CadreError, ErrorKind
from cadre.tools.sandbox import Level, give, open_sandbox, probe
from cadre.tools.sandbox.advice import namespaces_advice
from cadre.tools.sandbox.output import HeadTail


def test_the_strongest_level_that_works_is_in_force():
    found = probe()
    assert (found.level, found.reasons) == (Level.BWRAP, ())
    assert open_sandbox(found, insecure=True).level is Level.BWRAP


async def test_it_can_be_called_on_a_running_loop():
    assert probe(levels=[Level.LANDLOCK]).level is Level.LANDLOCK


def test_a_broken_bubblewrap_of_the_system_is_passed_over(tmp_path, monkeypatch):
    broken = tmp_path / "bwrap"
    broken.write_text("#!/bin/sh\necho no\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert (probe().level, probe().reasons) == (Level.BWRAP, ())


def test_where_bubblewrap_does_not_work_landlock_is_in_force_and_it_says_why():
    found = probe(programs=["/bin/false"])
    assert found.level is Level.LANDLOCK
    assert len(found.reasons) == 1
    assert found.reasons[0].startswith("bubblewrap: the sandbox did not start")


async def test_without_a_sandbox_commands_are_refused_and_it_says_why(tmp_path):
    found = probe(levels=[Level.BWRAP], programs=["/bin/false"])
    assert found.level is Level.NONE
    with pytest.raises(CadreError, match="bubblewrap: the sandbox did not start") as raised:
        await open_sandbox(found).run(["true"], workspace=tmp_path, writable=True, timeout=5)
    assert raised.value.kind is ErrorKind.NO_SANDBOX


async def test_at_the_operators_risk_commands_run_unconfined(tmp_path, monkeypatch, marked):
    monkeypatch.setenv("CANARY", "canary-4711")
    sandbox = open_sandbox(probe(levels=[]), insecure=True)
    assert (sandbox.level, sandbox.owner) == (Level.NONE, None)
    outside = tmp_path / "outside"
    (tmp_path / "workspace").mkdir()
    done = await sandbox.run(
        ["bash", "-c", f"env; echo x > {outside}; (setsid bash -c 'exec -a left-4711 sleep 99' &)"],
        workspace=tmp_path / "workspace",
        writable=True,
        timeout=30,
    )
    assert done.exit_code == 0
    assert b"canary" not in done.output
    assert outside.read_text() == "x\n"
    assert marked("left-4711") == []


@pytest.mark.parametrize(
    ("switch", "value", "advice"),
    [
        ("kernel/apparmor_restrict_unprivileged_userns", "1", "userns=0"),
        ("kernel/unprivileged_userns_clone", "0", "clone=1"),
        ("user/max_user_namespaces", "0", "user_namespaces=10000"),
    ],
)
def test_the_advice_names_what_forbids_namespaces(tmp_path, switch, value, advice):
    path = tmp_path / "sys" / switch
    path.parent.mkdir(parents=True)
    path.write_text(value + "\n")
    said = namespaces_advice(tmp_path, tmp_path)
    assert said.startswith("run as root: sysctl -w ")
    assert said.endswith(advice)
    path.write_text("7\n")
    assert "sysctl" not in namespaces_advice(tmp_path, tmp_path)


def test_toolchains_are_seen_and_come_first(tmp_path):
    toolchain = tmp_path / "toolchain"
    (toolchain / "bin").mkdir(parents=True)
    program = toolchain / "bin" / "python3"
    program.write_text("#!/bin/sh\necho mine\n")
    program.chmod(0o755)
    workspace = tmp_path / "workspace"
    workspace.mkdir()

    async def said() -> bytes:
        sandbox = open_sandbox(probe(read_only=[toolchain]))
        give(workspace, sandbox.owner)
        done = await sandbox.run(["python3"], workspace=workspace, writable=False, timeout=30)
        return done.output

    assert asyncio.run(said()) == b"mine\n"


def test_giving_does_not_follow_links(tmp_path):
    outside = tmp_path / "outside"
    outside.write_text("x")
    given = tmp_path / "given"
    (given / "deep").mkdir(parents=True)
    (given / "deep" / "file").write_text("x")
    (given / "link").symlink_to(outside)
    (given / "dangling").symlink_to(tmp_path / "none")
    (given / "up").symlink_to(tmp_path)
    owner = 65534 if os.geteuid() == 0 else os.geteuid()
    before = outside.stat()
    give(given, owner)
    assert (outside.stat().st_uid, outside.stat().st_ctime_ns) == (
        before.st_uid,
        before.st_ctime_ns,
    )
    assert {p.lstat().st_uid for p in (given, *given.rglob("*"))} == {owner}


@pytest.mark.parametrize("size", [0, 1, 9, 10, 11, 100, 1000])
@pytest.mark.parametrize("piece", [1, 3, 10, 64])
def test_head_and_tail_are_kept(size, piece):
    data = bytes(n % 251 for n in range(size))
    kept = HeadTail(10)
    for at in range(0, size, piece):
        kept.feed(data[at : at + piece])
    assert kept.total == size
    assert kept.truncated is (size > 10)
    if size <= 10:
        assert kept.value() == data
    else:
        assert kept.value().startswith(data[:5])
        assert kept.value().endswith(data[-5:])
        assert f"{size - 10} bytes left out".encode() in kept.value()
