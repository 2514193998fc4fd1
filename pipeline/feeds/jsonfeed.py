"""JSON Feed 1.1: https://www.jsonfeed.org/version/1.1/"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from pipeline.feeds.entries import Entry, address
from pipeline.model import Person, Publication


def json_feed(
    publication: Publication, path: str, icon: str, items: Iterable[bytes], older: str = ""
) -> bytes:
    """A document of the JSON Feed, of items that are written already.

    path: its own below build/site. icon: the address of a square image. older: the path of the next document.
    """
    feed = {
        "version": "https://jsonfeed.org/version/1.1",
        "title": publication.title,
        "home_page_url": address(publication.link()),
        "feed_url": address(publication.link(path)),
        "next_url": address(publication.link(older)) if older else "",
        "description": publication.description,
        "icon": icon,
        "authors": _authors(publication.people),
        "language": publication.language,
        "hubs": [{"type": "WebSub", "url": address(publication.feeds.hub)}]
        if publication.feeds.hub
        else [],
    }
    head = json.dumps(_given(feed), ensure_ascii=False, indent=1).removesuffix("\n}")
    opened = f'{head},\n "items": [\n'.encode()
    return b"".join((opened, b",\n".join(items), b"\n ]\n}\n"))


def item(publication: Publication, entry: Entry) -> bytes:
    """An item of a JSON Feed, ready to be joined."""
    return b"  " + json.dumps(_entry(publication, entry), ensure_ascii=False).encode("utf-8")


def _entry(publication: Publication, entry: Entry) -> dict[str, Any]:
    listing, sound = entry.listing, entry.sound
    image = publication.link(f"{listing.slug}/{listing.image}") if listing.image else ""
    attachment = sound and {
        "url": entry.sound_url,
        "mime_type": sound.type,
        "size_in_bytes": sound.size,
        "duration_in_seconds": round(sound.duration),
    }
    return _given(
        {
            "id": listing.guid,
            "url": entry.url,
            "title": listing.title,
            "content_html": entry.content,
            "summary": listing.summary,
            "image": address(image),
            "date_published": listing.published.isoformat(timespec="seconds"),
            "date_modified": listing.changed.isoformat(timespec="seconds"),
            "authors": _authors(entry.authors),
            "tags": list(entry.tags),
            "attachments": [attachment] if attachment else [],
        }
    )


def _authors(people: Iterable[Person]) -> list[dict[str, str]]:
    return [_given({"name": one.name, "url": address(one.url)}) for one in people]


def _given(values: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value not in ("", [], None)}
