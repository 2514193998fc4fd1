"""Dates: episodes whose order by date is not that of their numbers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from operator import attrgetter
from pathlib import Path

from pipeline.check.finding import Finding, finding
from pipeline.check.words import key_lines
from pipeline.model import Listing


def backwards(listings: Iterable[Listing], root: Path) -> Iterator[Finding]:
    """Each full episode dated before one of a lower number in its season; apps list by date, and show them swapped."""
    full = [one for one in listings if one.type == "full"]
    for _, season in groupby(sorted(full, key=_place), key=lambda one: one.season):
        yield from _backwards(season, root)


def _place(listing: Listing) -> tuple[int, int]:
    return (-1 if listing.season is None else listing.season, listing.number)


def _backwards(season: Iterable[Listing], root: Path) -> Iterator[Finding]:
    latest: Listing | None = None
    for one in season:
        if latest is None or one.published >= latest.published:
            latest = max((one, latest or one), key=attrgetter("published"))
            continue
        where = f"content/{one.slug}/episode.md"
        line = key_lines((root / where).read_text("utf-8-sig")).get("published", 1)
        message = (
            f"published: {one.published:%Y-%m-%d %H:%M} is before episode {latest.number}, "
            f"{latest.published:%Y-%m-%d %H:%M}"
        )
        mend = f"date it after content/{latest.slug}/episode.md, or correct that one"
        yield finding("E425", where, line, message, mend, one.slug)
