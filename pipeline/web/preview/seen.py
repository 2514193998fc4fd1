"""What the preview shows: the last build, what was wrong with it, and news of the next for those who look."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.model import Listing, Publication

MEDIA = ("web", "email", "text", "feed", "podcast")

OF_CODE = {"E2": "web", "E3": "email", "E4": "feed", "E5": "podcast", "E6": "web"}
"""Which medium a fault shows in, by the first letters of its code; the rest is of the source."""


@dataclass(frozen=True, slots=True)
class Build:
    """A build as the preview tells of it.

    findings: of the last check, each with where, line, code, severity, message and mend. busy: what goes on, in words.
    """

    publication: Publication
    listings: tuple[Listing, ...]
    errors: tuple[str, ...] = ()
    findings: tuple[Mapping[str, Any], ...] = ()
    busy: str = ""

    def listing(self, slug: str) -> Listing | None:
        return next((one for one in self.listings if one.slug == slug), None)

    def faults(self, slug: str) -> dict[str, list[Mapping[str, Any]]]:
        """What check finds, by medium, in an episode and in what is everyone's."""
        found: dict[str, list[Mapping[str, Any]]] = {}
        others = {one.slug for one in self.listings} - {slug}
        for one in self.findings:
            if not others & set(str(one["where"]).replace(".", "/").split("/")):
                medium = OF_CODE.get(str(one["code"])[:2], "source")
                found.setdefault(medium, []).append(one)
        return found


@dataclass(slots=True)
class Seen:
    """The build that is shown now; who waits for the next is told."""

    build: Path
    now: Build
    number: int = 0
    viewers: dict[str, int] = field(default_factory=dict)
    _next: asyncio.Event = field(default_factory=asyncio.Event)

    def show(self, **changed: Any) -> None:
        """Something of the build is new, and everyone who waits hears of it. Call it on the loop."""
        self.now = replace(self.now, **changed)
        self.number += 1
        self._next.set()
        self._next = asyncio.Event()

    async def news(self) -> AsyncIterator[int]:
        """The number of the build that is shown, now and whenever it changes."""
        while True:
            yield self.number
            await self._next.wait()

    @contextmanager
    def viewed(self, slug: str) -> Iterator[None]:
        """While someone looks at an episode, it is the first to be made."""
        self.viewers[slug] = self.viewers.get(slug, 0) + 1
        try:
            yield
        finally:
            self.viewers[slug] -= 1

    def at_sight(self) -> Sequence[str]:
        """The episodes that someone looks at."""
        return [slug for slug, count in self.viewers.items() if count]
