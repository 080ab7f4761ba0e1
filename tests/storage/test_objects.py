"""Small and large objects, in a directory and in a store that is none."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from obstore.store import MemoryStore

from cadre.storage.objects import SMALL_BYTES, Objects


@pytest.fixture(params=["directory", "memory"])
def objects(request: pytest.FixtureRequest, tmp_path: Path) -> Objects:
    if request.param == "memory":
        return Objects(MemoryStore())
    return Objects.open(f"file://{tmp_path}/store")


@pytest.mark.parametrize("size", [0, 1, SMALL_BYTES, SMALL_BYTES + 1, 6 * 1024 * 1024])
async def test_what_was_put_is_got(objects: Objects, size: int) -> None:
    assert await objects.get("a/b/c") is None
    await objects.put("a/b/c", b"old")
    await objects.put("a/b/c", b"x" * size)
    assert await objects.get("a/b/c") == b"x" * size
    assert await objects.put_new("a/b/c", b"y" * size) is False
    assert await objects.get("a/b/c") == b"x" * size
    assert await objects.put_new("a/b/new", b"y" * size) is True
    assert await objects.get("a/b/new") == b"y" * size


@pytest.mark.parametrize("size", [1, SMALL_BYTES + 1])
async def test_of_those_who_put_something_new_one_wins(objects: Objects, size: int) -> None:
    values = [bytes([number]) * size for number in range(20)]
    won = await asyncio.gather(*(objects.put_new("a/new", value) for value in values))
    assert sum(won) == 1
    assert await objects.get("a/new") == values[won.index(True)]


async def test_text_and_json(objects: Objects) -> None:
    await objects.put("text", "ä\n")
    assert await objects.get("text") == "ä\n".encode()
    assert await objects.put_new_json("value", {"ä": [1, None]}) is True
    assert await objects.put_new_json("value", {}) is False
    assert await objects.get_json("value") == {"ä": [1, None]}
    await objects.put_json("value", [])
    assert await objects.get_json("value") == []
    assert await objects.get_json("none") is None
