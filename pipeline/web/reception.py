"""Who asks for a list is answered at once, and the same; what is done about it is done afterwards."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from pipeline.errors import OutsideError

WAITING = 10_000
"""Wishes that may wait; above that everyone is told to come again."""
TRIES = 5
PATIENCE = 60.0
"""Seconds before a wish is tried again that the database or the mail server could not take."""


@dataclass(frozen=True, slots=True)
class Wish:
    """Somebody gave an address, which may not be theirs, on a form: for which list, to what words, and when."""

    mailing_list: str
    address: str
    name: str
    words: str
    at: datetime


class Office(Protocol):
    """Does what a wish asks, with the database and the mail; raises OutsideError where either is away."""

    def grant(self, wish: Wish) -> str:
        """Which mail was sent: "confirm", "welcome" or "already"."""
        ...

    def admit(self, wish: Wish) -> bool:
        """Count a wish, and whether its address was not written to too often already."""
        ...


class Reception:
    """Takes wishes, and grants them one after the other on a thread of its own.

    The answer to a form is written before anybody looks whether the address is known, so its time tells nothing.
    """

    def __init__(self, office: Office, count: Callable[[str], None]) -> None:
        self._office, self._count = office, count
        self._waiting: asyncio.Queue[tuple[Wish, int]] = asyncio.Queue(WAITING)

    def take(self, wish: Wish) -> bool:
        """Whether there was room for one more."""
        try:
            self._waiting.put_nowait((wish, 1))
        except asyncio.QueueFull:
            return False
        return True

    async def work(self) -> None:
        """Until cancelled; what is waiting then is still done."""
        try:
            while True:
                await self._next()
        except asyncio.CancelledError:
            while not self._waiting.empty():
                await self._next()
            raise

    async def _next(self) -> None:
        wish, tries = await self._waiting.get()
        try:
            # A stranger may not have us write to somebody again and again.
            if tries == 1 and not await asyncio.to_thread(self._office.admit, wish):
                self._count("held")
            else:
                self._count(await asyncio.to_thread(self._office.grant, wish))
        except OutsideError:
            self._count("failed")
            if tries < TRIES:
                loop = asyncio.get_running_loop()
                loop.call_later(PATIENCE * tries, self._again, wish, tries + 1)
        except Exception as error:  # of one wish: those behind it are still granted
            self._count(type(error).__name__)

    def _again(self, wish: Wish, tries: int) -> None:
        try:
            self._waiting.put_nowait((wish, tries))
        except asyncio.QueueFull:
            self._count("lost")
