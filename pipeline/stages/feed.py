"""The article feeds: RSS 2.0, Atom, JSON Feed 1.1."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.stage import Artifact, Artifacts, stage

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pipeline.model import Listing, Publication


@stage(per="publication", libraries=("feedgen", "lxml"))
def feed(
    publication: Publication,
    episodes: tuple[Listing, ...],
    entry: Mapping[str, Artifacts],
    audio: Mapping[str, Artifacts],
) -> Iterator[Artifact]:
    """The newest entries in full, as RSS, Atom and JSON Feed, each with its audio enclosed."""
    from pipeline.feeds import xml
    from pipeline.feeds.entries import address, atom_id, entries
    from pipeline.feeds.jsonfeed import json_feed

    newest = episodes[::-1][: publication.feeds.limit]
    full = list(entries(publication, newest, entry, audio))
    icon = address(publication.link("artwork/cover-small.jpg"))

    rss = xml.feed(publication, "rss.xml", xml.RSS, full)
    image = address(publication.link("artwork/feed.png"))
    rss.image(image, width="144", height="144")
    for one in full:
        xml.add(rss, one, one.listing.guid)
    yield Artifact("site/rss.xml", xml.written(rss, "rss.xml"))

    atom = xml.feed(publication, "atom.xml", xml.ATOM, full)
    atom.icon(icon)
    for one in full:
        xml.add(atom, one, atom_id(one.listing.guid))
    yield Artifact("site/atom.xml", xml.written(atom, "atom.xml"))

    yield Artifact("site/feed.json", json_feed(publication, "feed.json", icon, full))
