"""Work at once: all of it, or only so much at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


async def together(works: Iterable[Awaitable[R]]) -> list[R]:
    """Do all at once; the results in order. Where one fails or is cancelled, the first failure is
    raised when all have ended: what goes on unseen could neither be counted nor kept."""
    results = await asyncio.gather(*works, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return [result for result in results if not isinstance(result, BaseException)]


async def bounded(at_once: int, items: Sequence[T], work: Callable[[T], Awaitable[R]]) -> list[R]:
    """Do `work` for each item, at most so many at once, begun in their order; the results in it."""
    places = asyncio.Semaphore(at_once)

    async def one(item: T) -> R:
        async with places:
            return await work(item)

    return await together(one(item) for item in items)
