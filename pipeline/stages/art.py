"""The picture that a link to an episode shows where it is shared."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from pipeline import media
from pipeline.lettering import ELLIPSIS, LEADING, SCALE, Face, cut, fitted, wrapped
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
SHADES = 24
LARGEST, SMALLEST, STEP = 124, 48, 4
CAPITALS = 0.72
"""How far a capital stands above the baseline, as a share of the size; near enough for every face."""
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
            words = cut(face.drawable(part), font, (WIDTH - MARGIN - x) * SCALE)
            self._write(words, x, 87, font, color)
            x += font.getlength(words) / SCALE + 26
        self._bar(MARGIN, 108, WIDTH - 2 * MARGIN, 5)
        self._bar(MARGIN, 117, WIDTH - 2 * MARGIN, 1.5)

    def title(self, face: Face, words: str, subtitle: str) -> None:
        """The title as large as it fits, its lines of even length, and the subtitle where there is room for it."""
        top, room = 156.0, 330.0
        size, lines = fitted(
            face, words, WIDTH - 2 * MARGIN, room, range(LARGEST, SMALLEST - 1, -STEP)
        )
        font = face.size(size)
        for number, line in enumerate(lines):
            baseline = top + (CAPITALS + number * LEADING) * size
            self._write(line, MARGIN - size * 0.03, baseline, font, "ink")
        top += len(lines) * size * LEADING + 34
        small = face.size(37)
        fitting = wrapped(subtitle, small, (WIDTH - 2 * MARGIN) * SCALE)
        for line in fitting if top + len(fitting) * 46 <= 156 + room else ():
            self._write(line, MARGIN, top + 20, small, "muted")
            top += 46

    def foot(self, face: Face, words: str) -> None:
        font = face.size(36)
        self._bar(MARGIN, 526, WIDTH - 2 * MARGIN, 1.5)
        self._write(cut(words, font, 0.55 * WIDTH * SCALE), MARGIN, 584, font, "ink")

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
        from PIL import Image

        side = HEIGHT - 2 * MARGIN - 60
        with media.picture(file) as picture:
            square = picture.convert("RGB").resize(
                (side * SCALE, side * SCALE), Image.Resampling.LANCZOS
            )
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
