"""The head of a feed's document, by feedgen with the extension that adds what it lacks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from feedgen.feed import FeedGenerator  # type: ignore[import-untyped]
from lxml import etree  # type: ignore[import-untyped]

from pipeline.errors import StageError
from pipeline.feeds.entries import address, changed, guid, people
from pipeline.feeds.xml import NAMESPACES, Element, element, lines, plain
from pipeline.model import Listing, Publication

RSS = "application/rss+xml"
ATOM = "application/atom+xml"

ARTICLE = ("atom", "content", "dc")
"""The namespaces of an article in RSS; a podcast's episode has two more."""
PODCAST = (*ARTICLE, "itunes", "podcast")


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
        """The path of the feeds' stylesheet as seen from here."""
        return "../" * self.path.count("/") + "feed.css"


class FeedExtension:
    """What feedgen cannot write for a feed: the stylesheet, whole links; `elements` are joined behind its own."""

    def __init__(self) -> None:
        self.namespaces: Mapping[str, str] = {}
        self.links: Sequence[Mapping[str, str]] = ()
        self.elements: Iterable[Element] = ()
        self.stylesheet = ""

    def add(self, elements: Iterable[Element]) -> None:
        self.elements = chain(self.elements, elements)

    def extend_ns(self) -> Mapping[str, str]:
        return self.namespaces

    def extend_rss(self, root: Any) -> None:
        self._style(root)

    def extend_atom(self, root: Any) -> None:
        for written, link in zip(root.findall("link"), self.links, strict=True):
            written.attrib.update(link)
        self._style(root)

    def _style(self, root: Any) -> None:
        href = f'type="text/css" href="{self.stylesheet}"'
        root.addprevious(etree.ProcessingInstruction("xml-stylesheet", href))


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
    rest = (one for one in made.simulcast.links if one["rel"] not in ("self", "alternate"))
    made.simulcast.add(element("atom:link", **one) for one in rest)
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
    made.author(people(publication.people) or [{"name": publication.title}])
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
        made.simulcast.add([element("fh:archive")])
    return made


def joined(head: Any, document: Document, fragments: Iterable[bytes]) -> bytes:
    """The whole document: its head, then what was made of each entry, as it is.

    Raises StageError when a text of the head is not fit for XML.
    """
    is_atom = head.simulcast.links[0]["type"] == ATOM
    try:
        text = bytes((head.atom_str if is_atom else head.rss_str)(pretty=True)) + b"\n"
        more = lines(head.simulcast.elements, 1 if is_atom else 2)
    except ValueError as error:
        raise StageError(f"site/{document.path} cannot be written: {error}") from error
    before, end, after = text.rpartition(b"</feed>" if is_atom else b"  </channel>")
    return b"".join((plain(before), more, *fragments, end, after))
