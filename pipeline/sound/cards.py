"""The square card of a soundbite: its words, where they are from, and the waveform that fills while they are heard."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.lettering import LEADING, SCALE, Face, cut, fitted

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageDraw import ImageDraw
    from PIL.ImageFont import FreeTypeFont

SIDE, MARGIN = 1080, 80
BARS = 76
BOX = (MARGIN, 770, SIDE - 2 * MARGIN, 130)
"""Left, top, width and height of the waveform."""
LONGEST = 420
"""Letters of a passage that a card shows; the rest is heard."""


@dataclass(frozen=True, slots=True)
class Wording:
    """What a card says: where it is from, the passage, and who it is by."""

    series: str
    unit: str
    words: str
    by: str
    link: str


def card(
    colors: Mapping[str, str], title: Face, label: Face, wording: Wording, levels: Sequence[float]
) -> Image:
    """The card with its waveform unheard."""
    from PIL import Image, ImageDraw

    image = Image.new("RGB", (SIDE * SCALE, SIDE * SCALE), colors["paper"])
    draw = ImageDraw.Draw(image)
    _heading(draw, colors, label, (wording.series, wording.unit))
    words = wording.words
    if len(words) > LONGEST:
        words = words[:LONGEST].rsplit(" ", 1)[0] + " …"
    _quotation(draw, colors, title if title.drawable(words) else label, words)
    bars = Image.new("RGB", (BOX[2] * SCALE, BOX[3] * SCALE), colors["rule"])
    holes = _holes(levels)
    image.paste(bars, (BOX[0] * SCALE, BOX[1] * SCALE), holes)
    _foot(draw, colors, title, label, wording)
    return image.resize((SIDE, SIDE), Image.Resampling.LANCZOS)


def strip(colors: Mapping[str, str], levels: Sequence[float]) -> Image:
    """Paper of the waveform's size with holes where its bars are."""
    from PIL import Image, ImageChops

    paper = Image.new("RGB", (BOX[2] * SCALE, BOX[3] * SCALE), colors["paper"])
    paper.putalpha(ImageChops.invert(_holes(levels)))
    return paper.resize((BOX[2], BOX[3]), Image.Resampling.LANCZOS)


def jpeg(image: Image) -> bytes:
    out = io.BytesIO()
    image.save(out, "JPEG", quality=88, optimize=True)
    return out.getvalue()


def _holes(levels: Sequence[float]) -> Image:
    """The bars of a waveform, white on black."""
    from PIL import Image, ImageDraw

    width, height = BOX[2] * SCALE, BOX[3] * SCALE
    image = Image.new("L", (width, height), 0)
    draw = ImageDraw.Draw(image)
    pitch = width / len(levels)
    thick = pitch * 0.55
    for number, level in enumerate(levels):
        tall = max(thick, level**0.8 * height)
        left = number * pitch + (pitch - thick) / 2
        box = (left, (height - tall) / 2, left + thick, (height + tall) / 2)
        draw.rounded_rectangle(box, radius=thick / 2, fill=255)
    return image


def _heading(draw: ImageDraw, colors: Mapping[str, str], face: Face, parts: Sequence[str]) -> None:
    font, x = face.size(30, weight=600), float(MARGIN)
    for color, part in zip(("accent", "ink"), parts, strict=True):
        words = cut(face.drawable(part), font, (SIDE - MARGIN - x) * SCALE)
        _write(draw, words, x, 112, font, colors[color])
        x += font.getlength(words) / SCALE + 28
    _bar(draw, 138, 5, colors["ink"])
    _bar(draw, 148, 1.5, colors["ink"])


def _quotation(draw: ImageDraw, colors: Mapping[str, str], face: Face, words: str) -> None:
    """The passage as large as it fits, in the middle of the room there is."""
    top, room = 208.0, 500.0
    size, lines = fitted(face, words, SIDE - 2 * MARGIN, room, range(96, 33, -2))
    font, step = face.size(size), size * LEADING * 1.06
    baseline = top + (room - len(lines) * step) / 2 + size * 0.82
    for line in lines:
        _write(draw, line, MARGIN, baseline, font, colors["ink"])
        baseline += step


def _foot(
    draw: ImageDraw, colors: Mapping[str, str], title: Face, label: Face, wording: Wording
) -> None:
    _bar(draw, 946, 1.5, colors["ink"])
    by, link = title.size(38), label.size(25)
    address = cut(label.drawable(wording.link), link, 0.5 * SIDE * SCALE)
    room = (SIDE - 2 * MARGIN - 40) * SCALE - link.getlength(address)
    face = title if title.drawable(wording.by) else label
    _write(draw, cut(face.drawable(wording.by), by, room), MARGIN, 1008, by, colors["ink"])
    right = SIDE - MARGIN - link.getlength(address) / SCALE
    _write(draw, address, right, 1005, link, colors["muted"])


def _write(
    draw: ImageDraw, words: str, x: float, baseline: float, font: FreeTypeFont, color: str
) -> None:
    draw.text((x * SCALE, baseline * SCALE), words, font=font, fill=color, anchor="ls")


def _bar(draw: ImageDraw, y: float, height: float, color: str) -> None:
    box = (MARGIN * SCALE, y * SCALE, (SIDE - MARGIN) * SCALE, (y + height) * SCALE)
    draw.rectangle(box, fill=color)
