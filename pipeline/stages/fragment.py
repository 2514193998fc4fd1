"""An episode as each feed carries it, ready to be joined: what costs is done once, whatever the archive's size."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.stage import Artifact, Artifacts, stage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.feeds.entries import Entry
    from pipeline.feeds.podcasting import Beside
    from pipeline.feeds.xml import Forms
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
    from pipeline.feeds import xml
    from pipeline.feeds.entries import atom_guid, entry_of
    from pipeline.feeds.jsonfeed import item
    from pipeline.feeds.podcasting import Beside

    one = entry_of(publication, listing, entry, audio)
    name = f"fragment/{listing.slug}"
    forms = xml.Forms(one)
    yield Artifact(f"{name}.rss.xml", forms.article())
    yield Artifact(f"{name}.atom.xml", forms.atom(atom_guid(listing)))
    yield Artifact(f"{name}.json", item(publication, one))
    if one.sound:
        yield from _heard(
            publication, name, one, forms, Beside(audio, chapters, transcript, art, soundbites)
        )


def _heard(
    publication: Publication, name: str, entry: Entry, forms: Forms, beside: Beside
) -> Iterator[Artifact]:
    from pipeline.feeds import notes, podcasting, xml

    sound = entry.sound
    assert sound
    lines = notes.timestamps(beside.chapters)
    text = forms.episode(
        notes.description(publication, entry, sound, lines),
        entry.content + notes.below(publication, sound, lines),
        [
            *podcasting.of_episode(publication, entry, sound),
            *podcasting.of_artifacts(publication, beside),
        ],
    )
    yield Artifact(f"{name}.podcast.xml", text)
    if entry.listing.type == "trailer":
        trailer = xml.channel_element(podcasting.of_trailer(entry, sound))
        yield Artifact(f"{name}.trailer.xml", trailer)
