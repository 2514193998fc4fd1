"""An entry of a feed: an episode's listing, its full content and its audio."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote, urlsplit, urlunsplit
from uuid import NAMESPACE_URL, uuid5

from pipeline import identity, media
from pipeline.errors import MediaError
from pipeline.media import Enclosure
from pipeline.model import Listing, Person, Publication
from pipeline.stage import Artifacts

NEVER = datetime(2000, 1, 1, tzinfo=UTC)
"""The date of a feed without entries: old, but not so old that validators doubt it."""

MP3_BEGINS = (b"ID3", b"\xff\xfb", b"\xff\xfa", b"\xff\xf3", b"\xff\xf2")
"""An ID3 tag, or the first frame of MPEG 1 or 2, layer III."""


@dataclass(frozen=True, slots=True)
class Entry:
    """An episode as a feed carries it.

    content: HTML with absolute addresses. sound: its audio, if any, and sound_url where that is.
    """

    listing: Listing
    url: str
    content: str
    authors: tuple[Person, ...]
    sound: Enclosure | None
    sound_url: str

    @property
    def tags(self) -> tuple[str, ...]:
        """Its keywords, each once, none blank."""
        return tuple(dict.fromkeys(k.strip() for k in self.listing.keywords if k.strip()))


def entry_of(
    publication: Publication, listing: Listing, content: Artifacts, audio: Artifacts
) -> Entry:
    """A listing as an entry."""
    sound = enclosure(audio)
    return Entry(
        listing,
        address(publication.link(f"{listing.slug}/index.html")),
        content[".html"].text(),
        publication.authors(listing),
        sound,
        address(publication.link(sound.path)) if sound else "",
    )


def enclosure(audio: Artifacts) -> Enclosure | None:
    """What an episode's audio is, if there is any, compared with the file that will be downloaded.

    Raises MediaError when the file is not the MP3, or has not the size, that feeds would promise.
    """
    told = media.enclosure(audio)
    if told is None:
        return None
    file = audio[".mp3"]
    if file.size != told.size:
        raise MediaError(f"{file.path}: {file.size} bytes, but its facts say {told.size}")
    with open(file.file, "rb", buffering=0) as sound:  # noqa: PTH123  (once an episode: a Path costs more)
        if not sound.read(3).startswith(MP3_BEGINS):
            raise MediaError(f"{file.path}: {file.size} bytes that are no MP3, as feeds would say")
    return told


_PLAIN = re.compile(r"https?://[A-Za-z0-9.:-]+(/[A-Za-z0-9/%:@!$&'()*+,;=~._-]*)?")


def address(url: str) -> str:
    """The address in ASCII, as feeds and their readers need it: IDNA host, the rest quoted."""
    if _PLAIN.fullmatch(url):
        return url
    parts = urlsplit(url)
    host = parts.netloc if parts.netloc.isascii() else parts.netloc.encode("idna").decode("ascii")
    rest = (quote(part, safe="/%:@!$&'()*+,;=?~") for part in parts[2:])
    return urlunsplit((parts.scheme, host, *rest))


def atom_guid(listing: Listing) -> str:
    """What Atom knows an episode by: its own id there, else the one that RSS has too."""
    return atom_id(listing.atom_guid or listing.guid)


def atom_id(guid: str) -> str:
    """A GUID as the IRI that Atom asks for (RFC 4287 §4.2.6); what is one stays as it is."""
    if urlsplit(guid).scheme and guid.isascii() and " " not in guid:
        return guid
    return f"urn:uuid:{uuid5(NAMESPACE_URL, guid)}"


def changed(listings: Iterable[Listing]) -> datetime:
    """When any of the listings last changed; the year 2000 where there are none, as Atom asks."""
    return max((one.changed for one in listings), default=NEVER).replace(microsecond=0)


def guid(publication: Publication) -> str:
    """The publication's `podcast:guid`: the one it was published with, else the one it will be."""
    return publication.podcast_guid or identity.podcast_guid(publication)


def people(found: Iterable[Person]) -> list[dict[str, str]]:
    """People as feedgen takes them."""
    return [{"name": one.name} | ({"uri": address(one.url)} if one.url else {}) for one in found]
