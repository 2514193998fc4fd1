"""The lists that grow with every episode: pages of the archive, parts of the series, parts of the sitemap.

All are counted from the oldest, so that a full one never changes again; the newest, which is open, is numbered next.
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from pipeline.model import SeriesEntry
from pipeline.stage import Artifact

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.model import Listing, Publication
    from pipeline.templates import Templates

ARCHIVE = "archive/index.html"
"""The newest page of the archive: the episodes of the last full page and those that are on none yet."""
SITEMAP = "sitemap.xml"


def archive_path(number: int) -> str:
    """Where a page of the archive lies, once it is full and while it is open."""
    return f"archive/{number}/index.html"


def part_path(number: int) -> str:
    """Where a part of the series lies."""
    return "series/index.html" if number == 1 else f"series/{number}/index.html"


def sitemap_path(part: int | str) -> str:
    """Where a part of the sitemap lies: at the root, for it may name only what lies below its own folder."""
    return f"sitemap-{part}.xml"


def archive(
    publication: Publication,
    templates: Templates,
    at: str,
    number: int,
    listings: Sequence[Listing],
    *,
    newest: bool = False,
) -> Artifact:
    """A page of the archive, newest episode first.

    at: where it lies. number: of the full page that its oldest episodes are on, or will be. listings: oldest first.
    """
    values = {
        "publication": publication,
        "path": ARCHIVE if newest else at,
        "number": number,
        "newest": newest,
        "years": _years(listings),
        "catalogue": catalogue(publication) if number == 1 else (),
        "older": archive_path(number - 1) if number > 1 else "",
        "newer": "" if newest else archive_path(number + 1),
    }
    return Artifact(f"site/{at}", templates.render("web/archive.html", at=at, **values))


def catalogue(publication: Publication) -> tuple[SeriesEntry, ...]:
    """Episodes from before this archive, newest first."""
    return tuple(sorted(publication.series.entries, key=lambda entry: -entry.number))


def _years(listings: Sequence[Listing]) -> list[tuple[int, list[Listing]]]:
    """Each year once, newest first: around New Year an earlier moment may be dated later, in another time zone."""
    newest_first = reversed(listings)
    by_year = sorted(newest_first, key=_year, reverse=True)
    return [(year, list(found)) for year, found in groupby(by_year, _year)]


def _year(listing: Listing) -> int:
    return listing.published.year


def entries(
    publication: Publication, number: int, listings: Sequence[Listing]
) -> tuple[SeriesEntry, ...]:
    """The lines of a part of the series, from its first; part 1 begins with what publication.toml brings along."""
    before = catalogue(publication)[::-1] if number == 1 else ()
    numbered = sorted(
        (one for one in listings if one.type == "full"),
        key=lambda one: (one.season or 0, one.number),
    )
    here = (SeriesEntry(one.number, one.title, one.subtitle, one.slug) for one in numbered)
    return (*before, *here)


def part(
    publication: Publication,
    templates: Templates,
    number: int,
    listings: Sequence[Listing],
    *,
    newest: bool = False,
) -> Artifact:
    """A part of the series: what one page of the archive has of it, read from its first."""
    path = part_path(number)
    values = {
        "publication": publication,
        "path": path,
        "number": number,
        "newest": newest,
        "entries": entries(publication, number, listings),
        "earlier": part_path(number - 1) if number > 1 else "",
        "later": "" if newest else part_path(number + 1),
    }
    return Artifact(f"site/{path}", templates.render("web/series.html", at=path, **values))


def sitemap(
    publication: Publication,
    templates: Templates,
    at: str,
    pages: Sequence[str],
    listings: Sequence[Listing],
) -> Artifact:
    """A sitemap of some pages and episodes, as sitemaps.org has it."""
    values = {"publication": publication, "pages": pages, "episodes": listings}
    return Artifact(f"site/{at}", templates.render("web/sitemap.xml", at=at, **values))
