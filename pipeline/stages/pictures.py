"""An episode's pictures, lighter: what a browser that knows AVIF fetches instead of the author's files."""

from __future__ import annotations

import hashlib
from functools import partial
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from pipeline import media
from pipeline.stage import Artifact, Files, Shelf, stage

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pipeline.model import Episode, Listing

WIDTHS = (900, 1200, 2400)
"""Pixels: a plain screen's, a telephone's, and a large screen's."""
KINDS = (".png", ".jpg", ".jpeg", ".webp")
QUALITY, SPEED, COLOURS = 40, 8, "4:4:4"
"""Of AVIF: with all their colours kept, letters in a diagram stay sharp; a slower encoder spares a tenth at most."""


@stage(per="episode", libraries=("pillow",))
def pictures(listing: Listing, episode: Episode, files: Files, kept: Shelf) -> Iterator[Artifact]:
    """Each picture at the widths that screens ask for, where that is lighter than the picture itself."""
    for name in episode.files:
        if PurePosixPath(name).suffix.lower() in KINDS:
            file = files(f"content/{listing.slug}/{name}")
            for width in _widths(file):
                made = _lighter(file, width, kept)
                if made.stat().st_size < file.stat().st_size:
                    yield Artifact(f"site/{listing.slug}/{name}.{width}.avif", made)


def _widths(file: Path) -> Iterator[int]:
    """As wide as it is, or as the largest screen asks; and narrower, where that makes a difference."""
    size = media.picture_size(file)
    if size:
        widest = min(size[0], WIDTHS[-1])
        yield from (width for width in WIDTHS if width < widest * 0.9)
        yield widest


def _lighter(file: Path, width: int, kept: Shelf) -> Path:
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    return kept(f"avif {QUALITY} {SPEED} {COLOURS} {width} {digest}", partial(_encode, file, width))


def _encode(file: Path, width: int, to: Path) -> None:
    from PIL import Image, ImageOps

    with media.picture(file) as opened:
        upright = ImageOps.exif_transpose(opened)
        picture = upright.convert("RGBA" if upright.has_transparency_data else "RGB")
        if picture.width != width:
            height = max(1, round(picture.height * width / picture.width))
            picture = picture.resize((width, height), Image.Resampling.LANCZOS)
        # One thread: several cut the picture into as many tiles, and the bytes would follow the machine.
        picture.save(to, "AVIF", quality=QUALITY, speed=SPEED, subsampling=COLOURS, max_threads=1)
