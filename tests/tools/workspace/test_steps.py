"""Steps: one process makes each, whoever was left behind finds out."""

import asyncio
import os

import pytest

from cadre.tools.workspace import processes
from cadre.tools.workspace.steps import KEPT_STEPS, Holder, Steps


@pytest.fixture
def steps(tmp_path):
    return Steps(tmp_path)


def test_a_step_follows_the_last(steps):
    first = steps.last()
    assert (first.number, first.generation, first.clean) == (0, 0, None)
    step = steps.take(first, generation=1, holder=Holder(call="c"), clean=None)
    assert steps.last() == step
    assert steps.take(first, generation=1, holder=None, clean="t") is None
    assert steps.last() == step


async def test_one_of_many_makes_a_step(steps):
    first = steps.last()

    def take(number):
        return steps.take(first, generation=number, holder=Holder(call=str(number)), clean=None)

    made = await asyncio.gather(*(asyncio.to_thread(take, number) for number in range(30)))
    (winner,) = [step for step in made if step is not None]
    assert steps.last() == winner


def test_old_steps_go(steps, tmp_path):
    step = steps.last()
    for number in range(KEPT_STEPS + 20):
        step = steps.take(step, generation=1, holder=None, clean=str(number))
    assert steps.last() == step
    assert len(list(tmp_path.iterdir())) == KEPT_STEPS


@pytest.mark.parametrize("content", [b"", b"{", b'{"number": 1}'])
def test_a_step_that_cannot_be_read_promises_nothing(steps, tmp_path, content):
    (tmp_path / "1.json").write_bytes(content)
    step = steps.last()
    assert (step.number, step.clean, step.holder) == (1, None, None)
    assert steps.take(step, generation=2, holder=None, clean="t").number == 2


def test_a_step_of_an_earlier_boot_promises_nothing(steps, tmp_path):
    holder = Holder(call="c", pid=os.getpid(), started=processes.start_time(os.getpid()))
    step = steps.take(steps.last(), generation=1, holder=holder, clean="t")
    path = tmp_path / "1.json"
    path.write_text(path.read_text().replace(step.boot, "another"))
    last = steps.last()
    assert (last.number, last.clean, last.holder) == (1, None, None)


async def test_only_the_very_process_is_ended():
    process = await asyncio.create_subprocess_exec("sleep", "600")
    born = processes.start_time(process.pid)
    processes.end(process.pid, born + 1)
    assert process.returncode is None
    assert processes.start_time(process.pid) == born
    processes.end(process.pid, born)
    assert await process.wait() == -9
    processes.end(process.pid, born)
