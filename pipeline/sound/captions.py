"""Timed sentences become captions: WebVTT with voices, SubRip, and the transcript JSON of Podcasting 2.0."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from textwrap import wrap

VTT_COLUMNS, SRT_COLUMNS, LINES = 65, 32, 2
_NO_TAGS = str.maketrans("<>", "‹›")


@dataclass(frozen=True, slots=True)
class Caption:
    """Words with who says them; start and end in seconds from the beginning of the file."""

    start: float
    end: float
    text: str
    speaker: str


def vtt(captions: Iterable[Caption]) -> str:
    """WebVTT: each cue at most two lines of 65 columns, its speaker as a voice."""
    cues = (
        f"{_clock(c.start, '.')} --> {_clock(c.end, '.')}\n<v {_escaped(c.speaker)}>{_escaped(c.text)}</v>\n"
        for c in _fitting(captions, VTT_COLUMNS)
    )
    return "\n".join(["WEBVTT\n", *cues])


def srt(captions: Iterable[Caption]) -> str:
    """SubRip: each cue at most two lines of 32 columns; what would be taken for a tag is not one."""
    return "\n".join(
        f"{number}\n{_clock(c.start, ',')} --> {_clock(c.end, ',')}\n{c.text.translate(_NO_TAGS)}\n"
        for number, c in enumerate(_fitting(captions, SRT_COLUMNS), 1)
    )


def transcript_json(captions: Iterable[Caption]) -> str:
    """The transcript JSON of Podcasting 2.0, a segment a sentence."""
    segments = [
        {
            "speaker": c.speaker,
            "startTime": round(c.start, 3),
            "endTime": round(c.end, 3),
            "body": c.text,
        }
        for c in captions
    ]
    return (
        json.dumps({"version": "1.0.0", "segments": segments}, ensure_ascii=False, indent=1) + "\n"
    )


def _fitting(captions: Iterable[Caption], columns: int) -> Iterator[Caption]:
    """A caption that does not fit is cut into several; each has its share of the time by its letters."""
    for caption in captions:
        texts = _cut(caption.text, columns)
        letters = [len(text) for text in texts]
        length, start = caption.end - caption.start, caption.start
        for number, text in enumerate(texts, 1):
            end = caption.start + length * sum(letters[:number]) / sum(letters)
            yield Caption(start, end, text, caption.speaker)
            start = end


def _cut(text: str, columns: int) -> list[str]:
    lines = _wrapped(text, columns)
    cues = -(-len(lines) // LINES)
    if len(lines) == 1:
        return [*lines]
    for narrower in range(columns - 1, columns // 2, -1):
        tried = _wrapped(text, narrower)
        if len(tried) > cues * LINES:
            break
        lines = tried  # the same number of cues, more alike in length
    return ["\n".join(lines[at : at + LINES]) for at in range(0, len(lines), LINES)]


def _wrapped(text: str, columns: int) -> Sequence[str]:
    return wrap(text, columns, break_on_hyphens=False) or [text]


def _clock(seconds: float, point: str) -> str:
    milliseconds = round(seconds * 1000)
    minutes, rest = divmod(milliseconds, 60_000)
    return f"{minutes // 60:02}:{minutes % 60:02}:{rest // 1000:02}{point}{rest % 1000:03}"


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
