"""The words of a podcast episode: its description and what stands below its show notes."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from html import escape

from pipeline.feeds.entries import Entry
from pipeline.media import Enclosure
from pipeline.model import Publication
from pipeline.stage import Artifacts

DESCRIPTION = 4000
"""The bytes of a description that Apple takes."""

NOTICE = 1000
"""The bytes of it that a notice may take from the summary."""

CHAPTERS = 3
"""Apple takes timestamps in a description for chapters where there are at least so many."""


def timestamps(chapters: Artifacts) -> list[str]:
    """Lines "00:01:40 Title"; none where apps would not read them as chapters."""
    file = chapters.ending("chapters.json")
    listed = json.loads(file.text())["chapters"] if file else []
    lines = [f"{_clock(one['startTime'])} {one['title']}" for one in listed if one.get("title")]
    return lines if len(lines) >= CHAPTERS and lines[0].startswith("00:00:00 ") else []


def below(publication: Publication, sound: Enclosure, lines: Sequence[str]) -> str:
    """The chapters, and the notice that a synthetic voice reads, as HTML to follow any text."""
    notice = publication.narration.notice if sound.synthetic else ""
    paragraphs = ("<br>".join(map(_html, lines)), _html(shortened(notice, NOTICE, _html)))
    return "".join(f"<p>{words}</p>" for words in paragraphs if words)


def description(publication: Publication, entry: Entry, sound: Enclosure, end: str) -> str:
    """Summary and what is `below` as HTML of at most 4000 bytes, without chapters if too many."""
    if len(end.encode()) > DESCRIPTION // 2:
        end = below(publication, sound, ())
    room = DESCRIPTION - len(f"<p></p>{end}".encode())
    return f"<p>{_html(shortened(entry.listing.summary, room, _html))}</p>{end}"


def shortened(text: str, limit: int, written: Callable[[str], str] = str) -> str:
    """As many whole words as `limit` bytes hold when written; an ellipsis stands for the rest."""

    def size(words: str) -> int:
        return len(written(words).encode())

    if size(text) <= limit:
        return text
    while text and (over := size(text + "…") - limit) > 0:
        text = text[: -max(1, over // 8)]  # no character is written in more than 8 bytes
    return " ".join(text.split(" ")[:-1] or [text]).rstrip() + "…"


def _html(words: str) -> str:
    return escape(words, quote=False)


def _clock(seconds: float) -> str:
    whole = int(seconds)
    return f"{whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60:02}"
