"""The nouns of Simulcast, as frozen values: publication, episode, block, artifact."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import PurePosixPath
from typing import ClassVar, Literal

MEDIA = ("web", "email", "feed", "text", "speech")
"""The five media an episode is rendered in."""


@dataclass(frozen=True, slots=True)
class Inline:
    """A run of words inside a block.

    kind: text · emphasis · strong · strike · code · link · image · span · note · break · space
    (`note` refers to a footnote, `break` is a hard line break, `space` a soft one).
    """

    kind: str
    text: str = ""
    children: tuple[Inline, ...] = ()
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Block:
    """A node of an episode's tree; `kind` names its template in every medium.

    head: the bold first words of a run-in paragraph, or the term of an entry.
    inlines: the words of a paragraph-like block. children: blocks inside it.
    line: where it begins in the source file, from 1.
    """

    kind: str
    line: int
    attributes: Mapping[str, str] = field(default_factory=dict)
    head: tuple[Inline, ...] = ()
    inlines: tuple[Inline, ...] = ()
    children: tuple[Block, ...] = ()

    def walk(self) -> Iterator[Block]:
        """This block and every block below it, in reading order."""
        yield self
        for child in self.children:
            yield from child.walk()


def words(inlines: tuple[Inline, ...]) -> str:
    """The written words of some inlines, without marks."""
    out: list[str] = []
    for inline in inlines:
        if inline.kind in ("break", "space"):
            out.append(" ")
        elif inline.kind == "image":
            out.append(inline.attributes.get("alt", ""))
        elif inline.kind != "note":
            out.append(words(inline.children) if inline.children else inline.text)
    return "".join(out)


class Written:
    """A value that an author writes: a key that is not a field is refused."""

    __slots__ = ()
    __pydantic_config__: ClassVar[Mapping[str, object]] = {"extra": "forbid"}


EpisodeType = Literal["full", "trailer", "bonus"]


@dataclass(frozen=True, slots=True)
class Listing(Written):
    """An episode as a list shows it: its front matter and names, never its body.

    chapters: of a recording, by hand: "12:30 The money". abridged: its recording holds much less than its text.
    """

    number: int
    title: str
    published: datetime
    summary: str
    subtitle: str = ""
    updated: datetime | None = None
    keywords: tuple[str, ...] = ()
    image: str = ""
    image_alt: str = ""
    type: EpisodeType = "full"
    mail: bool = True
    by: tuple[str, ...] = ()
    season: int | None = None
    explicit: bool | None = None
    recording: str = ""
    chapters: tuple[str, ...] = ()
    abridged: bool = False
    slug: str = ""
    guid: str = ""
    podcast_guid: str = ""

    @property
    def changed(self) -> datetime:
        """When it last changed for a reader: `updated`, else `published`."""
        return self.updated or self.published


_CHAPTER = re.compile(r"(?:(\d{1,2}):)?([0-5]?\d):([0-5]\d)(?:\s*[-–—|])?\s+(\S.*)")


def chapter(written: str) -> tuple[int, str] | None:
    """When a chapter that an author wrote begins, in seconds, and its title; None where it is not one."""
    found = _CHAPTER.fullmatch(written.strip())
    if found is None:
        return None
    hours, minutes, seconds = (int(part or 0) for part in found.groups()[:3])
    return hours * 3600 + minutes * 60 + seconds, found[4]


@dataclass(frozen=True, slots=True)
class Episode:
    """One episode: its listing and its body as a tree of blocks.

    files: the names, beside episode.md, of the files it uses. footnotes: blocks of kind "footnote".
    """

    listing: Listing
    source: str
    blocks: tuple[Block, ...]
    footnotes: tuple[Block, ...] = ()
    files: tuple[str, ...] = ()

    @property
    def slug(self) -> str:
        return self.listing.slug

    @property
    def headings(self) -> tuple[Block, ...]:
        """Its headings of level 2, in order: the chapters of the spoken episode."""
        return tuple(b for b in self.blocks if b.kind == "heading" and b.attributes["level"] == "2")


@dataclass(frozen=True, slots=True)
class SeriesEntry(Written):
    """A line of the series index; `slug` is empty for a back-catalogue entry without a body."""

    number: int
    title: str
    subtitle: str = ""
    slug: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """Where an episode stands: the one before, the one after, and the series up to it (newest last)."""

    previous: Listing | None
    next: Listing | None
    series: tuple[SeriesEntry, ...]


@dataclass(frozen=True, slots=True)
class Page:
    """A full page of the archive, numbered from 1, the oldest; its listings oldest first."""

    number: int
    listings: tuple[Listing, ...]


@dataclass(frozen=True, slots=True)
class Recording:
    """The author's own recording of an episode: a path below the root, and what its bytes hash to."""

    path: str
    sha256: str
    file: str


@dataclass(frozen=True, slots=True)
class Person(Written):
    """Someone who makes the publication; `about` is Markdown of one paragraph."""

    id: str
    name: str
    role: str = "host"
    url: str = ""
    about: str = ""
    image: str = ""

    @property
    def portrait(self) -> str:
        """Where their picture lies below build/site; "" where they have none."""
        return f"people/{self.id}{PurePosixPath(self.image).suffix}" if self.image else ""


@dataclass(frozen=True, slots=True)
class Series(Written):
    """A numbered series; `entries` are back-catalogue episodes that have no body here."""

    name: str
    unit: str = "Episode"
    entries: tuple[SeriesEntry, ...] = ()


@dataclass(frozen=True, slots=True)
class Email(Written):
    """How the emailed episode is addressed."""

    sender: str
    reply_to: str = ""


@dataclass(frozen=True, slots=True)
class MailingList(Written):
    """A list that readers subscribe to; `seeds` are addresses of the author's own that get every edition."""

    title: str
    description: str = ""
    seeds: tuple[str, ...] = ()


FULL = 50
"""Episodes on a page of the archive: of 100 KB each they are what validators and readers take."""


@dataclass(frozen=True, slots=True)
class Feeds(Written):
    """The article feeds: how many entries they hold, and the WebSub hub to tell."""

    limit: int = 50
    hub: str = ""

    @property
    def page(self) -> int:
        """How many episodes a page of the archive holds: never more than the newest document of a feed does."""
        return max(1, min(self.limit, FULL))


@dataclass(frozen=True, slots=True)
class Podcast(Written):
    """What podcast directories ask of a show; `artwork` is a path below the root."""

    owner: str
    owner_email: str
    artwork: str
    categories: tuple[str, ...] = ()
    explicit: bool = False
    type: Literal["episodic", "serial"] = "episodic"
    funding: str = ""
    locked: bool = True
    license: str = ""


@dataclass(frozen=True, slots=True)
class Sound(Written):
    """How audio is joined and mastered.

    loudness: integrated, LUFS. peak: true peak of the decoded file, dBTP. bitrate: kbit/s of the MP3.
    intro, outro, bed: paths below the root; a bed lies below the speech, bed_level LU quieter while nobody speaks.
    crossfade: seconds that music and speech overlap. highpass: Hz below which recordings are cut, 0 for none.
    trim: without the dead ends of a recording. alternates: other forms it is published in, besides MP3.
    """

    intro: str = ""
    outro: str = ""
    bed: str = ""
    bed_level: float = -14.0
    crossfade: float = 0.0
    highpass: int = 0
    trim: bool = True
    loudness: float = -16.0
    peak: float = -1.0
    bitrate: int = 96
    channels: Literal[1, 2] = 1
    alternates: tuple[Literal["opus", "aac"], ...] = ()


@dataclass(frozen=True, slots=True)
class Narration(Written):
    """Which voice reads an episode that has no recording, and what it says around it."""

    narrator: str = "kokoro"
    voice: str = "af_heart"
    speed: float = 1.0
    notice: str = ""
    opening: str = "{series}, {unit} {number}. {title}."
    closing: str = ""
    lexicon: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Deploy(Written):
    """Where build/site goes: a folder below the root, or any URL that fsspec knows; empty keeps it local.

    pages: the target is a GitHub Pages folder (writes .nojekyll, and CNAME if a domain is given).
    """

    to: str = ""
    pages: bool = False
    domain: str = ""


@dataclass(frozen=True, slots=True)
class Publication(Written):
    """What publication.toml says."""

    title: str
    url: str
    description: str
    people: tuple[Person, ...]
    series: Series
    podcast: Podcast
    subtitle: str = ""
    language: str = "en"
    copyright: str = ""
    theme: str = "ledger"
    email: Email | None = None
    lists: Mapping[str, MailingList] = field(default_factory=dict)
    feeds: Feeds = field(default_factory=Feeds)
    audio: Sound = field(default_factory=Sound)
    narration: Narration = field(default_factory=Narration)
    deploy: Deploy = field(default_factory=Deploy)
    confirm: bool = True
    podcast_guid: str = ""

    @property
    def cover(self) -> str:
        """Where the artwork lies below build/site, as large as it is."""
        return f"artwork/cover{PurePosixPath(self.podcast.artwork).suffix.lower()}"

    def authors(self, listing: Listing) -> tuple[Person, ...]:
        """Who wrote an episode: the people its `by` names, else the first of the publication."""
        named = tuple(p for p in self.people if p.id in listing.by)
        return named or self.people[:1]

    def link(self, path: str = "") -> str:
        """The public address of a path below build/site; "…/index.html" is shown as its folder."""
        return self.url + path.removesuffix("index.html")
