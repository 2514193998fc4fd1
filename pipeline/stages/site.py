"""What surrounds the episodes on the web: home, subscribe, about, open lists, and what machines look for."""

from __future__ import annotations

import hashlib
from email.utils import parseaddr
from importlib.metadata import version
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pipeline import backlist as lists
from pipeline import media
from pipeline.errors import MediaError
from pipeline.feeds.apps import apps, code
from pipeline.stage import Artifact, Artifacts, Files, Shelf, stage

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from pipeline.model import Listing, Publication
    from pipeline.templates import Templates

ON_HOME = 10
"""How many earlier episodes the home page lists."""
LASTING = (
    *("index.html", lists.ARCHIVE, "subscribe/index.html"),
    *("search/index.html", "about/index.html"),
)
"""The pages that a search engine should know, beside the episodes and what is full."""
PLAIN = ("feeds.opml", "robots.txt", "feed.css", "feed.xsl")
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
    kept: Shelf,
) -> Iterator[Artifact]:
    """The pages around the episodes, the theme's style, the artwork, the sitemap, and a style for the feeds."""
    home = _home(publication, episodes, files, audio, waveform, pictures)
    yield from _pages(publication, home, templates)
    yield from _lists(publication, episodes, templates)
    shared = {"publication": publication, "apps": apps(publication.link("podcast.xml"))}
    for name in PLAIN:
        yield Artifact(f"site/{name}", templates.render(f"web/{name}", at=name, **shared))
    yield Artifact(
        "site/static/theme.css", templates.render("web/theme.css", publication=publication)
    )
    for name in templates.assets("static"):
        yield Artifact(f"site/{name}", templates.asset(name))
    yield Artifact("site/subscribe/qr.svg", code(publication.link("subscribe/index.html")))
    yield from _artwork(publication, files(publication.podcast.artwork), kept)
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
        "catalogue": () if more else lists.catalogue(publication),
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


# --- the lists that are still open ------------------------------------------------------------------


def _lists(
    publication: Publication, episodes: Sequence[Listing], templates: Templates
) -> Iterator[Artifact]:
    """The newest page of the archive, the open part of the series, and of the sitemap what no full page has."""
    size = publication.feeds.page
    last = len(episodes) // size
    newest, first = episodes[last * size :], max(1, last)
    # Without the last full page beside them the newest would stand alone, and each new page begin with one line.
    shown = episodes[(first - 1) * size :]
    for path in (lists.ARCHIVE, lists.archive_path(last + 1)) if last else (lists.ARCHIVE,):
        yield lists.archive(publication, templates, path, first, shown, newest=True)
    yield lists.part(publication, templates, last + 1, newest, newest=True)
    known = [*LASTING]
    if last == 0 or lists.entries(publication, last + 1, newest):
        known.append(lists.part_path(last + 1))
    path = lists.sitemap_path("newest") if last else lists.SITEMAP
    yield lists.sitemap(publication, templates, path, known, newest)
    if last:
        yield _sitemaps(publication, episodes, newest, templates)


def _sitemaps(
    publication: Publication,
    episodes: Sequence[Listing],
    newest: Sequence[Listing],
    templates: Templates,
) -> Artifact:
    """The index of the sitemap's parts, each with when it last changed, so that only those are read again."""
    size = publication.feeds.page
    full = range(len(episodes) // size)
    parts = [
        (
            lists.sitemap_path(number + 1),
            max(one.changed for one in episodes[number * size : (number + 1) * size]),
        )
        for number in full
    ]
    changed = max([episodes[-1].published, *(one.changed for one in newest)])
    values = {
        "publication": publication,
        "parts": [*parts, (lists.sitemap_path("newest"), changed)],
    }
    text = templates.render("web/sitemaps.xml", at=lists.SITEMAP, **values)
    return Artifact(f"site/{lists.SITEMAP}", text)


# --- artwork ----------------------------------------------------------------------------------------


def _artwork(publication: Publication, file: Path, kept: Shelf) -> Iterator[Artifact]:
    """The artwork as it is, and smaller for pages and tabs; drawn once, for a large picture takes long to read."""
    yield Artifact(f"site/{publication.cover}", file)
    known = f"{version('pillow')} {hashlib.sha256(file.read_bytes()).hexdigest()}"

    def smaller(name: str, side: int, format: str, **options: Any) -> Artifact:
        key = f"artwork {known} {side} {format} {sorted(options.items())}"
        made = kept(key, lambda to: _draw(file, side, to, format, **options))
        return Artifact(f"site/artwork/{name}", made)

    yield smaller("cover-small.jpg", COVER, "JPEG", quality=85, progressive=True)
    yield smaller("icon.png", ICON, "PNG", optimize=True)
    yield smaller("feed.png", FEED, "PNG", optimize=True)
    yield smaller("tab.png", TAB, "PNG", colours=SHADES, optimize=True)


def _draw(file: Path, side: int, to: Path, format: str, colours: int = 0, **options: Any) -> None:
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(file) as picture:
            small = picture.convert("RGB").resize((side, side), Image.Resampling.LANCZOS)
    except (UnidentifiedImageError, OSError, ValueError) as error:
        raise MediaError(f"{file.parent.name}/{file.name} is not a picture: {error}") from error
    if colours:
        small = small.quantize(colours)
    small.save(to, format, **options)
