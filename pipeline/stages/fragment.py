"""An episode as each feed carries it, ready to be joined: what costs is done once, whatever the archive's size."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.stage import Artifact, Artifacts, stage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.model import Listing, Publication


@stage(per="episode", libraries=("feedgen", "lxml"))
def fragment(
    publication: Publication,
    listing: Listing,
    entry: Artifacts,
    audio: Artifacts,
    chapters: Artifacts,
    transcript: Artifacts,
    art: Artifacts,
    soundbites: Artifacts,
) -> Iterator[Artifact]:
    """An episode as each feed carries it: RSS, Atom, JSON Feed and, where it is heard, podcast."""
    from pipeline.feeds.entries import entry_of
    from pipeline.feeds.fragments import HEARD, READ, fragment_of
    from pipeline.feeds.podcasting import Beside

    one = entry_of(publication, listing, entry, audio)
    beside = Beside(audio, chapters, transcript, art, soundbites)
    made = fragment_of(publication, one, beside)
    yield Artifact(f"fragment/{listing.slug}{HEARD if one.sound else READ}", made.kept())
