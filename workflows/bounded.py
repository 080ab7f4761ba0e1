"""Work at once, but not all of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


async def bounded(at_once: int, items: Sequence[T], work: Callable[[T], Awaitable[R]]) -> list[R]:
    """Do `work` for each item, at most so many at once, begun in their order; the results in it."""
    places = asyncio.Semaphore(at_once)

    async def one(item: T) -> R:
        async with places:
            return await work(item)

    return list(await asyncio.gather(*(one(item) for item in items)))
