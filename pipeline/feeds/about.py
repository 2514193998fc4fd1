"""What a person sees who opens a feed in a browser: what it is, its address, and ways to subscribe, as XHTML."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pipeline.feeds.apps import App
from pipeline.feeds.entries import address
from pipeline.feeds.xml import Element, element
from pipeline.model import Publication

XHTML = "http://www.w3.org/1999/xhtml"


def about(
    publication: Publication, words: Mapping[str, str], path: str, apps: Iterable[App] = ()
) -> Element:
    """Elements below a feed's head that browsers show, by feed.css, and readers pass over.

    words: the theme's. path: the feed's own below build/site. apps: those that it opens in. Browsers take XSLT out, and
    an XML document has no links that can be followed but those of XHTML.
    """
    return element(
        "div",
        holds=[
            element("p", words["what_a_feed_is"]),
            _list("apps", [_link(one.name, one.url) for one in apps]),
            element("p", words["feed_address"], class_="label"),
            element("p", holds=[element("code", address(publication.link(path)))]),
            _list("ways", [
                _link(publication.title, address(publication.link())),
                _link(words["other_ways"], address(publication.link("subscribe/index.html"))),
            ]),
        ],
        xmlns=XHTML,
    )  # fmt: skip


def _list(kind: str, links: Iterable[Element]) -> Element:
    rows = [element("li", holds=[link]) for link in links]
    return element("ul", holds=rows, class_=kind) if rows else Element("")


def _link(words: str, to: str) -> Element:
    return element("a", words, href=to)
