"""The elements that Apple and Podcasting 2.0 add to a feed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from email.utils import format_datetime
from math import gcd
from typing import Any

from pipeline.feeds.apple import category
from pipeline.feeds.entries import Entry, address
from pipeline.feeds.notes import DESCRIPTION, shortened
from pipeline.feeds.xml import element, guid
from pipeline.media import Enclosure
from pipeline.model import Person, Publication
from pipeline.stage import Artifacts

ITUNES_NAME = 255
"""The bytes of an author, an owner or a subtitle that directories take."""

NAME = 128
"""The characters that Podcasting 2.0 takes in a name or a title."""

TRANSCRIPTS = {
    ".vtt": ("text/vtt", "captions"),
    ".srt": ("application/x-subrip", "captions"),
    ".json": ("application/json", ""),
    ".html": ("text/html", ""),
}
"""The media type of each form of transcript, and whether it is timed as captions are."""


def of_show(publication: Publication, pixels: tuple[int, int]) -> Iterator[Any]:
    """The elements of the channel; `pixels` are width and height of the artwork."""
    asked = publication.podcast
    artwork = address(publication.link(publication.cover))
    yield element("itunes:author", _names(publication, publication.people))
    owner = element("itunes:owner")
    owner.append(element("itunes:name", shortened(asked.owner, ITUNES_NAME)))
    owner.append(element("itunes:email", asked.owner_email))
    yield owner
    yield element("itunes:image", href=artwork)
    yield from map(category, asked.categories)
    yield element("itunes:explicit", _truth(asked.explicit))
    yield element("itunes:type", asked.type)
    yield element("podcast:guid", guid(publication))
    yield element("podcast:locked", "yes" if asked.locked else "no", owner=asked.owner_email)
    yield element("podcast:medium", "podcast")
    yield _image(artwork, pixels, "artwork", publication.title)
    yield from _persons(publication, publication.people)
    if asked.funding:
        words = f"Support {publication.title}"[:NAME]
        yield element("podcast:funding", words, url=address(asked.funding))
    if asked.license:
        yield _license(asked.license)


def of_trailer(entry: Entry, sound: Enclosure) -> Any:
    """The channel's pointer to an episode that is the show's trailer."""
    listing = entry.listing
    return element(
        "podcast:trailer",
        listing.title[:NAME],
        pubdate=format_datetime(listing.published),
        url=entry.sound_url,
        length=sound.size,
        type=sound.type,
        season=listing.season,
    )


def of_episode(publication: Publication, entry: Entry, sound: Enclosure) -> Iterator[Any]:
    """The elements of an item that its listing and its audio give."""
    listing = entry.listing
    yield element("itunes:title", listing.title)
    yield element("itunes:author", _names(publication, entry.authors))
    if listing.subtitle:
        yield element("itunes:subtitle", shortened(listing.subtitle, ITUNES_NAME))
    yield element("itunes:summary", shortened(listing.summary, DESCRIPTION))
    yield element("itunes:duration", str(round(sound.duration)))
    explicit = publication.podcast.explicit if listing.explicit is None else listing.explicit
    yield element("itunes:explicit", _truth(explicit))
    yield element("itunes:episodeType", listing.type)
    for name, number in (("season", listing.season or 0), ("episode", listing.number)):
        if number > 0:  # directories refuse an episode 0
            yield element(f"itunes:{name}", str(number))
            yield element(f"podcast:{name}", str(number))
    yield from _persons(publication, entry.authors)
    if sound.synthetic:
        yield element("podcast:txt", "true", purpose="ai-content")


def of_artifacts(
    publication: Publication, chapters: Artifacts, transcript: Artifacts, art: Artifacts
) -> Iterator[Any]:
    """The elements of an item that point to its chapters, its transcripts and its card."""

    def public(path: str) -> str:
        return address(publication.link(path.removeprefix("site/")))

    if made := chapters.ending("chapters.json"):
        yield element("podcast:chapters", url=public(made.path), type="application/json+chapters")
    for suffix, (type, rel) in TRANSCRIPTS.items():
        if made := transcript.ending(suffix):
            yield element(
                "podcast:transcript",
                url=public(made.path),
                type=type,
                language=publication.language,
                rel=rel,
            )
    if made := art.ending("card.png"):
        yield _image(public(made.path), (1200, 630), "social")


def _image(url: str, pixels: tuple[int, int], purpose: str, alt: str = "") -> Any:
    width, height = pixels
    common = gcd(width, height)
    return element(
        "podcast:image",
        href=url,
        alt=alt,
        aspect_ratio=f"{width // common}/{height // common}",
        width=width,
        height=height,
        purpose=purpose,
    )


def _persons(publication: Publication, people: Iterable[Person]) -> Iterator[Any]:
    for one in people:
        yield element(
            "podcast:person",
            one.name[:NAME],
            role=one.role.lower(),
            href=address(one.url),
            img=address(publication.link(one.portrait)) if one.portrait else "",
        )


def _license(words: str) -> Any:
    if "://" in words:
        name = words.rstrip("/").rpartition("/")[-1]
        return element("podcast:license", name, url=address(words))
    return element("podcast:license", words.lower())


def _names(publication: Publication, people: Iterable[Person]) -> str:
    names = ", ".join(one.name for one in people)
    return shortened(names or publication.title, ITUNES_NAME)


def _truth(value: bool) -> str:
    return "true" if value else "false"
