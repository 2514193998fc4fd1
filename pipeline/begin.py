"""A new publication: settings, a cover to replace and a first episode, all of which build at once."""

from __future__ import annotations

import io
import json
from datetime import datetime
from pathlib import Path

from pipeline.errors import SimulcastError
from pipeline.store import write_whole

COVER = 1400
"""Pixels a side: the least that podcast directories take (Apple: 1400 to 3000)."""


def begin(folder: Path, now: datetime) -> None:
    """Write a small, complete publication into a folder that holds none.

    Raises SimulcastError where the folder has a content/ already.
    """
    if (folder / "content").exists():
        raise SimulcastError(f"{folder} has a content/ already; nothing was written")
    title = _title(folder.name) or "My Letter"
    write_whole(folder / "content" / "publication.toml", _settings(title).encode("utf-8"))
    write_whole(folder / "content" / "artwork" / "cover.png", _cover(title))
    write_whole(
        folder / "content" / "01-hello" / "episode.md", _episode(title, now).encode("utf-8")
    )
    write_whole(folder / ".gitignore", b"/build/\n/.simulcast/\n")
    (folder / "audio").mkdir(exist_ok=True)


def _title(name: str) -> str:
    """The name of a folder as a title: what cannot be shown, a hyphen and a low line are blanks."""
    shown = (" " if c in "-_" or not c.isprintable() else c for c in name)
    return " ".join("".join(shown).split()).title()


def _settings(title: str) -> str:
    name = json.dumps(title, ensure_ascii=False)
    return f"""# What this publication is.
title = {name}
subtitle = "What it is about, in one line"
description = "What a reader or listener gets, in two or three sentences."
url = "https://letter.example/"
language = "en"
copyright = "© the author"
theme = "ledger"

[series]
name = {name}
unit = "Episode"

[[people]]
id = "author"
name = "The Author"
about = "One or two sentences on who writes this."

[email]
sender = {json.dumps(f"{title} <post@letter.example>", ensure_ascii=False)}

[lists.readers]
title = {json.dumps(f"{title} by email", ensure_ascii=False)}
seeds = ["you@letter.example"]  # your own addresses, which get every edition

[podcast]
owner = "The Author"
owner_email = "post@letter.example"
artwork = "content/artwork/cover.png"
categories = ["News"]

[narration]
narrator = "kokoro"  # or "nanotts", smaller and quicker; without a recording, it reads
notice = "Narrated by a synthetic voice."
"""


def _episode(title: str, now: datetime) -> str:
    return f"""---
number: 1
title: Hello
published: {now:%Y-%m-%dT00:00:00Z}
summary: The first episode, which says what this letter is and why it begins.
---

This is the first episode of {title}. It is one file, and it goes out as a page, an email, a feed and a podcast.

## What to change

**This text.** Write your own below the front matter, and a heading wherever a new thought begins.

::: callout
A block like this one is set apart in every medium, and read aloud as well.
:::
"""


def _cover(title: str) -> bytes:
    """A plain square with the title's first letter, until there is artwork."""
    from PIL import Image, ImageDraw, ImageFont

    image = Image.new("RGB", (COVER, COVER), "#14161a")
    draw = ImageDraw.Draw(image)
    draw.rectangle((90, 90, COVER - 90, COVER - 90), outline="#f6f3ec", width=12)
    draw.text(
        (COVER / 2, COVER / 2), title[:1], "#f6f3ec", ImageFont.load_default(900), anchor="mm"
    )
    out = io.BytesIO()
    image.save(out, "PNG", optimize=True)
    return out.getvalue()
