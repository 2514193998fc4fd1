"""Where the publication has moved from, its old host's rules that lead readers after it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.stage import Artifact, stage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.model import Publication


@stage(per="publication")
def redirects(publication: Publication) -> Iterator[Artifact]:
    """For each address it had before, the 301 rules for its old host; nothing where it never moved."""
    from pipeline.feeds.moving import folder, rules

    for old in publication.moved_from:
        for name, text in rules(old, publication.url):
            yield Artifact(f"moved/{folder(old)}/{name}", text)
