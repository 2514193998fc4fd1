"""The podcast feed: RSS with Apple's and the Podcasting 2.0 elements."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from pipeline.stage import Artifact, Artifacts, Files, stage

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pipeline.model import Listing, Publication
    from pipeline.templates import Templates


@stage(per="publication", libraries=("feedgen", "lxml", "pillow"))
def podcast(
    publication: Publication,
    episodes: tuple[Listing, ...],
    fragment: Mapping[str, Artifacts],
    files: Files,
    templates: Templates,
) -> Iterator[Artifact]:
    """The newest episodes that can be heard, with all that podcast directories and apps ask for."""
    from pipeline.feeds import documents
    from pipeline.feeds.fragments import heard, read
    from pipeline.feeds.heads import Document

    page = publication.feeds.page
    limit = max(publication.podcast.limit, page)
    newest = (one for one in reversed(episodes) if heard(fragment[one.slug]))
    found = list(islice(newest, limit + 1))
    shown, more = found[:limit], found[limit:]
    # The page that holds the newest of those that are not shown.
    before = [one.slug for one in episodes].index(more[0].slug) // page + 1 if more else 0
    trailers = [read(fragment[one.slug]).trailer for one in episodes if one.type == "trailer"]
    yield documents.podcast(
        publication,
        shown,
        (read(fragment[one.slug]) for one in shown),
        Document("podcast.xml", documents.older(before, "podcast.xml")),
        documents.images(publication, files),
        trailers,
        templates.theme["words"],
    )
    for one in publication.podcast.images:
        yield Artifact(f"site/{documents.picture(one.path)}", files(one.path))
