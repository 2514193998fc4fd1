"""What surrounds the episodes on the web: home, archive, series, subscribe, about, and what machines look for."""

from __future__ import annotations

import io
from email.utils import parseaddr
from itertools import groupby
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pipeline import media
from pipeline.errors import MediaError
from pipeline.feeds.apps import apps, code
from pipeline.stage import Artifact, Artifacts, Files, stage

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from pipeline.model import Listing, Publication, SeriesEntry
    from pipeline.templates import Templates

ON_HOME = 10
"""How many earlier episodes the home page lists."""
ON_PAGE = 100
"""How many episodes a page of the archive or the series holds, counted from the oldest: a full page never changes."""
PLAIN = ("sitemap.xml", "feeds.opml", "robots.txt", "feed.css", "feed.xsl")
"""Files that are no pages. Feeds that were read before we had feed.css name feed.xsl, so it stays where it was."""
COVER, ICON, FEED, TAB = 640, 192, 144, 32
"""Pixels a side of the smaller copies of the artwork; RSS allows its image no more than 144."""
SHADES = 64
"""Colours of the one in the tab, which every page loads."""


@stage(per="publication", libraries=("jinja2", "pillow", "markdown-it-py", "segno"))
def site(
    publication: Publication,
    episodes: tuple[Listing, ...],
    templates: Templates,
    files: Files,
    audio: Mapping[str, Artifacts],
    waveform: Mapping[str, Artifacts],
    pictures: Mapping[str, Artifacts],
) -> Iterator[Artifact]:
    """The pages around the episodes, the theme's style, the artwork, the sitemap, and a style for the feeds."""
    home = _home(publication, episodes, files, audio, waveform, pictures)
    yield from _pages(publication, home, templates)
    yield from _archive(publication, episodes, templates)
    yield from _series(publication, episodes, templates)
    for name in PLAIN:
        values = {
            "publication": publication,
            "episodes": episodes,
            "pages": _lasting(len(episodes)),
            "apps": apps(publication.link("podcast.xml")),
        }
        yield Artifact(f"site/{name}", templates.render(f"web/{name}", at=name, **values))
    yield Artifact(
        "site/static/theme.css", templates.render("web/theme.css", publication=publication)
    )
    for name in templates.assets("static"):
        yield Artifact(f"site/{name}", templates.asset(name))
    yield Artifact("site/subscribe/qr.svg", code(publication.link("subscribe/index.html")))
    yield from _artwork(publication, files(publication.podcast.artwork))
    for person in publication.people:
        if person.image:
            yield Artifact(f"site/{person.portrait}", files(person.image))


def _pages(
    publication: Publication, home: Mapping[str, Any], templates: Templates
) -> Iterator[Artifact]:
    shared = {
        "publication": publication,
        "apps": apps(publication.link("podcast.xml")),
        "mail": _mail(publication),
    }
    root = urlsplit(publication.url).path
    for name, path, values in (
        ("home", "index.html", home),
        ("subscribe", "subscribe/index.html", {}),
        ("about", "about/index.html", {"people": publication.people}),
        ("404", "404.html", {"root": root}),
    ):
        text = templates.render(f"web/{name}.html", at=path, path=path, **shared, **values)
        yield Artifact(f"site/{path}", text)


def _home(
    publication: Publication,
    episodes: Sequence[Listing],
    files: Files,
    audio: Mapping[str, Artifacts],
    waveform: Mapping[str, Artifacts],
    pictures: Mapping[str, Artifacts],
) -> Mapping[str, Any]:
    newest = list(reversed(episodes[-ON_HOME - 1 :]))
    # Someone who comes for the first time hears an episode, not the trailer, where there is one.
    latest = next((one for one in newest if one.type == "full"), newest[0] if newest else None)
    earlier = [one for one in newest if one is not latest]
    heard = {one.slug: media.enclosure(audio[one.slug]) for one in newest if one.slug in audio}
    known = {slug: found for slug, found in heard.items() if found}
    more = len(episodes) > len(newest)
    return {
        "latest": latest,
        "earlier": earlier,
        "catalogue": () if more else _catalogue(publication),
        "more": more,
        "picture": _picture(latest, files, pictures, publication)
        if latest and latest.image
        else None,
        "audio": _audio(known[latest.slug], waveform.get(latest.slug, Artifacts()), publication)
        if latest and latest.slug in known
        else None,
        "durations": {slug: found.duration for slug, found in known.items()},
        "data": _data(publication),
    }


def _picture(
    listing: Listing,
    files: Files,
    pictures: Mapping[str, Artifacts],
    publication: Publication,
) -> Mapping[str, Any]:
    from pipeline.inlines import Links

    size = media.picture_size(files(f"content/{listing.slug}/{listing.image}")) or (None, None)
    links = Links(publication.url, "index.html")
    lighter = media.lighter(pictures.get(listing.slug, Artifacts()), links.to)
    return {
        "path": f"{listing.slug}/{listing.image}",
        "width": size[0],
        "height": size[1],
        "lighter": lighter.get(listing.image, ""),
    }


def _audio(
    heard: media.Enclosure, waveform: Artifacts, publication: Publication
) -> Mapping[str, Any]:
    from pipeline.inlines import Links

    links = Links(publication.url, "index.html")
    drawn = waveform.ending("waveform.svg")
    return {
        "url": links.to(heard.path),
        "duration": heard.duration,
        "size": heard.size,
        "type": heard.type,
        "waveform": links.to(drawn.path.removeprefix("site/")) if drawn else "",
    }


def _catalogue(publication: Publication) -> tuple[SeriesEntry, ...]:
    """Episodes from before this archive, newest first."""
    return tuple(sorted(publication.series.entries, key=lambda entry: -entry.number))


def _data(publication: Publication) -> Mapping[str, Any]:
    """What machines read: schema.org's PodcastSeries."""
    return {
        "@context": "https://schema.org",
        "@type": "PodcastSeries",
        "@id": f"{publication.url}#podcast",
        "name": publication.title,
        "description": publication.description,
        "url": publication.url,
        "inLanguage": publication.language,
        "webFeed": publication.link("podcast.xml"),
        "image": publication.link("artwork/cover-small.jpg"),
        "author": [{"@type": "Person", "name": person.name} for person in publication.people],
    }


def _mail(publication: Publication) -> str:
    """Where a reader writes to be put on the list; "" where nothing is mailed."""
    if publication.email is None:
        return ""
    return parseaddr(publication.email.reply_to or publication.email.sender)[1]


# --- the archive ------------------------------------------------------------------------------------


def _archive(
    publication: Publication, episodes: Sequence[Listing], templates: Templates
) -> Iterator[Artifact]:
    last = _archive_pages(len(episodes))
    for number in range(1, last + 1):
        found = episodes[(number - 1) * ON_PAGE : number * ON_PAGE]
        paths = ["archive/index.html"] if number == last else []
        paths += [_numbered(number)] if last > 1 else []
        values = {
            "publication": publication,
            "number": number,
            "years": _years(found),
            "newest": number == last,
            "catalogue": _catalogue(publication) if number == 1 else (),
            "older": _numbered(number - 1) if number > 1 else "",
            "newer": _numbered(number + 1) if number < last else "",
        }
        for path in paths:
            text = templates.render("web/archive.html", at=path, path=paths[0], **values)
            yield Artifact(f"site/{path}", text)


def _archive_pages(count: int) -> int:
    return max(1, -(-count // ON_PAGE))


def _numbered(number: int) -> str:
    return f"archive/{number}/index.html"


def _years(listings: Iterable[Listing]) -> list[tuple[int, list[Listing]]]:
    newest_first = sorted(listings, key=lambda one: one.published, reverse=True)
    return [
        (year, list(found)) for year, found in groupby(newest_first, lambda one: one.published.year)
    ]


def _lasting(count: int) -> list[str]:
    """The pages that a search engine should know, beside the episodes."""
    full = [_numbered(number) for number in range(1, _archive_pages(count))]
    lasting = ("index.html", "archive/index.html", "series/index.html", "subscribe/index.html")
    return [*lasting, *full, "search/index.html", "about/index.html"]


# --- the series -------------------------------------------------------------------------------------


def _series(
    publication: Publication, episodes: Sequence[Listing], templates: Templates
) -> Iterator[Artifact]:
    """The numbered episodes in their order, from the first."""
    from pipeline.model import SeriesEntry

    index = [*publication.series.entries]
    index += [
        SeriesEntry(one.number, one.title, one.subtitle, one.slug)
        for one in episodes
        if one.type == "full"
    ]
    index.sort(key=lambda entry: entry.number)
    last = _archive_pages(len(index))
    for number in range(1, last + 1):
        path = _part(number)
        values = {
            "publication": publication,
            "path": path,
            "number": number,
            "entries": index[(number - 1) * ON_PAGE : number * ON_PAGE],
            "earlier": _part(number - 1) if number > 1 else "",
            "later": _part(number + 1) if number < last else "",
        }
        yield Artifact(f"site/{path}", templates.render("web/series.html", at=path, **values))


def _part(number: int) -> str:
    return "series/index.html" if number == 1 else f"series/{number}/index.html"


# --- artwork ----------------------------------------------------------------------------------------


def _artwork(publication: Publication, file: Path) -> Iterator[Artifact]:
    """The artwork as it is, and smaller for pages and tabs."""
    yield Artifact(f"site/{publication.cover}", file)
    yield Artifact(
        "site/artwork/cover-small.jpg", _smaller(file, COVER, "JPEG", quality=85, progressive=True)
    )
    yield Artifact("site/artwork/icon.png", _smaller(file, ICON, "PNG", optimize=True))
    yield Artifact("site/artwork/feed.png", _smaller(file, FEED, "PNG", optimize=True))
    yield Artifact(
        "site/artwork/tab.png", _smaller(file, TAB, "PNG", colours=SHADES, optimize=True)
    )


def _smaller(file: Path, side: int, format: str, colours: int = 0, **options: Any) -> bytes:
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(file) as picture:
            small = picture.convert("RGB").resize((side, side), Image.Resampling.LANCZOS)
    except (UnidentifiedImageError, OSError, ValueError) as error:
        raise MediaError(f"{file.parent.name}/{file.name} is not a picture: {error}") from error
    if colours:
        small = small.quantize(colours)
    out = io.BytesIO()
    small.save(out, format, **options)
    return out.getvalue()
