"""A feed as one subscriber has it: at an address of its own, and in no directory."""

from __future__ import annotations

import json
import re
from xml.sax.saxutils import escape, quoteattr

from pipeline.feeds.about import XHTML
from pipeline.feeds.xml import NAMESPACES

NAMES = ("podcast.xml", "rss.xml", "atom.xml", "feed.json")
"""The feeds that a subscriber may have privately."""

_STYLE = re.compile(rb'(<\?xml-stylesheet [^>]*href=")')
_SELF = re.compile(rb'(<(?:atom:)?link href=)"[^"]*"( rel="self")')
_HUB = re.compile(rb'\s*<(?:atom:)?link href="[^"]*" rel="hub"/>')
_ABOUT = re.compile(rb'<div xmlns="%b">.*</div>' % XHTML.encode())
_LISTS = re.compile(rb"<ul .*?</ul>")
_CODE = re.compile(rb"(<code>).*?(</code>)")
_NOWHERE = (
    f'<itunes:block xmlns:itunes="{NAMESPACES["itunes"]}">Yes</itunes:block>'
    f'<podcast:block xmlns:podcast="{NAMESPACES["podcast"]}">yes</podcast:block>'
).encode()


def private(feed: bytes, name: str, address: str) -> bytes:
    """A feed of build/site as it is served at a private address: it names itself so, no hub, and asks not to be listed.

    name: the feed's own, of NAMES. address: where this subscriber has it.
    """
    if name.endswith(".json"):
        told = json.loads(feed)
        told.pop("hubs", None)
        told["feed_url"] = address
        return (json.dumps(told, ensure_ascii=False, indent=1) + "\n").encode("utf-8")
    entry = b"<entry>" if name == "atom.xml" else b"<item>"
    end = b"</feed>" if name == "atom.xml" else b"</channel>"
    head, mark, rest = feed.partition(entry) if entry in feed else feed.rpartition(end)
    head = _STYLE.sub(rb"\1../../", head)  # it lies beside the public feeds
    head = _HUB.sub(b"", head)
    head = _ABOUT.sub(lambda found: _theirs(found[0], address), head)
    head = _SELF.sub(lambda found: found[1] + quoteattr(address).encode() + found[2], head)
    return head + _NOWHERE + mark + rest


def _theirs(about: bytes, address: str) -> bytes:
    """What a browser shows, with their own address, and without what would subscribe them to the public feed."""
    about = _LISTS.sub(b"", about)
    return _CODE.sub(lambda found: found[1] + escape(address).encode() + found[2], about)
