"""What a feed carries of an episode: all of it, in HTML that needs nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.model import NOBODY
from pipeline.stage import Artifact, stage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.model import Episode, Listing, Place, Publication, Recording
    from pipeline.templates import Templates


@stage(per="episode", libraries=("jinja2",))
def entry(
    publication: Publication,
    listing: Listing,
    episode: Episode,
    place: Place,
    recording: Recording | None,
    templates: Templates,
) -> Iterator[Artifact]:
    """What a feed carries of an episode: all of it, in HTML that needs nothing else.

    It does not ask for the audio: an entry is in the feed as soon as it can be read, and links to the page's player.
    """
    html = templates.render(
        "feed/entry.html",
        publication=publication,
        listing=listing,
        episode=episode,
        place=place,
        narrated=recording is None and publication.narration.narrator != NOBODY,
    )
    yield Artifact(f"entry/{listing.slug}.html", html.strip() + "\n")
