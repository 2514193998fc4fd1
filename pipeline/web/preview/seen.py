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

OF_CODE = {"E2": "web", "E3": "email", "E315": "text", "E4": "feed", "E5": "podcast", "E6": "web"}
"""Which medium a fault shows in, by its code or the first letters of it; the rest is of the source."""


@dataclass(frozen=True, slots=True)
class Build:
    """A build as the preview tells of it.

    findings: of the last check, each with where, line, code, severity, message and mend. busy: what goes on, in words.
    None before the first. broken: slugs of the episodes whose source cannot be read. ahead: of those still to come.
    """

    publication: Publication
    listings: tuple[Listing, ...]
    errors: tuple[str, ...] = ()
    findings: tuple[Mapping[str, Any], ...] | None = None
    busy: str = ""
    broken: tuple[str, ...] = ()
    ahead: tuple[str, ...] = ()

    def listing(self, slug: str) -> Listing | None:
        return next((one for one in self.listings if one.slug == slug), None)

    def faults(self, slug: str) -> dict[str, list[Mapping[str, Any]]]:
        """What check finds, by medium, in an episode and in what is everyone's; what is let pass is left out."""
        found: dict[str, list[Mapping[str, Any]]] = {}
        others = {one.slug for one in self.listings} - {slug}
        for one in self.findings or ():
            elsewhere = others & set(str(one["where"]).replace(".", "/").split("/"))
            if not (elsewhere or one["waived"] or self._tells(one)):
                found.setdefault(_medium(str(one["code"])), []).append(one)
        return found

    def _tells(self, fault: Mapping[str, Any]) -> bool:
        """Whether an error of the build says it already."""
        place = f"{fault['where']}:{fault['line']}: " if fault["line"] else f"{fault['where']}: "
        return any(place in error for error in self.errors)

    def after(self, **changed: Any) -> Build:
        """The build that follows; an episode that broke is known as it last was, for its media are still there."""
        new = replace(self, **changed)
        known = {one.slug for one in new.listings}
        kept = [one for one in self.listings if one.slug in new.broken and one.slug not in known]
        return replace(new, listings=(*new.listings, *kept))


def _medium(code: str) -> str:
    return OF_CODE.get(code) or OF_CODE.get(code[:2], "source")


@dataclass(slots=True)
class Seen:
    """The build that is shown now; who waits for the next is told."""

    build: Path
    now: Build
    viewers: dict[str, int] = field(default_factory=dict)
    _next: asyncio.Event = field(default_factory=asyncio.Event)

    def show(self, **changed: Any) -> None:
        """Something of the build is new, and everyone who waits hears of it. Call it on the loop."""
        self.now = self.now.after(**changed)
        self._next.set()
        self._next = asyncio.Event()

    async def news(self) -> AsyncIterator[Build]:
        """The build that is shown, now and whenever it changes."""
        while True:
            following = self._next
            yield self.now
            await following.wait()

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
