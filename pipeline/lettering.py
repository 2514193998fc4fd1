"""Words set in a picture: in a font of the theme, as large as they fit, in lines of even length."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from pipeline.errors import TemplateError

if TYPE_CHECKING:
    from PIL.ImageFont import FreeTypeFont

SCALE = 2
"""Drawn larger and made smaller, so that slanting strokes are smooth."""
LEADING = 1.04
ELLIPSIS = "…"


@dataclass(frozen=True)
class Face:
    """A font file of the theme, and what it can show."""

    data: bytes
    name: str

    def size(self, pixels: float, weight: int = 0) -> FreeTypeFont:
        """The font at a size of the finished card; letters are set one after the other, the same on every machine."""
        from PIL import ImageFont

        try:
            font = ImageFont.truetype(
                io.BytesIO(self.data), round(pixels * SCALE), layout_engine=ImageFont.Layout.BASIC
            )
        except OSError as error:
            raise TemplateError(
                f"{self.name} is not a font that can be drawn with: {error}"
            ) from error
        if weight:
            self._weigh(font, weight)
        return font

    @staticmethod
    def _weigh(font: FreeTypeFont, weight: int) -> None:
        try:
            font.set_variation_by_axes([weight])
        except (OSError, NotImplementedError):  # a font of one weight keeps it
            return

    @cached_property
    def _probe(self) -> FreeTypeFont:
        return self.size(24)

    @cached_property
    def _absent(self) -> bytes:
        return self._shape("\U0010ffff")

    def _shape(self, letter: str) -> bytes:
        return bytes(self._probe.getmask(letter))

    def drawable(self, text: str) -> str:
        """The words without pictograms that the font lacks; "" where it lacks a letter, or no word is left."""
        shapes = {
            letter: letter.isspace() or self._shape(letter) != self._absent for letter in set(text)
        }
        letters = {letter for letter in text if letter.isalnum()}
        if not letters or not all(shapes[letter] for letter in letters):
            return ""
        return " ".join("".join(letter for letter in text if shapes[letter]).split())


def fitted(
    face: Face, words: str, width: float, room: float, sizes: range
) -> tuple[int, Sequence[str]]:
    """The largest size at which the words fit into the room, and their lines; at the smallest they are cut."""
    width *= SCALE
    for size in sizes:
        font = face.size(size)
        lines = wrapped(words, font, width)
        # A word broken in two is worse than a smaller title.
        if len(lines) * size * LEADING <= room and all(
            font.getlength(w) <= width for w in words.split()
        ):
            return size, _even(words, font, width, len(lines))
    font = face.size(sizes[-1])
    most = int(room // (sizes[-1] * LEADING))
    lines = wrapped(words, font, width)
    if len(lines) > most:
        lines = [*lines[: most - 1], cut(lines[most - 1] + ELLIPSIS, font, width, always=True)]
    return sizes[-1], lines


def _even(words: str, font: FreeTypeFont, width: float, count: int) -> list[str]:
    """The same number of lines, set to the narrowest measure that needs no more of them."""
    low, high = 0.0, width
    while high - low > 8:
        middle = (low + high) / 2
        if (
            len(wrapped(words, font, middle)) <= count
            and max(map(font.getlength, words.split())) <= middle
        ):
            high = middle
        else:
            low = middle
    return wrapped(words, font, high)


def wrapped(words: str, font: FreeTypeFont, width: float) -> list[str]:
    """Lines no wider than the measure; a word wider than that is broken."""
    lines: list[str] = []
    line = ""
    for word in words.split():
        longer = f"{line} {word}" if line else word
        if font.getlength(longer) <= width:
            line = longer
            continue
        lines += [line] if line else []
        while font.getlength(word) > width and len(word) > 1:
            fits = _fitting(word, font, width)
            lines.append(word[:fits])
            word = word[fits:]
        line = word
    return [*lines, line] if line else lines


def _fitting(word: str, font: FreeTypeFont, width: float) -> int:
    """How many letters of a word fit, at least one."""
    low, high = 1, len(word)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if font.getlength(word[:middle]) <= width else (low, middle - 1)
    return low


def cut(words: str, font: FreeTypeFont, width: float, always: bool = False) -> str:
    """The words, or as much of them as fits with an ellipsis behind; `always` for words that end in one."""
    if font.getlength(words) <= width and not always:
        return words
    kept = words.rstrip(ELLIPSIS)
    while kept and font.getlength(kept + ELLIPSIS) > width:
        kept = kept[:-1].rstrip()
    return kept + ELLIPSIS
