"""The picture that a link to an episode shows where it is shared."""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from pipeline.errors import MediaError, TemplateError
from pipeline.stage import Artifact, Files, stage

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from PIL.Image import Image
    from PIL.ImageDraw import ImageDraw
    from PIL.ImageFont import FreeTypeFont

    from pipeline.model import Listing, Publication
    from pipeline.templates import Templates

WIDTH, HEIGHT, MARGIN = 1200, 630, 72
SCALE = 2
"""Drawn larger and made smaller, so that slanting strokes are smooth."""
SHADES = 24
LARGEST, SMALLEST, STEP = 124, 48, 4
LEADING = 1.04
CAPITALS = 0.72
"""How far a capital stands above the baseline, as a share of the size; near enough for every face."""
ELLIPSIS = "…"
LONGEST = 300
"""Letters of a title that are looked at; no card has room for more."""
TALLIED = 30
"""Up to here an episode's number is shown in strokes, beyond it in digits alone."""


@stage(per="episode", libraries=("pillow",))
def art(
    publication: Publication, listing: Listing, templates: Templates, files: Files
) -> Iterator[Artifact]:
    """The episode's social card: where it belongs, its title, and its number in strokes."""
    theme = templates.theme
    card = Card(theme["colors"])
    title = Face(templates.asset(theme["card"]["title"]), theme["card"]["title"])
    label = Face(templates.asset(theme["card"]["label"]), theme["card"]["label"])
    long = len(listing.title) > LONGEST
    written = listing.title[: LONGEST - 1] + ELLIPSIS if long else listing.title
    title = title if title.drawable(written) else label
    words = title.drawable(written)
    card.heading(label, _kicker(publication, listing))
    if words:
        card.title(title, words, title.drawable(listing.subtitle))
        card.foot(title, title.drawable(_signature(publication)))
        card.tally(listing.number if listing.type == "full" else 0)
    else:
        card.cover(files(publication.podcast.artwork))
    yield Artifact(f"site/{listing.slug}/card.png", card.png())


def _kicker(publication: Publication, listing: Listing) -> Sequence[str]:
    if listing.type == "full":
        return publication.series.name, f"{publication.series.unit} {listing.number:02d}"
    return publication.series.name, listing.type.capitalize()


def _signature(publication: Publication) -> str:
    """Who signs the card: the publication, or where it lives if its name stands at the top already."""
    if publication.title != publication.series.name:
        return publication.title
    return publication.url.partition("://")[2].rstrip("/")


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


class Card:
    """A sheet of the theme's paper, drawn on from top to bottom."""

    image: Image
    draw: ImageDraw

    def __init__(self, colors: Mapping[str, str]) -> None:
        from PIL import Image, ImageDraw

        self.colors = colors
        self.pictured = False
        self.image = Image.new("RGB", (WIDTH * SCALE, HEIGHT * SCALE), colors["paper"])
        self.draw = ImageDraw.Draw(self.image)

    def heading(self, face: Face, parts: Sequence[str]) -> None:
        """The first line, and under it the double rule."""
        font, x = face.size(27, weight=600), float(MARGIN)
        for color, part in zip(("accent", "ink", "muted"), parts, strict=False):
            words = _cut(face.drawable(part), font, (WIDTH - MARGIN - x) * SCALE)
            self._write(words, x, 87, font, color)
            x += font.getlength(words) / SCALE + 26
        self._bar(MARGIN, 108, WIDTH - 2 * MARGIN, 5)
        self._bar(MARGIN, 117, WIDTH - 2 * MARGIN, 1.5)

    def title(self, face: Face, words: str, subtitle: str) -> None:
        """The title as large as it fits, its lines of even length, and the subtitle where there is room for it."""
        top, room = 156.0, 330.0
        size, lines = _set(face, words, room)
        font = face.size(size)
        for number, line in enumerate(lines):
            baseline = top + (CAPITALS + number * LEADING) * size
            self._write(line, MARGIN - size * 0.03, baseline, font, "ink")
        top += len(lines) * size * LEADING + 34
        small = face.size(37)
        fitting = _wrapped(subtitle, small, (WIDTH - 2 * MARGIN) * SCALE)
        for line in fitting if top + len(fitting) * 46 <= 156 + room else ():
            self._write(line, MARGIN, top + 20, small, "muted")
            top += 46

    def foot(self, face: Face, words: str) -> None:
        font = face.size(36)
        self._bar(MARGIN, 526, WIDTH - 2 * MARGIN, 1.5)
        self._write(_cut(words, font, 0.55 * WIDTH * SCALE), MARGIN, 584, font, "ink")

    def tally(self, number: int) -> None:
        """The number as strokes in fives, right of the foot; the newest group in the signal colour."""
        if not 0 < number <= TALLIED:
            return
        groups = [min(5, number - first) for first in range(0, number, 5)]
        x = (
            WIDTH
            - MARGIN
            - sum((min(count, 4) - 1) * 15 for count in groups)
            - 38 * (len(groups) - 1)
        )
        for place, count in enumerate(groups, 1):
            color = "signal" if place == len(groups) else "ink"
            for stroke in range(min(count, 4)):
                self._stroke(x + stroke * 15, 548, x + stroke * 15, 592, color)
            if count == 5:
                self._stroke(x - 11, 586, x + 56, 554, color)
            x += (min(count, 4) - 1) * 15 + 38

    def cover(self, file: Path) -> None:
        """The publication's artwork, for titles in letters that the theme's font does not have."""
        from PIL import Image, UnidentifiedImageError

        side = HEIGHT - 2 * MARGIN - 60
        try:
            with Image.open(file) as picture:
                square = picture.convert("RGB").resize(
                    (side * SCALE, side * SCALE), Image.Resampling.LANCZOS
                )
        except (UnidentifiedImageError, OSError, ValueError) as error:
            raise MediaError(f"{file.parent.name}/{file.name} is not a picture: {error}") from error
        self.pictured = True
        self.image.paste(square, ((WIDTH - side) // 2 * SCALE, 152 * SCALE))

    def png(self) -> bytes:
        """The card at its own size, in few colours."""
        from PIL import Image

        small = self.image.resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS)
        few = (
            small.quantize(256)
            if self.pictured
            else small.quantize(palette=self._inks(), dither=Image.Dither.NONE)
        )
        out = io.BytesIO()
        few.save(out, "PNG", optimize=True)
        return out.getvalue()

    def _inks(self) -> Image:
        """The palette: every colour that is drawn with, and its shades towards the paper."""
        from PIL import Image, ImageColor

        paper = ImageColor.getrgb(self.colors["paper"])
        palette = [
            round(a + (b - a) * shade / (SHADES - 1))
            for name in ("ink", "accent", "muted", "signal")
            for shade in range(SHADES)
            for a, b in zip(paper, ImageColor.getrgb(self.colors[name]), strict=False)
        ]
        inks = Image.new("P", (1, 1))
        inks.putpalette(palette)
        return inks

    def _write(self, words: str, x: float, baseline: float, font: FreeTypeFont, color: str) -> None:
        at = x * SCALE, baseline * SCALE
        self.draw.text(at, words, font=font, fill=self.colors[color], anchor="ls")

    def _bar(self, x: float, y: float, width: float, height: float) -> None:
        box = (x * SCALE, y * SCALE, (x + width) * SCALE, (y + height) * SCALE)
        self.draw.rectangle(box, fill=self.colors["ink"])

    def _stroke(self, *ends: Any) -> None:
        *points, color = ends
        self.draw.line(
            [value * SCALE for value in points], fill=self.colors[color], width=6 * SCALE
        )


def _set(face: Face, words: str, room: float) -> tuple[int, Sequence[str]]:
    """The largest size at which the words fit into the room, and their lines; at the smallest they are cut."""
    width = (WIDTH - 2 * MARGIN) * SCALE
    for size in range(LARGEST, SMALLEST - 1, -STEP):
        font = face.size(size)
        lines = _wrapped(words, font, width)
        # A word broken in two is worse than a smaller title.
        if len(lines) * size * LEADING <= room and all(
            font.getlength(w) <= width for w in words.split()
        ):
            return size, _even(words, font, width, len(lines))
    font = face.size(SMALLEST)
    most = int(room // (SMALLEST * LEADING))
    lines = _wrapped(words, font, width)
    if len(lines) > most:
        lines = [*lines[: most - 1], _cut(lines[most - 1] + ELLIPSIS, font, width, always=True)]
    return SMALLEST, lines


def _even(words: str, font: FreeTypeFont, width: float, count: int) -> list[str]:
    """The same number of lines, set to the narrowest measure that needs no more of them."""
    low, high = 0.0, width
    while high - low > 8:
        middle = (low + high) / 2
        if (
            len(_wrapped(words, font, middle)) <= count
            and max(map(font.getlength, words.split())) <= middle
        ):
            high = middle
        else:
            low = middle
    return _wrapped(words, font, high)


def _wrapped(words: str, font: FreeTypeFont, width: float) -> list[str]:
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


def _cut(words: str, font: FreeTypeFont, width: float, always: bool = False) -> str:
    """The words, or as much of them as fits with an ellipsis behind; `always` for words that end in one."""
    if font.getlength(words) <= width and not always:
        return words
    kept = words.rstrip(ELLIPSIS)
    while kept and font.getlength(kept + ELLIPSIS) > width:
        kept = kept[:-1].rstrip()
    return kept + ELLIPSIS
