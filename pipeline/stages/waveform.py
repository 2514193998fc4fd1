"""The waveform stage: an episode's sound as pictures."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from pipeline.stage import Artifact, Artifacts, stage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.model import Listing, Sound
    from pipeline.templates import Templates


@stage(per="episode")
def waveform(
    listing: Listing, sound: Sound, templates: Templates, audio: Artifacts
) -> Iterator[Artifact]:
    """The waveform of an episode, and its loudness over time, as SVG in the theme's colours."""
    from pipeline.sound.plots import Colors, Heard, loudness, waveform

    facts = audio.ending(".json")
    if facts is None:
        return
    told = json.loads(facts.text())
    momentary = [float(line) for line in audio[".loudness.txt"].text().split()]
    chapters = [(one["start"], one["title"]) for one in told["chapters"]]
    heard = Heard(listing.title, momentary, told["duration"], told["lufs"], told["peak"], chapters)
    colors = Colors(templates.theme["colors"], templates.theme["dark"])
    yield Artifact(f"site/{listing.slug}/waveform.svg", waveform(heard, colors))
    yield Artifact(f"site/{listing.slug}/loudness.svg", loudness(heard, sound.loudness, colors))
