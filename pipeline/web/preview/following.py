"""A saved file is followed: first what is looked at is made, then everything."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from watchfiles import DefaultFilter, awatch

from pipeline.web.preview.seen import Seen

QUICKLY = 20
"""Milliseconds without another saved file that end a burst of them."""
FIRST = 0.25
"""Seconds in which the browser has the machine to itself, to show the words that were saved."""

Quick = Callable[[Sequence[str]], Mapping[str, Any]]
"""Makes what is looked at of these episodes, from the audio that is there; what to show of it."""

Whole = Callable[[], Awaitable[Mapping[str, Any]]]
"""Makes and checks everything, in a process of its own that ends when this is cancelled."""


async def follow(seen: Seen, folders: Sequence[Path], quick: Quick, whole: Whole) -> None:
    """Until cancelled: all is made, then each change, and shown; the latest save ends earlier work."""
    working = asyncio.create_task(_everything(seen, whole))
    try:
        async for _ in awatch(
            *[one for one in folders if one.is_dir()],
            watch_filter=DefaultFilter(),
            step=QUICKLY,
            debounce=QUICKLY * 5,
        ):
            await _ended(working)
            seen.show(**await asyncio.to_thread(quick, seen.at_sight()))
            working = asyncio.create_task(_everything(seen, whole))
    finally:
        await _ended(working)


async def _everything(seen: Seen, whole: Whole) -> None:
    await asyncio.sleep(FIRST)
    seen.show(**await whole(), busy="")


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
