"""RSS and Atom by feedgen, with the extension that adds what it lacks."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from feedgen.entry import FeedEntry  # type: ignore[import-untyped]
from feedgen.feed import FeedGenerator  # type: ignore[import-untyped]
from lxml import etree  # type: ignore[import-untyped]

from pipeline import identity
from pipeline.errors import StageError
from pipeline.feeds.entries import Entry, address, changed
from pipeline.model import Listing, Person, Publication

NAMESPACES = {
    "atom": "http://www.w3.org/2005/Atom",
    "content": "http://purl.org/rss/1.0/modules/content/",
    "dc": "http://purl.org/dc/elements/1.1/",
    "fh": "http://purl.org/syndication/history/1.0",
    "itunes": "http://www.itunes.com/dtds/podcast-1.0.dtd",
    "podcast": "https://podcastindex.org/namespace/1.0",
}

RSS = "application/rss+xml"
ATOM = "application/atom+xml"
STYLESHEETS = ("xsl", "css")
"""What a browser shows a feed with: the first of them that it still understands."""

ARTICLE = ("atom", "content", "dc")
"""The namespaces of an article in RSS; a podcast's episode has two more."""
PODCAST = (*ARTICLE, "itunes", "podcast")

HTML = frozenset({"description", "content", f"{{{NAMESPACES['content']}}}encoded"})
"""The elements of an item or entry whose text is HTML; in all others it is plain."""


def element(name: str, text: str = "", /, **attributes: str | int | None) -> Any:
    """An element by its prefixed name, `itunes:author`; attributes that are empty are left out.

    An underscore in an attribute's name is written as a hyphen.
    """
    prefix, local = name.split(":")
    made = etree.Element(f"{{{NAMESPACES[prefix]}}}{local}")
    for key, value in attributes.items():
        if value not in ("", None):
            made.set(key.replace("_", "-"), str(value))
    made.text = text or None
    return made


@dataclass(frozen=True, slots=True)
class Document:
    """One document of a feed, by its path below build/site: the newest entries, or a full page of older ones.

    older: the path of the document that goes on from here, "" at the end. current: of a page, the path of the newest.
    Pages are counted from the oldest and name only what is older, so that a full one never changes (RFC 5005).
    """

    path: str
    older: str = ""
    current: str = ""

    @property
    def marked(self) -> bool:
        """Whether it says that it is of the archive; the oldest page does not, as validators ask of those that do for
        a link to an older one or to a newer one, which a page that never changes cannot have.
        """
        return bool(self.current and self.older)

    @property
    def stylesheet(self) -> str:
        """The path of the feeds' stylesheet, without its ending, as seen from here."""
        return "../" * self.path.count("/") + "feed"


class FeedExtension:
    """What feedgen cannot write for a feed: the stylesheet, links beside self, more elements."""

    def __init__(self) -> None:
        self.namespaces: Mapping[str, str] = {}
        self.links: Sequence[Mapping[str, str]] = ()
        self.elements: list[Any] = []
        self.stylesheet = ""

    def add(self, *elements: Any) -> None:
        self.elements.extend(elements)

    def extend_ns(self) -> Mapping[str, str]:
        return self.namespaces

    def extend_rss(self, root: Any) -> None:
        channel = root[0]
        for link in self.links:
            if link["rel"] not in ("self", "alternate"):
                channel.append(element("atom:link", **link))
        channel.extend(self.elements)
        _finish(channel)
        self._style(root)

    def extend_atom(self, root: Any) -> None:
        for written, link in zip(root.findall("link"), self.links, strict=True):
            written.attrib.update(link)
        root.extend(self.elements)
        _finish(root)
        self._style(root)

    def _style(self, root: Any) -> None:
        for kind in STYLESHEETS:
            href = f'type="text/{kind}" href="{self.stylesheet}.{kind}"'
            root.addprevious(etree.ProcessingInstruction("xml-stylesheet", href))


class EntryExtension:
    """What feedgen cannot write for an entry: whole Atom links, and more elements."""

    def __init__(self) -> None:
        self.links: Sequence[Mapping[str, str]] = ()
        self.elements: list[Any] = []

    def add(self, *elements: Any) -> None:
        self.elements.extend(elements)

    def extend_ns(self) -> Mapping[str, str]:
        return {}

    def extend_rss(self, item: Any) -> None:
        item.extend(self.elements)
        _finish(item, HTML)

    def extend_atom(self, entry: Any) -> None:
        for written, link in zip(entry.findall("link"), self.links, strict=True):
            written.attrib.update(link)  # feedgen writes href alone
        _finish(entry, HTML)


def _finish(parent: Any, html: frozenset[str] = frozenset()) -> None:
    for child in parent.iter(etree.Element):
        if child.tag not in html:
            _plain(child)


def _plain(child: Any) -> None:
    """Write `<` and `&` as hexadecimal references, so that no reader takes plain text for HTML.

    The RSS Profile of the RSS Advisory Board asks for it, and the W3C validator warns without it.
    """
    text, *rest = re.split("([<&])", child.text or "")
    if not rest:
        return
    child.text = text
    for mark, after in zip(rest[::2], rest[1::2], strict=True):
        reference = etree.Entity("#x3C" if mark == "<" else "#x26")
        reference.tail = after
        child.append(reference)


def guid(publication: Publication) -> str:
    """The publication's `podcast:guid`: the one it was published with, else the one it will be."""
    return publication.podcast_guid or identity.podcast_guid(publication)


# --- an entry, ready to be joined -------------------------------------------------------------------


def article(entry: Entry) -> bytes:
    """The `<item>` of an article in RSS."""
    return _item(_entry(entry, entry.listing.guid), entry, ARTICLE)


def atom_entry(entry: Entry, guid: str) -> bytes:
    """The `<entry>` of Atom."""
    made = _entry(entry, guid)
    frame = etree.Element("feed")
    frame.append(_told(made.atom_entry, entry))
    return _inside(frame, b"<feed>\n", b"</feed>")


def episode(entry: Entry, description: str, content: str, elements: Iterable[Any]) -> bytes:
    """The `<item>` of a podcast's episode."""
    made = _entry(entry, entry.listing.podcast_guid, description, content)
    made.simulcast.add(*elements)
    return _item(made, entry, PODCAST)


def channel_element(made: Any) -> bytes:
    """An element of a podcast's channel."""
    _finish(made)
    return _framed(made, PODCAST)


def _entry(entry: Entry, guid: str, description: str = "", content: str = "") -> Any:
    """An entry as feedgen has it; HTML description and content default to its own."""
    listing = entry.listing
    one = FeedEntry()
    one.register_extension("simulcast", EntryExtension)
    one.guid(guid, permalink=False)
    one.title(listing.title)
    one.summary(listing.summary)
    # After summary, which would set the description of RSS, and before content, which it would set.
    one.description(description or escape(listing.summary, quote=False))
    one.content(content or entry.content, type="html")
    one.published(listing.published.replace(microsecond=0))
    one.updated(listing.changed.replace(microsecond=0))
    one.author(_people(entry.authors))
    one.category([{"term": tag} for tag in entry.tags])
    one.link(href=entry.url, rel="alternate", type="text/html")
    if sound := entry.sound:
        one.enclosure(entry.sound_url, str(sound.size), sound.type)
    one.simulcast.links = one.link()
    return one


def _item(made: Any, entry: Entry, prefixes: Sequence[str]) -> bytes:
    made.simulcast.add(*(element("dc:creator", person.name) for person in entry.authors))
    if updated := entry.listing.updated:
        made.simulcast.add(element("atom:updated", updated.isoformat(timespec="seconds")))
    return _framed(_told(made.rss_entry, entry), prefixes)


def _told(make: Callable[[], Any], entry: Entry) -> Any:
    try:
        return make()
    except ValueError as error:
        raise StageError(f"{entry.listing.slug} cannot be written as XML: {error}") from error


def _framed(made: Any, prefixes: Sequence[str]) -> bytes:
    """An element as it stands in a channel, whose root declares these namespaces."""
    frame = etree.Element("rss", nsmap={name: NAMESPACES[name] for name in prefixes})
    etree.SubElement(frame, "channel").append(made)
    return _inside(frame, b"  <channel>\n", b"  </channel>")


def _inside(frame: Any, begins: bytes, ends: bytes) -> bytes:
    text = bytes(etree.tostring(frame, pretty_print=True, encoding="UTF-8"))
    return text[text.index(begins) + len(begins) : text.rindex(ends)]


# --- a document, joined -----------------------------------------------------------------------------


def rss(
    publication: Publication,
    document: Document,
    listings: Sequence[Listing],
    prefixes: Sequence[str] = ARTICLE,
) -> Any:
    """The head of an RSS document with these entries."""
    made = _feed(publication, document, RSS, listings)
    # To these feedgen itself adds atom and content.
    names = {*prefixes, *(("fh",) if document.marked else ())} - {"atom", "content"}
    made.simulcast.namespaces = {name: NAMESPACES[name] for name in sorted(names)}
    return made


def atom(publication: Publication, document: Document, listings: Sequence[Listing]) -> Any:
    """The head of an Atom document with these entries."""
    made = _feed(publication, document, ATOM, listings)
    if document.marked:
        made.simulcast.namespaces = {"fh": NAMESPACES["fh"]}
    return made


def _feed(
    publication: Publication, document: Document, type: str, listings: Sequence[Listing]
) -> Any:
    """A feedgen feed of the publication with the head that all its feeds share."""
    made = FeedGenerator()
    made.register_extension("simulcast", FeedExtension)
    made.id(f"urn:uuid:{guid(publication)}")
    made.title(publication.title)
    made.description(publication.description)
    made.language(publication.language)
    made.generator("Simulcast")
    if publication.copyright:
        made.rights(publication.copyright)
    made.author(_people(publication.people) or [{"name": publication.title}])
    made.updated(changed(listings))
    if listings:
        made.pubDate(max(one.published for one in listings))
    links = {
        "self": document.path,
        "prev-archive": document.older,
        "next": document.older,
        "current": document.current,
    }
    for rel, path in links.items():
        if path:
            made.link(href=address(publication.link(path)), rel=rel, type=type)
    if (
        publication.feeds.hub and not document.current
    ):  # nobody is told of a page, which never changes
        made.link(href=address(publication.feeds.hub), rel="hub")
    # The last link added becomes the <link> of RSS.
    made.link(href=address(publication.link()), rel="alternate", type="text/html")
    made.simulcast.links = made.link()
    made.simulcast.stylesheet = document.stylesheet
    if document.marked:
        made.simulcast.add(element("fh:archive"))
    return made


def joined(head: Any, document: Document, fragments: Iterable[bytes]) -> bytes:
    """The whole document: its head, then what was made of each entry, as it is.

    Raises StageError when a text of the head is not fit for XML.
    """
    is_atom = head.simulcast.links[0]["type"] == ATOM
    try:
        text = bytes((head.atom_str if is_atom else head.rss_str)(pretty=True)) + b"\n"
    except ValueError as error:
        raise StageError(f"site/{document.path} cannot be written: {error}") from error
    before, end, after = text.rpartition(b"</feed>" if is_atom else b"  </channel>")
    return b"".join((before, *fragments, end, after))


def _people(people: Iterable[Person]) -> list[dict[str, str]]:
    return [{"name": one.name} | ({"uri": address(one.url)} if one.url else {}) for one in people]
