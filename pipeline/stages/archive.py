"""The archive of every feed: pages of older entries, which never change once they are full."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.stage import Artifact, Artifacts, Files, stage

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pipeline.model import Page, Publication

NAMES = ("rss.xml", "atom.xml", "feed.json", "podcast.xml")


@stage(per="page", libraries=("feedgen", "lxml", "pillow"))
def archive(
    publication: Publication, full_page: Page, fragment: Mapping[str, Artifacts], files: Files
) -> Iterator[Artifact]:
    """A full page of each feed's older entries, counted from the oldest (RFC 5005)."""
    from pipeline.feeds import documents
    from pipeline.feeds.fragments import read
    from pipeline.feeds.heads import Document

    listings = full_page.listings[::-1]
    fragments = [read(fragment[one.slug]) for one in listings]
    pages = {
        name: Document(
            documents.page(full_page.number, name),
            documents.older(full_page.number - 1, name),
            name,
        )
        for name in NAMES
    }
    yield from documents.articles(publication, listings, fragments, pages)
    found = [pair for pair in zip(listings, fragments, strict=True) if pair[1].podcast_head]
    yield documents.podcast(
        publication,
        [one for one, _ in found],
        [heard for _, heard in found],
        pages["podcast.xml"],
        documents.images(publication, files),
    )
