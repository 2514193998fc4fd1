"""Small publications on disk, for tests: real folders with real files."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

SETTINGS = """\
title = "Small Letter"
url = "https://small.example/"
description = "A letter as small as can be."
language = "en"

[series]
name = "Small Letter"

[[people]]
id = "ada"
name = "Ada Example"

[email]
sender = "Small Letter <post@small.example>"

[lists.readers]
title = "Small Letter by email"
seeds = ["reader@small.example"]

[podcast]
owner = "Ada Example"
owner_email = "ada@small.example"
artwork = "content/artwork/cover.png"
categories = ["News"]

[narration]
narrator = "nanotts"
"""

BODY = "One sentence is enough. Two are plenty.\n\n## A heading\n\nAnd a last word.\n"


def front_matter(number: int = 1, title: str = "First", **more: str) -> str:
    """The front matter of an episode, fences included."""
    keys = {
        "number": str(number),
        "title": f'"{title}"',
        "published": f"2026-01-{number:02}T08:00:00Z",
        "summary": '"What it says, in a line."',
        **more,
    }
    return "---\n" + "".join(f"{key}: {value}\n" for key, value in keys.items()) + "---\n\n"


def png(width: int = 1400, height: int = 1400) -> bytes:
    """A grey picture of that many pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    rows = (b"\0" + b"\x80\x80\x80" * width) * height
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(rows, 9))
        + chunk(b"IEND", b"")
    )


def small(root: Path, settings: str = SETTINGS, **episodes: str) -> Path:
    """A publication at `root`; each episode by slug (underscores become hyphens) with the text of its file."""
    write(root, "content/publication.toml", settings)
    (root / "content" / "artwork").mkdir(parents=True, exist_ok=True)
    (root / "content" / "artwork" / "cover.png").write_bytes(png())
    for slug, text in (episodes or {"e01_first": front_matter() + BODY}).items():
        write(root, f"content/{slug.removeprefix('e').replace('_', '-')}/episode.md", text)
    return root


def write(root: Path, path: str, text: str) -> Path:
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, "utf-8", newline="")
    return file
