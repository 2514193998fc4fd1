"""What files of picture and sound say of themselves, as pages show it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.errors import MediaError

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.stage import Artifacts

VECTOR = (".svg",)
"""Pictures without pixels: they have no size to tell."""


@dataclass(frozen=True, slots=True)
class Enclosure:
    """The audio of an episode: where it lies below build/site, and what a player says of it.

    duration: seconds. size: bytes. synthetic: a narrator made it, nobody recorded it.
    """

    path: str
    duration: float
    size: int
    type: str
    synthetic: bool


def enclosure(audio: Artifacts) -> Enclosure | None:
    """What the audio stage made for an episode, if it made anything."""
    sound, figures = audio.ending(".mp3"), audio.ending(".json")
    if sound is None or figures is None:
        return None
    told = json.loads(figures.text())
    return Enclosure(
        path=sound.path.removeprefix("site/"),
        duration=float(told["duration"]),
        size=int(told["size"]),
        type=told.get("type", "audio/mpeg"),
        synthetic=told.get("source") == "narration",
    )


def picture_size(file: Path) -> tuple[int, int] | None:
    """Width and height in pixels as a browser shows a picture; None for a drawing without pixels.

    Raises MediaError: the file is not a picture.
    """
    from PIL import Image, UnidentifiedImageError

    if file.suffix.lower() in VECTOR:
        return None
    try:
        with Image.open(file) as picture:
            width, height = picture.size
            turned = (
                picture.getexif().get(0x0112, 1) >= 5
            )  # EXIF orientation: stored lying on its side
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError) as error:
        raise MediaError(
            f"{file.parent.name}/{file.name} is not a picture that can be shown: {error}"
        ) from error
    return (height, width) if turned else (width, height)
