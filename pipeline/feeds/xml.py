"""RSS and Atom by feedgen, with the extension that adds what it lacks."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
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


class Element:
    """An element to be written; as a plain value it costs a tenth of what a tree of its own would."""

    __slots__ = ("attributes", "children", "name", "text")

    def __init__(self, name: str, text: str, attributes: dict[str, str]) -> None:
        self.name, self.text, self.attributes = name, text, attributes
        self.children: list[Element] = []

    def append(self, child: Element) -> None:
        self.children.append(child)

    def extend(self, children: Iterable[Element]) -> None:
        self.children.extend(children)

    def below(self, parent: Any) -> Any:
        """Write it as the last child of an element of lxml's."""
        made = etree.SubElement(parent, self.name, self.attributes)
        made.text = self.text or None
        for child in self.children:
            child.below(made)
        return made


def element(name: str, text: str = "", /, **attributes: str | int | None) -> Element:
    """An element by its prefixed name, `itunes:author`; attributes that are empty are left out.

    An underscore in an attribute's name is written as a hyphen.
    """
    given = {
        key.replace("_", "-"): str(value)
        for key, value in attributes.items()
        if value not in ("", None)
    }
    return Element(_qualified(name), text, given)


@cache
def _qualified(name: str) -> str:
    prefix, _, local = name.partition(":")
    return f"{{{NAMESPACES[prefix]}}}{local}"


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
        self.elements: list[Element] = []
        self.stylesheet = ""

    def add(self, *elements: Element) -> None:
        self.elements.extend(elements)

    def extend_ns(self) -> Mapping[str, str]:
        return self.namespaces

    def extend_rss(self, root: Any) -> None:
        channel = root[0]
        for link in self.links:
            if link["rel"] not in ("self", "alternate"):
                element("atom:link", **link).below(channel)
        for one in self.elements:
            one.below(channel)
        _finish(channel)
        self._style(root)

    def extend_atom(self, root: Any) -> None:
        for written, link in zip(root.findall("link"), self.links, strict=True):
            written.attrib.update(link)
        for one in self.elements:
            one.below(root)
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
        self.elements: list[Element] = []

    def add(self, *elements: Element) -> None:
        self.elements.extend(elements)

    def extend_ns(self) -> Mapping[str, str]:
        return {}

    def extend_rss(self, item: Any) -> None:
        for one in self.elements:
            one.below(item)
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
    text = child.text
    if not text or not ("<" in text or "&" in text):
        return
    text, *rest = re.split("([<&])", text)
    child.text = text
    for mark, after in zip(rest[::2], rest[1::2], strict=True):
        reference = etree.Entity("#x3C" if mark == "<" else "#x26")
        reference.tail = after
        child.append(reference)


def guid(publication: Publication) -> str:
    """The publication's `podcast:guid`: the one it was published with, else the one it will be."""
    return publication.podcast_guid or identity.podcast_guid(publication)


# --- an entry, ready to be joined -------------------------------------------------------------------


class Forms:
    """An entry in each form a feed has it in, of one entry of feedgen's."""

    def __init__(self, entry: Entry) -> None:
        self._entry = entry
        self._made = _entry(entry)

    def article(self) -> bytes:
        """The `<item>` of an article in RSS."""
        self._names(self._entry.listing.guid)
        return self._item(ARTICLE, ())

    def atom(self, guid: str) -> bytes:
        """The `<entry>` of Atom."""
        self._names(guid)
        frame = etree.Element("feed")
        frame.append(self._told(self._made.atom_entry))
        return _inside(frame, b"<feed>\n", b"</feed>")

    def episode(self, description: str, content: str, elements: Iterable[Element]) -> bytes:
        """The `<item>` of a podcast's episode, with its own HTML."""
        self._names(self._entry.listing.podcast_guid)
        self._made.description(description)
        self._made.content(content, type="html")
        return self._item(PODCAST, elements)

    def _names(self, guid: str) -> None:
        self._made.guid(guid, permalink=False)

    def _item(self, prefixes: Sequence[str], elements: Iterable[Element]) -> bytes:
        listing = self._entry.listing
        made = [*elements, *(element("dc:creator", one.name) for one in self._entry.authors)]
        if listing.updated:
            made.append(element("atom:updated", listing.updated.isoformat(timespec="seconds")))
        self._made.simulcast.elements = made
        frame, channel = _frame(prefixes)
        channel.append(self._told(self._made.rss_entry))
        return _inside(frame, b"  <channel>\n", b"  </channel>")

    def _told(self, make: Callable[[], Any]) -> Any:
        try:
            return make()
        except ValueError as error:
            slug = self._entry.listing.slug
            raise StageError(f"{slug} cannot be written as XML: {error}") from error


def channel_element(one: Element) -> bytes:
    """An element of a podcast's channel."""
    frame, channel = _frame(PODCAST)
    one.below(channel)
    _finish(channel)
    return _inside(frame, b"  <channel>\n", b"  </channel>")


def _entry(entry: Entry) -> Any:
    """An entry as feedgen has it, but for its GUID."""
    listing = entry.listing
    one = FeedEntry()
    one.register_extension("simulcast", EntryExtension)
    one.title(listing.title)
    one.summary(listing.summary)
    # After summary, which would set the description of RSS, and before content, which it would set.
    one.description(escape(listing.summary, quote=False))
    one.content(entry.content, type="html")
    one.published(listing.published.replace(microsecond=0))
    one.updated(listing.changed.replace(microsecond=0))
    one.author(_people(entry.authors))
    one.category([{"term": tag} for tag in entry.tags])
    one.link(href=entry.url, rel="alternate", type="text/html")
    if sound := entry.sound:
        one.enclosure(entry.sound_url, str(sound.size), sound.type)
    one.simulcast.links = one.link()
    return one


def _frame(prefixes: Sequence[str]) -> tuple[Any, Any]:
    """What stands around an item: a root that declares these namespaces, and its channel."""
    frame = etree.Element("rss", nsmap={name: NAMESPACES[name] for name in prefixes})
    return frame, etree.SubElement(frame, "channel")


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
