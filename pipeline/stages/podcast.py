"""The podcast feed: RSS with Apple's and the Podcasting 2.0 elements."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline import media
from pipeline.errors import MediaError
from pipeline.stage import Artifact, Artifacts, Files, stage

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pipeline.model import Listing, Publication

NOTHING = Artifacts()


@stage(per="publication", libraries=("feedgen", "lxml", "pillow"))
def podcast(
    publication: Publication,
    episodes: tuple[Listing, ...],
    entry: Mapping[str, Artifacts],
    audio: Mapping[str, Artifacts],
    chapters: Mapping[str, Artifacts],
    transcript: Mapping[str, Artifacts],
    art: Mapping[str, Artifacts],
    files: Files,
) -> Iterator[Artifact]:
    """Every episode that can be heard, with all that podcast directories and apps ask for."""
    from pipeline.feeds import notes, podcasting, xml
    from pipeline.feeds.entries import entries

    artwork = publication.podcast.artwork
    pixels = media.picture_size(files(artwork))
    if pixels is None:
        raise MediaError(f"{artwork} is a drawing; podcast directories take PNG or JPEG")
    every = entries(publication, episodes[::-1], entry, audio)
    heard = [(one, one.sound) for one in every if one.sound]

    shown = [one for one, _ in heard]
    show = xml.feed(publication, "podcast.xml", xml.RSS, shown, "itunes", "podcast")
    show.description(notes.shortened(publication.description, notes.DESCRIPTION))
    show.simulcast.add(*podcasting.of_show(publication, pixels))
    for one, sound in heard:
        slug, listing = one.listing.slug, one.listing
        if listing.type == "trailer":
            show.simulcast.add(podcasting.of_trailer(one, sound))
        marked = chapters.get(slug, NOTHING)
        lines = notes.timestamps(marked)
        added = xml.add(
            show,
            one,
            listing.podcast_guid,
            description=notes.description(publication, one, sound, lines),
            content=one.content + notes.below(publication, sound, lines),
        )
        added.simulcast.add(
            *podcasting.of_episode(publication, one, sound),
            *podcasting.of_artifacts(
                publication, marked, transcript.get(slug, NOTHING), art.get(slug, NOTHING)
            ),
        )
    yield Artifact("site/podcast.xml", xml.written(show, "podcast.xml"))
