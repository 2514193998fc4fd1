"""The article feeds: RSS 2.0, Atom, JSON Feed 1.1."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from pipeline.model import Listing, Publication
from pipeline.stage import Artifact, Artifacts, Files, Shelf, stage

RSS_IMAGE = ("artwork/icon-144.png", 144)
"""RSS 2.0 allows an image of no more than 144 pixels."""

ICON = ("artwork/icon-512.png", 512)
"""JSON Feed asks for an icon "such as 512 x 512"."""


@stage(per="publication", libraries=("feedgen", "lxml", "pillow"))
def feed(
    publication: Publication,
    episodes: tuple[Listing, ...],
    entry: Mapping[str, Artifacts],
    audio: Mapping[str, Artifacts],
    files: Files,
    kept: Shelf,
) -> Iterator[Artifact]:
    """The newest entries in full, as RSS, Atom and JSON Feed, each with its audio enclosed."""
    from pipeline.feeds import xml
    from pipeline.feeds.entries import address, atom_id, entries
    from pipeline.feeds.jsonfeed import json_feed

    artwork = files(publication.podcast.artwork)
    for path, side in (RSS_IMAGE, ICON):
        yield Artifact(f"site/{path}", _square(artwork, side, kept))

    newest = episodes[::-1][: publication.feeds.limit]
    full = list(entries(publication, newest, entry, audio))

    rss = xml.feed(publication, "rss.xml", xml.RSS, full, "atom", "content", "dc")
    image, side = RSS_IMAGE
    rss.image(address(publication.link(image)), width=str(side), height=str(side))
    for one in full:
        added = xml.add(rss, one, one.listing.guid)
        added.simulcast.add(*(xml.element("dc:creator", person.name) for person in one.authors))
        if one.listing.updated:
            updated = one.listing.updated.isoformat(timespec="seconds")
            added.simulcast.add(xml.element("atom:updated", updated))
    yield Artifact("site/rss.xml", xml.written(rss, "rss.xml"))

    atom = xml.feed(publication, "atom.xml", xml.ATOM, full)
    atom.icon(address(publication.link(ICON[0])))
    for one in full:
        xml.add(atom, one, atom_id(one.listing.guid))
    yield Artifact("site/atom.xml", xml.written(atom, "atom.xml"))

    yield Artifact("site/feed.json", json_feed(publication, "feed.json", ICON[0], full))


def _square(artwork: Path, side: int, kept: Shelf) -> Path:
    """The artwork as a PNG of `side` pixels each way, drawn anew only when it changes."""
    from hashlib import sha256

    def draw(target: Path) -> None:
        from PIL import Image

        with Image.open(artwork) as image:
            small = image.convert("RGB").resize((side, side), Image.Resampling.LANCZOS)
        small.save(target, format="PNG")

    return kept(f"feed icon {side} {sha256(artwork.read_bytes()).hexdigest()}", draw)
