"""The transcript stage: the words of an episode as it is heard, with the time of each sentence."""

from __future__ import annotations

import json
from html import escape
from itertools import groupby
from typing import TYPE_CHECKING, Any

from pipeline.stage import Artifact, Artifacts, stage

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pipeline.model import Listing
    from pipeline.sound.captions import Caption

SPEAKERS = {"default": "Narrator", "quote": "Quotation"}


@stage(per="episode")
def transcript(
    listing: Listing, script: Artifacts, narration: Artifacts, audio: Artifacts
) -> Iterator[Artifact]:
    """The words as they are heard: WebVTT, SubRip and JSON with times, HTML to read.

    Of a recording, whose sentences have no times, there is the HTML alone.
    """
    from pipeline.sound.captions import srt, transcript_json, vtt

    told = audio.ending(".json")
    if told is None:
        return
    read = json.loads(script[".json"].text())
    times = narration.ending(".json")
    if times is not None:
        timed = json.loads(times.text())["sentences"]
        offset = json.loads(told.text())["offset"]
        captions = captions_of(read["sentences"], timed, offset)
        for ending, form in (("vtt", vtt), ("srt", srt), ("json", transcript_json)):
            yield Artifact(f"site/{listing.slug}/transcript.{ending}", form(captions))
    yield Artifact(f"site/{listing.slug}/transcript.html", page(listing.title, read))


def captions_of(
    sentences: Sequence[Mapping[str, Any]], times: Sequence[Mapping[str, float]], offset: float
) -> list[Caption]:
    """The written sentences at their times in the file that is heard."""
    from pipeline.sound.captions import Caption

    return [
        Caption(
            offset + time["start"],
            offset + time["end"],
            sentence["text"],
            SPEAKERS.get(sentence["voice"], sentence["voice"]),
        )
        for sentence, time in zip(sentences, times, strict=True)
    ]


def page(title: str, read: Mapping[str, Any]) -> str:
    """The transcript to read: its chapters as headings, its paragraphs as they were written."""
    headings = {one["sentence"]: one["title"] for one in read["chapters"][1:]}
    body = [f"<h1>{escape(title)}</h1>"]
    numbered = enumerate(read["sentences"])
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
        f'<meta name="viewport" content="width=device-width">\n<title>{escape(title)}</title>\n{lines}\n</html>\n'
    )
