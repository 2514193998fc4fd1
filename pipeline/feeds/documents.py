"""What was made of each entry, joined into the documents of a feed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from pipeline import media
from pipeline.errors import MediaError
from pipeline.feeds import heads, jsonfeed, notes, podcasting
from pipeline.feeds.about import about
from pipeline.feeds.apps import apps
from pipeline.feeds.entries import address
from pipeline.feeds.fragments import Fragment
from pipeline.feeds.heads import Document
from pipeline.feeds.podcasting import Image
from pipeline.model import Listing, Publication
from pipeline.stage import Artifact, Files

FEED_PICTURE = 144
"""Pixels of the picture that RSS allows a channel."""

SMALL, ICON = 640, 192
"""Pixels of the smaller squares that the site has of the artwork."""


def page(number: int, name: str) -> str:
    """The path of a full page of a feed: `feeds/3/rss.xml`."""
    return f"feeds/{number}/{name}"


def older(number: int, name: str) -> str:
    """The path of the newest page that holds an episode among the first so many; "" where there is none."""
    return page(number, name) if number > 0 else ""


def articles(
    publication: Publication,
    listings: Sequence[Listing],
    fragments: Sequence[Fragment],
    documents: Mapping[str, Document],
    words: Mapping[str, str] | None = None,
) -> Iterator[Artifact]:
    """One document each of RSS, Atom and JSON Feed, with these entries, newest first.

    words: the theme's, for those who open it in a browser; None of a page, which nobody is led to.
    """
    rss = heads.rss(publication, documents["rss.xml"], listings)
    atom = heads.atom(publication, documents["atom.xml"], listings)
    image = address(publication.link("artwork/feed.png"))
    rss.image(image, width=str(FEED_PICTURE), height=str(FEED_PICTURE))
    if words:
        rss.simulcast.add([about(publication, words, "rss.xml")])
        atom.simulcast.add([about(publication, words, "atom.xml")])
    texts = (piece for one in fragments for piece in one.rss)
    yield _written(documents["rss.xml"], heads.joined(rss, documents["rss.xml"], texts))

    icon = address(publication.link("artwork/cover-small.jpg"))
    atom.icon(icon)
    texts = (piece for one in fragments for piece in one.atom)
    yield _written(documents["atom.xml"], heads.joined(atom, documents["atom.xml"], texts))

    json = documents["feed.json"]
    items = [one.json for one in fragments]
    yield _written(json, jsonfeed.json_feed(publication, json.path, icon, items, json.older))


def podcast(
    publication: Publication,
    listings: Sequence[Listing],
    fragments: Iterable[Fragment],
    document: Document,
    images: Sequence[Image],
    trailers: Iterable[bytes] = (),
    words: Mapping[str, str] | None = None,
) -> Artifact:
    """One document of the podcast, with these episodes, newest first; words as for articles."""
    show = heads.rss(publication, document, listings, heads.PODCAST)
    show.description(notes.shortened(publication.description, notes.DESCRIPTION))
    show.simulcast.add(podcasting.of_show(publication, images))
    if words:
        opens = apps(publication.link("podcast.xml"))
        show.simulcast.add([about(publication, words, "podcast.xml", opens)])
    # One after the other, for there may be hundreds: no more of them is in memory than the podcast has.
    texts = (piece for one in fragments for piece in one.podcast)
    return _written(document, heads.joined(show, document, (*trailers, *texts)))


def _written(document: Document, text: bytes) -> Artifact:
    return Artifact(f"site/{document.path}", text)


def images(publication: Publication, files: Files) -> list[Image]:
    """The show's pictures, the artwork first, then smaller ones of it, then those for other uses.

    Raises MediaError where one is a drawing: podcast directories take PNG or JPEG.
    """
    artwork = address(publication.link(publication.cover))
    found = [
        Image(artwork, *_pixels(publication.podcast.artwork, files), "artwork", publication.title)
    ]
    for name, side in (("cover-small.jpg", SMALL), ("icon.png", ICON)):
        url = address(publication.link(f"artwork/{name}"))
        found.append(Image(url, side, side, "artwork", publication.title))
    for one in publication.podcast.images:
        url = address(publication.link(picture(one.path)))
        found.append(Image(url, *_pixels(one.path, files), one.purpose, one.alt))
    return found


def picture(path: str) -> str:
    """Where a further picture of the show lies below build/site."""
    return f"artwork/{Path(path).name}"


def _pixels(path: str, files: Files) -> tuple[int, int]:
    pixels = media.picture_size(files(path))
    if pixels is None:
        raise MediaError(f"{path} is a drawing; podcast directories take PNG or JPEG")
    return pixels
