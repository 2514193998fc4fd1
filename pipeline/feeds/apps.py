"""The usual podcast apps: links that open a feed in each, and a code that a phone scans."""

from __future__ import annotations

import io
from dataclasses import dataclass
from urllib.parse import quote


@dataclass(frozen=True, slots=True)
class App:
    """A podcast app, and the address that opens a feed in it."""

    name: str
    url: str


def apps(feed: str) -> tuple[App, ...]:
    """Links that open the podcast in an app: each app's own scheme, made from the feed's address."""
    bare, quoted = feed.partition("://")[2], quote(feed, safe="")
    return (
        App("Apple Podcasts", f"podcast://{bare}"),
        App("Overcast", f"overcast://x-callback-url/add?url={quoted}"),
        App("Pocket Casts", f"pktc://subscribe/{bare}"),
        App("AntennaPod", f"antennapod-subscribe://{bare}"),
    )


def code(address: str) -> bytes:
    """A QR code of an address as SVG, dark on white by day and by night; the same address, the same bytes."""
    import segno

    drawn = io.BytesIO()
    segno.make(address, error="m", micro=False).save(
        drawn, kind="svg", border=4, dark="#000", light="#fff", xmldecl=False,
        svgclass=None, lineclass=None, omitsize=True, nl=True,
    )  # fmt: skip
    return drawn.getvalue()
