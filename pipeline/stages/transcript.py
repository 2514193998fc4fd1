"""The transcript stage: the words of an episode as it is heard, with the time of each sentence."""

from __future__ import annotations

import json
from itertools import groupby
from typing import TYPE_CHECKING, Any

from pipeline.stage import Artifact, Artifacts, stage

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pipeline.model import Listing, Publication
    from pipeline.sound.captions import Caption
    from pipeline.sound.timing import Time
    from pipeline.templates import Templates

SPEAKERS = {"default": "Narrator", "quote": "Quotation"}


@stage(per="episode", libraries=("jinja2",))
def transcript(
    listing: Listing,
    publication: Publication,
    templates: Templates,
    script: Artifacts,
    narration: Artifacts,
    alignment: Artifacts,
    audio: Artifacts,
) -> Iterator[Artifact]:
    """The words as they are heard: WebVTT, SubRip and JSON with times, HTML to read.

    Of a recording whose sentences have no times there is the HTML alone.
    """
    from pipeline.sound.captions import srt, transcript_json, vtt
    from pipeline.sound.timing import times_of

    facts = audio.ending(".json")
    if facts is None:
        return
    read, told = json.loads(script[".json"].text()), json.loads(facts.text())
    times = times_of(narration, alignment)
    recorded = told["source"] == "recording"
    if times:
        host = publication.authors(listing)[0].name if recorded else SPEAKERS["default"]
        captions = captions_of(read["sentences"], times, told["offset"], host)
        for ending, form in (("vtt", vtt), ("srt", srt), ("json", transcript_json)):
            yield Artifact(f"site/{listing.slug}/transcript.{ending}", form(captions))
    said = [time is not None for time in times] or [True] * len(read["sentences"])
    path = f"{listing.slug}/transcript.html"
    values = {
        "publication": publication,
        "listing": listing,
        "path": path,
        "paragraphs": list(paragraphs(read, said)),
        "untimed": not times,
    }
    yield Artifact(f"site/{path}", templates.render("web/transcript.html", at=path, **values))


def captions_of(
    sentences: Sequence[Mapping[str, Any]], times: Sequence[Time], offset: float, host: str
) -> list[Caption]:
    """The written sentences at their times in the file that is heard, those that are said."""
    from pipeline.sound.captions import Caption

    speakers = {**SPEAKERS, "default": host}
    return [
        Caption(
            max(0.0, offset + time["start"]),
            offset + time["end"],
            sentence["text"],
            speakers.get(sentence["voice"], sentence["voice"]),
        )
        for sentence, time in zip(sentences, times, strict=True)
        if time
    ]


def paragraphs(read: Mapping[str, Any], said: Sequence[bool]) -> Iterator[Mapping[str, Any]]:
    """The transcript to read: its chapters as headings, its paragraphs as they were written, where they are said."""
    headings = {one["sentence"]: one["title"] for one in read["chapters"][1:]}
    numbered = [one for one in enumerate(read["sentences"]) if said[one[0]]]
    for _, paragraph in groupby(numbered, key=lambda one: one[1]["paragraph"]):
        at, sentences = zip(*paragraph, strict=True)
        yield {
            "title": headings.get(at[0], ""),
            "quoted": sentences[0]["voice"] == "quote",
            "words": " ".join(sentence["text"] for sentence in sentences),
        }
