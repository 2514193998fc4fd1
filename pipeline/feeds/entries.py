"""An entry of a feed: an episode's listing, its full content and its enclosure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit
from uuid import NAMESPACE_URL, uuid5

from pipeline.errors import MediaError
from pipeline.model import Listing, Person, Publication
from pipeline.stage import Artifacts

NEVER = datetime(2000, 1, 1, tzinfo=UTC)
"""The date of a feed without entries: old, but not so old that validators doubt it."""

MP3_BEGINS = (b"ID3", b"\xff\xfb", b"\xff\xfa", b"\xff\xf3", b"\xff\xf2")
"""An ID3 tag, or the first frame of MPEG 1 or 2, layer III."""


@dataclass(frozen=True, slots=True)
class Enclosure:
    """The audio of an entry: address, bytes, seconds, and whether a synthetic voice reads it."""

    url: str
    size: int
    seconds: int
    synthetic: bool
    type: str = "audio/mpeg"


@dataclass(frozen=True, slots=True)
class Entry:
    """An episode as a feed carries it; `content` is HTML with absolute addresses."""

    listing: Listing
    url: str
    content: str
    authors: tuple[Person, ...]
    enclosure: Enclosure | None

    @property
    def tags(self) -> tuple[str, ...]:
        """Its keywords, each once, none blank."""
        return tuple(dict.fromkeys(k.strip() for k in self.listing.keywords if k.strip()))


def entries(
    publication: Publication,
    listings: Iterable[Listing],
    content: Mapping[str, Artifacts],
    audio: Mapping[str, Artifacts],
) -> Iterator[Entry]:
    """The listings as entries, in the order given."""
    for listing in listings:
        yield Entry(
            listing,
            address(publication.link(f"{listing.slug}/index.html")),
            content[listing.slug][".html"].text(),
            publication.authors(listing),
            enclosure(publication, listing, audio.get(listing.slug, Artifacts())),
        )


def enclosure(publication: Publication, listing: Listing, audio: Artifacts) -> Enclosure | None:
    """What an episode's audio is, read from the file itself; None where there is no audio.

    Raises MediaError when the file is empty or is not the MP3 that feeds say it is.
    """
    if not audio:
        return None
    file, facts = audio[".mp3"], json.loads(audio[".json"].text())
    with Path(file.file).open("rb") as sound:
        if not sound.read(3).startswith(MP3_BEGINS):
            raise MediaError(
                f"{file.path}: {file.size} bytes that are no MP3; feeds enclose MP3 only"
            )
    url = address(publication.link(f"audio/{listing.slug}.mp3"))
    return Enclosure(url, file.size, round(facts["duration"]), facts["source"] == "narration")


def address(url: str) -> str:
    """The address in ASCII, as feeds and their readers need it: IDNA host, the rest quoted."""
    parts = urlsplit(url)
    host = parts.netloc if parts.netloc.isascii() else parts.netloc.encode("idna").decode("ascii")
    rest = (quote(part, safe="/%:@!$&'()*+,;=?~") for part in parts[2:])
    return urlunsplit((parts.scheme, host, *rest))


def atom_id(guid: str) -> str:
    """A GUID as the IRI that Atom asks for (RFC 4287 §4.2.6); what is one stays as it is."""
    if urlsplit(guid).scheme and guid.isascii() and " " not in guid:
        return guid
    return f"urn:uuid:{uuid5(NAMESPACE_URL, guid)}"


def changed(listings: Iterable[Listing]) -> datetime:
    """When any of the listings last changed; the year 2000 where there are none, as Atom asks."""
    return max((one.changed for one in listings), default=NEVER).replace(microsecond=0)
