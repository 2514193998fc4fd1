"""publication.toml: what would make mailing fail or directories refuse."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from pipeline.check.finding import SETTINGS, Finding, finding
from pipeline.delivery.edition import addressed, fault, seeds
from pipeline.errors import AuthorError
from pipeline.model import Publication

EXPECTED = (-17.0, -15.0)
"""LUFS: what podcast players level their shows to, give or take one."""


def of_settings(publication: Publication, root: Path) -> Iterator[Finding]:
    """All that is wrong with the settings, each with its line."""
    yield from _of_mail(publication, root)
    yield from _of_addresses(publication, root)

    def refused(table: str, key: str, message: str, mend: str, index: int = 0) -> Finding:
        return finding("E107", SETTINGS, key_line(root, table, key, index), message, mend)

    ids = [person.id for person in publication.people]
    for index, name in enumerate(ids):
        if name in ids[:index]:
            message = f'two people have the id "{name}"'
            yield refused("people", "id", message, "give each an id of their own", index)
    feeds, podcast = publication.feeds, publication.podcast
    if feeds.limit < 1:
        yield refused("feeds", "limit", f"feeds.limit: {feeds.limit} is below 1", "write 50")
    if feeds.hub and not re.match(r"https?://[^\s/]", feeds.hub):
        message = f'feeds.hub: "{feeds.hub}" is not a web address'
        yield refused("feeds", "hub", message, 'begin it with "https://"')
    if wrong := fault(podcast.owner_email):
        message = f"podcast.owner_email: {wrong}"
        yield refused("podcast", "owner_email", message, "write post@example.org")
    for amiss in _of_artwork(root / podcast.artwork):
        message = f'podcast.artwork: "{podcast.artwork}" {amiss}'
        mend = "podcast directories take a square PNG or JPEG, RGB, of 1400 to 3000 pixels a side"
        yield refused("podcast", "artwork", message, mend)
    loudness = publication.audio.loudness
    if not EXPECTED[0] <= loudness <= EXPECTED[1]:
        yield finding(
            "E510",
            SETTINGS,
            key_line(root, "audio", "loudness"),
            f"audio.loudness: {loudness:g} LUFS is not what podcast players expect",
            "write -16",
        )


def _of_addresses(publication: Publication, root: Path) -> Iterator[Finding]:
    """Addresses that apps and mail programs block, or whose feed anybody on the way can rewrite."""
    for table, key, address in (
        ("", "url", publication.url),
        ("service", "url", publication.service.url),
        ("feeds", "hub", publication.feeds.hub),
    ):
        if address.startswith("http://"):
            name = f"{table}.{key}" if table else key
            message = f'{name}: "{address}" is without https'
            secure = f"https://{address.removeprefix('http://')}"
            mend = f'write "{secure}"'
            if not table:
                mend += f", by `simulcast move {secure}` where it is published"
            yield finding("E426", SETTINGS, key_line(root, table, key), message, mend)


def _of_artwork(file: Path) -> Iterator[str]:
    """What directories would refuse of a show's artwork; a missing file is the build's to name."""
    from PIL import Image

    if not file.is_file():
        return
    try:
        with Image.open(file) as picture:
            (width, height), kind, mode = picture.size, picture.format, picture.mode
    except (OSError, ValueError, SyntaxError):
        yield "is not a picture"
        return
    if kind not in ("PNG", "JPEG"):
        yield f"is {kind}"
    if mode != "RGB":
        yield f"has the colours {mode}, not RGB"
    if width != height or not 1400 <= width <= 3000:
        yield f"has {width} × {height} pixels"


def _of_mail(publication: Publication, root: Path) -> Iterator[Finding]:
    """What would make mailing fail, when the site is deployed already."""
    if publication.email is None and not publication.lists:
        return
    try:
        addressed(publication)
    except AuthorError as error:
        at = key_line(root, "email", error.message.partition(":")[0].removeprefix("email."))
        yield _refused(error, at)
    for name in sorted(publication.lists):
        try:
            seeds(publication, name)
        except AuthorError as error:
            yield _refused(error, key_line(root, f"lists.{name}", "seeds"))


def _refused(error: AuthorError, line: int) -> Finding:
    message, _, mend = error.message.partition("; ")
    return finding("E106", SETTINGS, line, message, mend or "correct it")


def key_line(root: Path, table: str, key: str, index: int = 0) -> int:
    """The line of a key in a table of publication.toml, else of its table, else 0.

    index: of the table, where it is one of an array.
    """
    try:
        lines = (root / SETTINGS).read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError):
        return 0
    inside, begins, seen = not table, 0, -1
    for number, line in enumerate(lines, 1):
        if found := re.match(r"\s*\[\[?\s*([^\]]+?)\s*\]", line):
            seen += found[1] == table
            inside = found[1] == table and seen == index
            begins = number if inside else begins
        elif inside and re.match(rf"\s*{re.escape(key)}\s*=", line):
            return number
    return begins
