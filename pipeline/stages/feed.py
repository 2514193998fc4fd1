"""The article feeds: RSS 2.0, Atom, JSON Feed 1.1."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.stage import Artifact, Artifacts, stage

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pipeline.model import Listing, Publication
    from pipeline.templates import Templates

NAMES = ("rss.xml", "atom.xml", "feed.json")


@stage(per="publication", libraries=("feedgen", "lxml"))
def feed(
    publication: Publication,
    episodes: tuple[Listing, ...],
    fragment: Mapping[str, Artifacts],
    templates: Templates,
) -> Iterator[Artifact]:
    """The newest entries in full, as RSS, Atom and JSON Feed, each with its audio enclosed."""
    from pipeline.feeds.documents import articles, older
    from pipeline.feeds.fragments import read
    from pipeline.feeds.heads import Document

    newest = episodes[::-1][: publication.feeds.limit]
    before = -(-(len(episodes) - len(newest)) // publication.feeds.page)
    documents = {name: Document(name, older(before, name)) for name in NAMES}
    fragments = [read(fragment[one.slug]) for one in newest]
    yield from articles(publication, newest, fragments, documents, templates.theme["words"])
