"""What files of picture and sound say of themselves, as pages show it."""

from __future__ import annotations

import json
import warnings
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipeline.errors import MediaError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from PIL.Image import Image

    from pipeline.stage import Artifacts

VECTOR = (".svg",)
"""Pictures without pixels: they have no size to tell."""


@dataclass(frozen=True, slots=True)
class Enclosure:
    """The audio of an episode: where it lies below build/site, and what a player says of it.

    duration: seconds. size: bytes. synthetic: a narrator made it, nobody recorded it. alternates: what the audio
    stage says of other forms of it.
    """

    path: str
    duration: float
    size: int
    type: str
    synthetic: bool
    alternates: tuple[Mapping[str, Any], ...] = ()


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
        alternates=tuple(told.get("alternates", ())),
    )


def lighter(pictures: Artifacts, to: Callable[[str], str]) -> dict[str, str]:
    """Of each picture the lighter forms there are, as `srcset` names them: links by `to`, and widths."""
    found = dict[str, list[str]]()
    for made in pictures:
        path = made.path.removeprefix("site/")
        name, width, _ = path.rsplit(".", 2)
        found.setdefault(name.partition("/")[2], []).append(f"{to(path)} {width}w")
    return {name: ", ".join(forms) for name, forms in found.items()}


def picture_size(file: Path) -> tuple[int, int] | None:
    """Width and height in pixels as a browser shows a picture; None for a drawing without pixels.

    Raises MediaError: the file is not a picture.
    """
    from PIL import Image

    if file.suffix.lower() in VECTOR:
        return None
    with picture(file) as opened:
        width, height = opened.size
        # Not opened.getexif(): of a PNG it would decode the whole picture to look behind it.
        turned = (
            Image.Image.getexif(opened).get(0x0112, 1) >= 5
        )  # EXIF orientation: stored lying on its side
    return (height, width) if turned else (width, height)


MOST_PIXELS = 80_000_000
"""What a picture may have: more is a mistake, or meant to fill the memory of who opens it."""


@contextmanager
def picture(file: Path, name: str = "") -> Iterator[Image]:
    """A picture, open to be looked at. Raises MediaError: it is none, is broken, or has too many pixels.

    name: its path below the root, where it is not told by its folder.
    """
    from PIL import Image

    named = name or _below_root(file)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            opened = Image.open(file)
        with opened:
            width, height = opened.size
            if width * height > MOST_PIXELS:
                raise MediaError(
                    f"{named}: {width} × {height} pixels are too many; at most {MOST_PIXELS:,} are allowed"
                )
            yield opened
    except Image.DecompressionBombError as error:
        raise MediaError(
            f"{named}: {error}; at most {MOST_PIXELS:,} pixels are allowed".replace(
                ", could be decompression bomb DOS attack.", ""
            )
        ) from error
    except (OSError, ValueError, SyntaxError, EOFError) as error:
        raise MediaError(
            f"{named} is not a picture that can be shown: "
            f"{str(error).replace(str(file), file.name)}; use a PNG, JPEG, GIF or WebP"
        ) from error


def _below_root(file: Path) -> str:
    parts = file.parts
    if "content" not in parts:
        return f"{file.parent.name}/{file.name}"
    return "/".join(parts[len(parts) - 1 - parts[::-1].index("content") :])
