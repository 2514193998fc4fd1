"""An episode as each feed carries it: pieces made once, which feeds of any length join as they are."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import Any, NamedTuple

from feedgen.entry import FeedEntry  # type: ignore[import-untyped]
from lxml import etree  # type: ignore[import-untyped]

from pipeline.errors import StageError
from pipeline.feeds import notes, podcasting, xml
from pipeline.feeds.entries import Entry, atom_guid, people
from pipeline.feeds.jsonfeed import item
from pipeline.feeds.podcasting import Beside
from pipeline.feeds.xml import Element, element
from pipeline.media import Enclosure
from pipeline.model import Publication
from pipeline.stage import Artifacts, Made

READ, HEARD = ".parts", ".heard.parts"
"""How the file of a fragment ends: whether an episode is in the podcast is seen before it is read."""

DEPTH = 2
"""How far an item is from the root."""


class Fragment(NamedTuple):
    """An episode as each feed carries it, in pieces: the text, which three feeds share, is there once.

    content: as XML has it. Each head and tail: what stands around it. json: an item of the JSON Feed. below: what
    follows the text in the podcast. trailer: the show's pointer to it. Empty where it is not heard, or no trailer.
    """

    content: bytes
    rss_head: bytes
    rss_tail: bytes
    atom_head: bytes
    atom_tail: bytes
    json: bytes
    podcast_head: bytes = b""
    below: bytes = b""
    podcast_tail: bytes = b""
    trailer: bytes = b""

    @property
    def rss(self) -> tuple[bytes, ...]:
        """The `<item>` of an article."""
        return self.rss_head, self.content, self.rss_tail

    @property
    def atom(self) -> tuple[bytes, ...]:
        """The `<entry>` of Atom."""
        return self.atom_head, self.content, self.atom_tail

    @property
    def podcast(self) -> tuple[bytes, ...]:
        """The `<item>` of a podcast's episode."""
        return self.podcast_head, self.content, self.below, self.podcast_tail

    def kept(self) -> bytes:
        """As it is kept; neither XML nor JSON has the byte 0."""
        return b"\0".join(self)


def read(made: Artifacts) -> Fragment:
    """What was kept of an episode."""
    return Fragment(*made[READ].read().split(b"\0"))


def heard(made: Artifacts) -> Made | None:
    """The fragment of an episode, if it has audio."""
    return made.ending(HEARD)


def fragment_of(publication: Publication, entry: Entry, beside: Beside) -> Fragment:
    """An entry with all that was made beside it. Raises StageError where a text of it is not fit for XML."""
    try:
        return _fragment(publication, entry, beside)
    except ValueError as error:
        slug = entry.listing.slug
        raise StageError(f"{slug} cannot be written as XML: {error}") from error


def _fragment(publication: Publication, entry: Entry, beside: Beside) -> Fragment:
    made = _entry(entry)
    cut = _Item.of(made)
    more = list(_more(entry))
    article = cut.around(cut.description, cut.guid, more)
    atom = _around_atom(made, atom_guid(entry.listing))
    text = Fragment(xml.content(entry.content), *article, *atom, item(publication, entry))
    if entry.sound is None:
        return text
    below = notes.below(publication, entry.sound, notes.timestamps(beside.chapters))
    told = notes.description(publication, entry, entry.sound, below)
    more = [
        *podcasting.of_episode(publication, entry, entry.sound),
        *podcasting.of_artifacts(publication, entry.sound, beside),
        *more,
    ]
    head, tail = cut.around(_xml(told), _xml(entry.listing.podcast_guid), more)
    return text._replace(
        podcast_head=head,
        below=_xml(below),
        podcast_tail=tail,
        trailer=_trailer(entry, entry.sound),
    )


def _trailer(entry: Entry, sound: Enclosure) -> bytes:
    if entry.listing.type != "trailer":
        return b""
    return xml.lines([podcasting.of_trailer(entry, sound)], DEPTH)


class _Item(NamedTuple):
    """An item of feedgen's, cut at its tags; no text can hold one of them, for its `<` is escaped."""

    start: bytes
    description: bytes
    middle: bytes
    guid: bytes
    end: bytes

    @classmethod
    def of(cls, made: Any) -> _Item:
        text = _written(made.rss_entry(), DEPTH)
        start, description, middle, guid, end = _cut(text, *_DESCRIPTION, *_GUID)
        end = xml.plain(end.removesuffix(_END))
        return cls(xml.plain(start), description, xml.plain(middle), guid, end)

    def around(
        self, description: bytes, guid: bytes, more: Iterable[Element]
    ) -> tuple[bytes, bytes]:
        """What stands before and after its content, with this description, GUID and further elements."""
        before = (self.start, *_between(_DESCRIPTION, description), b"\n      ", _CONTENT[0])
        told = _between(_GUID, xml.plain(guid))
        after = (_CONTENT[1], self.middle, *told, self.end, xml.lines(more, DEPTH + 1), _END)
        return b"".join(before), b"".join(after)


_DESCRIPTION = (b"<description>", b"</description>")
_CONTENT = (b"<content:encoded>", b"</content:encoded>")
_GUID = (b'<guid isPermaLink="false">', b"</guid>")
_END = b"    </item>\n"


def _between(tags: tuple[bytes, bytes], text: bytes) -> tuple[bytes, bytes, bytes]:
    return tags[0], text, tags[1]


def _around_atom(made: Any, guid: str) -> tuple[bytes, bytes]:
    """What stands before and after the content of an entry of feedgen's."""
    made.guid(guid, permalink=False)
    text = _written(made.atom_entry(), DEPTH - 1)
    before, _, after = _cut(text, b"<content>", b"</content>")
    return xml.plain(before) + b'<content type="html">', b"</content>" + xml.plain(after)


def _cut(text: bytes, *tags: bytes) -> list[bytes]:
    """What stands before, between and after these tags; raises ValueError where one is missing."""
    found, at = [], 0
    for tag in tags:
        end = text.index(tag, at)
        found.append(text[at:end])
        at = end + len(tag)
    return [*found, text[at:]]


def _xml(text: str) -> bytes:
    return xml.escaped(text).encode("utf-8")


# --- by feedgen -------------------------------------------------------------------------------------


class EntryExtension:
    """What feedgen cannot write of an entry in Atom: whole links."""

    def __init__(self) -> None:
        self.links: list[dict[str, str]] = []

    def extend_ns(self) -> dict[str, str]:
        return {}

    def extend_atom(self, entry: Any) -> None:
        for written, link in zip(entry.findall("link"), self.links, strict=True):
            written.attrib.update(link)  # feedgen writes href alone


def _entry(entry: Entry) -> Any:
    """An entry as feedgen has it, as an article, but for its content."""
    listing = entry.listing
    one = FeedEntry()
    one.register_extension("simulcast", EntryExtension, rss=False)
    one.guid(listing.guid, permalink=False)
    one.title(listing.title)
    one.summary(listing.summary)
    # After summary, which would set the description of RSS. It becomes Atom's content as well, in whose place the
    # text is joined, which the feeds share.
    one.description(escape(listing.summary, quote=False))
    one.published(listing.published.replace(microsecond=0))
    one.updated(listing.changed.replace(microsecond=0))
    one.author(people(entry.authors))
    one.category([{"term": tag} for tag in entry.tags])
    one.link(href=entry.url, rel="alternate", type="text/html")
    if sound := entry.sound:
        one.enclosure(entry.sound_url, str(sound.size), sound.type)
    one.simulcast.links = one.link()
    return one


def _more(entry: Entry) -> Iterable[Element]:
    """The elements of any item that feedgen cannot write: who wrote it, when it last changed."""
    for one in entry.authors:
        yield element("dc:creator", one.name)
    if changed := entry.listing.updated:
        yield element("atom:updated", changed.isoformat(timespec="seconds"))


def _written(made: Any, depth: int) -> bytes:
    """An item or entry of feedgen's as it stands in a document, so far from the root; no text has a bare `<`."""
    text = bytes(etree.tostring(made, pretty_print=True, encoding="UTF-8"))
    text = text.partition(b"?>\n")[2] if text.startswith(b"<?xml") else text
    indent = b"  " * depth
    for inner in (b"    ", b"  ", b""):
        text = text.replace(b"\n" + inner + b"<", b"\n" + indent + inner + b"<")
    return indent + text
