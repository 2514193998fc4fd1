"""The chapters stage: where the parts of an episode begin, for players."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from pipeline.stage import Artifact, Artifacts, stage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.model import Listing


@stage(per="episode")
def chapters(listing: Listing, audio: Artifacts) -> Iterator[Artifact]:
    """Where the parts of an episode begin (JSON Chapters 1.2); nothing where they are not known."""
    told = audio.ending(".json")
    begun = json.loads(told.text())["chapters"] if told else []
    if begun:
        listed = [{"startTime": one["start"], "title": one["title"]} for one in begun]
        made = {"version": "1.2.0", "title": listing.title, "chapters": listed}
        yield Artifact(
            f"site/{listing.slug}/chapters.json",
            json.dumps(made, ensure_ascii=False, indent=1) + "\n",
        )
