"""The transcript stage: the words of an episode as it is heard, with the time of each sentence."""

from __future__ import annotations

import json
from html import escape
from itertools import groupby
from typing import TYPE_CHECKING, Any

from pipeline.stage import Artifact, Artifacts, stage

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pipeline.model import Listing, Publication
    from pipeline.sound.captions import Caption
    from pipeline.sound.timing import Time

SPEAKERS = {"default": "Narrator", "quote": "Quotation"}


@stage(per="episode")
def transcript(
    listing: Listing,
    publication: Publication,
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
    yield Artifact(
        f"site/{listing.slug}/transcript.html", page(listing.title, read, said, untimed=not times)
    )


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


UNTIMED = "This is the text that the episode was recorded from; what is said may depart from it."


def page(title: str, read: Mapping[str, Any], said: Sequence[bool], untimed: bool = False) -> str:
    """The transcript to read: its chapters as headings, its paragraphs as they were written, where they are said."""
    headings = {one["sentence"]: one["title"] for one in read["chapters"][1:]}
    body = [f"<h1>{escape(title)}</h1>"]
    if untimed:
        body.append(f"<p><em>{UNTIMED}</em></p>")
    numbered = [one for one in enumerate(read["sentences"]) if said[one[0]]]
    for _, paragraph in groupby(numbered, key=lambda one: one[1]["paragraph"]):
        at, sentences = zip(*paragraph, strict=True)
        words = escape(" ".join(sentence["text"] for sentence in sentences))
        quoted = sentences[0]["voice"] == "quote"
        if at[0] in headings:
            body.append(f"<h2>{escape(headings[at[0]])}</h2>")
        elif quoted:
            body.append(f"<blockquote><p>{words}</p></blockquote>")
        else:
            body.append(f"<p>{words}</p>")
    lines = "\n".join(body)
    return (
        f'<!doctype html>\n<html lang="{escape(read["language"])}">\n<meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width">\n<title>{escape(title)}</title>\n'
        f"<main>\n{lines}\n</main>\n</html>\n"
    )
