"""RSS and Atom by feedgen, with the extension that adds what it lacks."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

from feedgen.feed import FeedGenerator  # type: ignore[import-untyped]
from lxml import etree  # type: ignore[import-untyped]

from pipeline import identity
from pipeline.errors import StageError
from pipeline.feeds.entries import Entry, address, changed
from pipeline.model import Person, Publication

NAMESPACES = {
    "atom": "http://www.w3.org/2005/Atom",
    "content": "http://purl.org/rss/1.0/modules/content/",
    "dc": "http://purl.org/dc/elements/1.1/",
    "itunes": "http://www.itunes.com/dtds/podcast-1.0.dtd",
    "podcast": "https://podcastindex.org/namespace/1.0",
}

RSS = "application/rss+xml"
ATOM = "application/atom+xml"
STYLESHEET = 'type="text/xsl" href="feed.xsl"'

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


class FeedExtension:
    """What feedgen cannot write for a feed: the stylesheet, links beside self, more elements."""

    def __init__(self) -> None:
        self.namespaces: Mapping[str, str] = {}
        self.links: Sequence[Mapping[str, str]] = ()
        self.elements: list[Any] = []

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
        _style(root)

    def extend_atom(self, root: Any) -> None:
        _finish(root)
        _style(root)


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


def _style(root: Any) -> None:
    root.addprevious(etree.ProcessingInstruction("xml-stylesheet", STYLESHEET))


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


def feed(
    publication: Publication, name: str, type: str, entries: Sequence[Entry], *prefixes: str
) -> Any:
    """A feedgen feed of the publication with the head that all its feeds share, and no entry yet.

    name: the feed's path below build/site. prefixes: further namespaces of its elements.
    """
    made = FeedGenerator()
    made.register_extension("simulcast", FeedExtension, EntryExtension)
    made.id(f"urn:uuid:{guid(publication)}")
    made.title(publication.title)
    made.description(publication.description)
    made.language(publication.language)
    made.generator("Simulcast")
    if publication.copyright:
        made.rights(publication.copyright)
    made.author(_people(publication.people) or [{"name": publication.title}])
    made.updated(changed(entry.listing for entry in entries))
    if entries:
        made.pubDate(max(entry.listing.published for entry in entries))
    made.link(href=address(publication.link(name)), rel="self", type=type)
    if publication.feeds.hub:
        made.link(href=address(publication.feeds.hub), rel="hub")
    # The last link added becomes the <link> of RSS.
    made.link(href=address(publication.link()), rel="alternate", type="text/html")
    made.simulcast.links = made.link()
    if type == RSS:  # to which feedgen itself adds atom and content
        made.simulcast.namespaces = {name: NAMESPACES[name] for name in ("dc", *prefixes)}
    return made


def add(made: Any, entry: Entry, guid: str, description: str = "", content: str = "") -> Any:
    """Add an entry at the end of a feed; HTML description and content default to its own."""
    listing = entry.listing
    one = made.add_entry(order="append")
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
    one.simulcast.add(*(element("dc:creator", person.name) for person in entry.authors))
    if listing.updated:
        one.simulcast.add(element("atom:updated", listing.updated.isoformat(timespec="seconds")))
    return one


def written(made: Any, name: str) -> bytes:
    """The feed as RSS or, if its name begins so, as Atom.

    Raises StageError when a text is not fit for XML.
    """
    try:
        text = made.atom_str if name.startswith("atom") else made.rss_str
        return bytes(text(pretty=True)) + b"\n"
    except ValueError as error:
        raise StageError(f"site/{name} cannot be written: {error}") from error


def _people(people: Iterable[Person]) -> list[dict[str, str]]:
    return [{"name": one.name} | ({"uri": address(one.url)} if one.url else {}) for one in people]
