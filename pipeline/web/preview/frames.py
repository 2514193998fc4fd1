"""One medium of an episode as its reader meets it: by day or by night, in a mail program, a reader, a podcast app."""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipeline.model import Listing, Publication

LIGHT = re.compile(r"\(\s*prefers-color-scheme\s*:\s*light\s*\)")
DARK = re.compile(r"\(\s*prefers-color-scheme\s*:\s*dark\s*\)")
ALWAYS, NEVER = "(min-width: 0)", "(max-width: 0)"
DECLARED = re.compile(
    r"""(color-schemes?["']?(?:\s*:\s*|\s+content=["']))(?:light dark|dark light)"""
)

SCHEMES = ("light", "dark", "own")
"""By day, by night, or as the browser that shows the preview prefers."""


def in_scheme(text: str, scheme: str) -> str:
    """A page or a style sheet as a reader sees it who prefers light or dark, whatever this browser prefers."""
    if scheme == "own":
        return text
    dark = scheme == "dark"
    text = DARK.sub(ALWAYS if dark else NEVER, text)
    text = LIGHT.sub(NEVER if dark else ALWAYS, text)
    return DECLARED.sub(rf"\g<1>{scheme}", text)


def here(html: str, publication: Publication) -> str:
    """An email or an entry with its addresses on the published site turned to this server's."""
    return re.sub(rf"""(\b(?:src|href|poster)=["']){re.escape(publication.url)}""", r"\1/", html)


@dataclass(frozen=True, slots=True)
class Heard:
    """The spoken episode as a podcast app has it."""

    audio: str
    duration: float
    chapters: tuple[dict[str, Any], ...]
    lines: tuple[dict[str, Any], ...]
    captions: str


def heard(site: Path, listing: Listing) -> Heard | None:
    """What was made of an episode's sound; None where there is none yet."""
    audio = next(iter(sorted(site.glob(f"audio/{listing.slug}.*"))), None)
    if audio is None:
        return None
    folder = site / listing.slug
    lines = tuple(_told(folder / "transcript.json").get("segments", ()))
    captions = folder / "transcript.vtt"
    return Heard(
        audio.relative_to(site).as_posix(),
        lines[-1]["endTime"] if lines else 0.0,
        tuple(_told(folder / "chapters.json").get("chapters", ())),
        lines,
        captions.relative_to(site).as_posix() if captions.is_file() else "",
    )


def _told(file: Path) -> dict[str, Any]:
    try:
        found = json.loads(file.read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def notes(site: Path, listing: Listing) -> str:
    """The notes of an episode as its podcast feed carries them; "" where it is not in it."""
    from lxml import etree  # type: ignore[import-untyped]

    feed = site / "podcast.xml"
    if not feed.is_file():
        return ""
    try:
        for _, item in etree.iterparse(
            os.fsencode(feed), tag="item", resolve_entities=False, no_network=True
        ):
            if (item.findtext("guid") or "") == (listing.podcast_guid or listing.guid):
                return item.findtext(ENCODED) or item.findtext("description") or ""
            item.clear()
    except etree.XMLSyntaxError:
        return ""
    return ""


ENCODED = "{http://purl.org/rss/1.0/modules/content/}encoded"
