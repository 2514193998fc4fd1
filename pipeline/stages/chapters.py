"""The chapters stage: where the parts of an episode begin, for players."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from pipeline.stage import Artifact, Artifacts, stage

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pipeline.model import Listing, Publication


@stage(per="episode")
def chapters(listing: Listing, publication: Publication, audio: Artifacts) -> Iterator[Artifact]:
    """Where the parts of an episode begin (JSON Chapters 1.2), with links and pictures where they have them."""
    told = audio.ending(".json")
    begun = json.loads(told.text())["chapters"] if told else []
    if begun:
        made = {
            "version": "1.2.0",
            "title": listing.title,
            "author": ", ".join(person.name for person in publication.authors(listing)),
            "podcastName": publication.title,
            "chapters": [chapter(one, publication) for one in begun],
        }
        yield Artifact(
            f"site/{listing.slug}/chapters.json",
            json.dumps(made, ensure_ascii=False, indent=1) + "\n",
        )


def chapter(one: Mapping[str, Any], publication: Publication) -> dict[str, Any]:
    """A chapter as players read it."""
    found = {"startTime": one["start"], "title": one["title"]}
    if one["image"]:
        found["img"] = publication.link(quote(one["image"]))
    if one["url"]:
        found["url"] = one["url"]
    return found
