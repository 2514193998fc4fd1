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


def _like(found: str, name: str, pattern: str, example: str) -> None:
    """Raise ValueError where something is written that is not of the form its readers know."""
    if found and not re.fullmatch(pattern, found):
        raise ValueError(f'{name}: "{found}" will not do; write {example}')


@dataclass(frozen=True, slots=True)
class Funding(Written):
    """Where listeners may pay, and the words for it."""

    url: str
    text: str = ""


@dataclass(frozen=True, slots=True)
class Location(Written):
    """A place: what the words are about (`subject`), or where they were made (`creator`).

    geo: "geo:30.2672,-97.7431" (RFC 5870). osm: an OpenStreetMap id, "R113314". country: two letters.
    """

    name: str
    rel: Literal["subject", "creator"] = "subject"
    geo: str = ""
    osm: str = ""
    country: str = ""

    def __post_init__(self) -> None:
        _like(self.geo, "geo", r"geo:-?[\d.]+,-?[\d.]+(;.*)?", '"geo:30.2672,-97.7431"')
        _like(self.osm, "osm", r"[NWR]\d+(#\d+)?", '"R113314"')
        _like(self.country, "country", r"[A-Za-z]{2}", '"US"')


@dataclass(frozen=True, slots=True)
class Recipient(Written):
    """One who is paid, and how many shares."""

    address: str
    split: int
    type: str = "node"
    name: str = ""
    custom_key: str = ""
    custom_value: str = ""
    fee: bool = False


@dataclass(frozen=True, slots=True)
class Value(Written):
    """How a listener's app pays while it plays, and whom."""

    recipients: tuple[Recipient, ...]
    type: str = "lightning"
    method: str = "keysend"
    suggested: str = ""

    def __post_init__(self) -> None:
        if not self.recipients or any(one.split < 0 for one in self.recipients):
            raise ValueError("recipients: name at least one, with a split of 0 or more")
        _like(self.suggested, "suggested", r"\d+(\.\d+)?", '"0.00000005000"')


@dataclass(frozen=True, slots=True)
class RemoteItem(Written):
    """Another show, or an episode of it."""

    feed_guid: str
    feed_url: str = ""
    item_guid: str = ""
    medium: str = ""
    title: str = ""

    def __post_init__(self) -> None:
        _like(
            self.feed_guid,
            "feed_guid",
            r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}",
            "a UUID",
        )


@dataclass(frozen=True, slots=True)
class UpdateFrequency(Written):
    """How often episodes come: words, and a recurrence rule of RFC 5545 ("FREQ=WEEKLY;BYDAY=MO")."""

    text: str
    rrule: str = ""
    dtstart: str = ""
    complete: bool = False

    def __post_init__(self) -> None:
        _like(self.rrule, "rrule", r"([A-Z]+=[^;]+;)*[A-Z]+=[^;]+", '"FREQ=WEEKLY"')
        _like(
            self.dtstart, "dtstart", r"\d{4}-\d\d-\d\d(T[\d:.]+(Z|[+-]\d\d:\d\d))?", '"2026-06-01"'
        )
        if "COUNT=" in self.rrule and not self.dtstart:
            raise ValueError("dtstart: a rule with COUNT needs one")


@dataclass(frozen=True, slots=True)
class Chat(Written):
    """Where listeners talk: the server's name, and the protocol spoken there."""

    server: str
    protocol: Literal["irc", "xmpp", "nostr", "matrix"]
    account_id: str = ""
    space: str = ""


@dataclass(frozen=True, slots=True)
class Txt(Written):
    """Free words for services: `purpose` says which ("verify", "applepodcastsverify", "release")."""

    text: str
    purpose: str = ""


@dataclass(frozen=True, slots=True)
class Blocked(Written):
    """A service, by its slug, that must not show the podcast; with `yes = false`, one that may."""

    id: str = ""
    yes: bool = True


@dataclass(frozen=True, slots=True)
class SocialInteract(Written):
    """Where the comments on something are: the post they answer."""

    protocol: Literal[
        "disabled", "activitypub", "twitter", "lightning", "atproto", "hive", "matrix", "nostr"
    ]
    uri: str = ""
    account_id: str = ""
    account_url: str = ""
    priority: int | None = None

    def __post_init__(self) -> None:
        if not self.uri and self.protocol != "disabled":
            raise ValueError("uri: the address of the post is missing")


@dataclass(frozen=True, slots=True)
class ContentLink(Written):
    """The same content elsewhere, and words that say where."""

    href: str
    text: str


@dataclass(frozen=True, slots=True)
class Picture(Written):
    """A further picture of a show: a path below the root, and what it is for ("banner", "canvas")."""

    path: str
    purpose: str
    alt: str = ""

    def __post_init__(self) -> None:
        _like(self.purpose, "purpose", r"[A-Za-z0-9/_-]+( [A-Za-z0-9/_-]+)*", '"banner"')
        if self.path.startswith("/") or ".." in PurePosixPath(self.path).parts:
            raise ValueError(f'path: "{self.path}" must be a path below the publication')


@dataclass(frozen=True, slots=True)
class Guest(Written):
    """Someone heard in one episode who does not make the publication."""

    name: str
    role: str = "guest"
    group: str = "cast"
    href: str = ""
    img: str = ""


@dataclass(frozen=True, slots=True)
class EpisodeTags(Written):
    """What Podcasting 2.0 says of one episode, in its tags' own words; what is left out, its season may say."""

    display: str = ""
    license: str = ""
    location: tuple[Location, ...] = ()
    value: tuple[Value, ...] = ()
    funding: tuple[Funding, ...] = ()
    chat: Chat | None = None
    txt: tuple[Txt, ...] = ()
    social_interact: tuple[SocialInteract, ...] = ()
    content_link: tuple[ContentLink, ...] = ()


EpisodeType = Literal["full", "trailer", "bonus"]


@dataclass(frozen=True, slots=True)
class Listing(Written):
    """An episode as a list shows it: its front matter and names, never its body.

    chapters: of a recording, by hand: "12:30 The money". abridged: its recording holds much less than its text.
    translations: where it can be read in another language, by the tag of that language.
    waive: codes of `check` that are let pass, each with the reason; no part of what is made from it.
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
    translations: Mapping[str, str] = field(default_factory=dict)
    waive: Mapping[str, str] = field(default_factory=dict, repr=False, hash=False)
    guests: tuple[str | Guest, ...] = ()
    podcast: EpisodeTags = field(default_factory=EpisodeTags)
    slug: str = ""
    guid: str = ""
    podcast_guid: str = ""
    atom_guid: str = ""
    first_guid: str = ""

    @property
    def changed(self) -> datetime:
        """When it last changed for a reader: `updated`, else `published`."""
        return self.updated or self.published

    @property
    def visitors(self) -> tuple[Guest, ...]:
        """Its guests, those too of whom a name is all that is known."""
        return tuple(Guest(one) if isinstance(one, str) else one for one in self.guests)


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
class Lane(Written):
    """A provider whose mailboxes are reached at a pace of their own.

    domains: of the addresses it serves. servers: domains of the machines that take mail for it, as DNS names them (MX),
    so that a company whose mail a provider keeps is in its lane. per_second, per_day: messages; 0 is without limit.
    """

    domains: tuple[str, ...] = ()
    servers: tuple[str, ...] = ()
    per_second: float = 0.0
    per_day: int = 0


@dataclass(frozen=True, slots=True)
class Limits(Written):
    """How fast mail leaves; 0 is without limit.

    per_connection: messages before a connection is made anew. warm_up: per_day of the first days of mailing, in their
    order. lanes: by name of the provider, or by the domain of its servers, such as "google.com".
    """

    per_connection: int = 0
    per_second: float = 0.0
    per_day: int = 0
    warm_up: tuple[int, ...] = ()
    lanes: Mapping[str, Lane] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Email(Written):
    """How the emailed episode is addressed, and how it leaves.

    bounces: the mailbox that gets what could not be delivered; it must take mail for its name with +anything behind it.
    transport: what carries mail away, by name; empty is SMTP where a server is named in the environment, else the
    Maildir. dkim: the selector of the key of each kind, rsa and ed25519. ambiguous: what becomes of a message whose
    acceptance is uncertain: sent again, with the same Message-ID, or held until a person decides.
    """

    sender: str
    reply_to: str = ""
    bounces: str = ""
    transport: str = ""
    dkim: Mapping[Literal["rsa", "ed25519"], str] = field(default_factory=dict)
    ambiguous: Literal["resend", "hold"] = "resend"
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True, slots=True)
class MailingList(Written):
    """A list that readers subscribe to.

    seeds: addresses of the author's own that get every edition. opt_in: whether a reader confirms by mail first.
    """

    title: str
    description: str = ""
    seeds: tuple[str, ...] = ()
    opt_in: Literal["single", "double"] = "double"


@dataclass(frozen=True, slots=True)
class Service(Written):
    """Where the service for readers answers, ending in "/"; empty where there is none."""

    url: str = ""


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
class Season(Written):
    """A season's name, and what holds for each of its episodes that does not say otherwise."""

    number: int
    name: str = ""
    explicit: bool | None = None
    license: str = ""
    location: tuple[Location, ...] = ()
    value: tuple[Value, ...] = ()
    funding: tuple[Funding, ...] = ()


Medium = Literal[
    "podcast", "music", "video", "film", "audiobook", "newsletter", "blog", "course", "mixed"
]


@dataclass(frozen=True, slots=True)
class Podcast(Written):
    """What podcast directories ask of a show, and what Podcasting 2.0 lets it say; `artwork` is a path below the root.

    limit: how many episodes its newest document holds; older ones are on archive pages, which directories do not read.
    """

    owner: str
    owner_email: str
    artwork: str
    categories: tuple[str, ...] = ()
    explicit: bool = False
    type: Literal["episodic", "serial"] = "episodic"
    limit: int = 300
    locked: bool = True
    medium: Medium = "podcast"
    license: str = ""
    funding: str | tuple[Funding, ...] = ()
    location: tuple[Location, ...] = ()
    value: tuple[Value, ...] = ()
    chat: Chat | None = None
    txt: tuple[Txt, ...] = ()
    social_interact: tuple[SocialInteract, ...] = ()
    update_frequency: UpdateFrequency | None = None
    podping: bool = False
    block: bool | tuple[Blocked, ...] = ()
    podroll: tuple[RemoteItem, ...] = ()
    remote_item: tuple[RemoteItem, ...] = ()
    publisher: RemoteItem | None = None
    images: tuple[Picture, ...] = ()
    seasons: tuple[Season, ...] = ()

    def season(self, number: int | None) -> Season:
        """What is said of a season; one that nothing is said of has no name."""
        return next((one for one in self.seasons if one.number == number), Season(number or 0))


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


NOBODY = "none"
"""In place of a narrator: what has no recording is not heard."""


@dataclass(frozen=True, slots=True)
class Narration(Written):
    """Which voice reads an episode that has no recording, and what it says around it.

    voice: "" for the narrator's own; quote_voice: reads what others said, "" for the narrator's second one.
    Either may be a file below the root. command: the program that speaks where narrator is "command".
    """

    narrator: str = "kokoro"
    voice: str = ""
    quote_voice: str = ""
    command: str = ""
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
    """What publication.toml says; `moved_from` are addresses it had before, whose readers are led here."""

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
    service: Service = field(default_factory=Service)
    database: str = ""
    confirm: bool = True
    podcast_guid: str = ""
    moved_from: tuple[str, ...] = ()

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
