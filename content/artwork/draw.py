"""Draws the cover, the favicon and the picture of episode 06: `python content/artwork/draw.py`.

The pictures are under CC BY 4.0 (../LICENSE). Their lettering is Archivo and Newsreader, both under
the SIL Open Font License 1.1 (fonts/OFL.txt). Needs Pillow, and nothing else.
"""

from pathlib import Path
from typing import NamedTuple

from PIL import Image, ImageDraw, ImageFont

HERE = Path(__file__).parent

INK = "#14161a"
PAPER = "#f6f3ec"
SIGNAL = "#d8432b"
SLATE = "#5f7080"
RULE = "#d9dbd6"

# A breath of speech as (credit, debit): what stands above the ground, and what lies beneath it.
SPEECH = [
    *[(20, 12), (42, 30), (30, 52), (66, 36), (48, 78), (92, 50), (60, 96)],
    *[(100, 58), (54, 84), (76, 44), (36, 60), (48, 26), (22, 14)],
]
SYLLABLE = [(48, 30), (84, 72), (60, 100), (100, 46), (40, 64)]

# In the picture of episode 06 a billion dollars is so many pixels wide.
BILLION = 4.8


class Face(NamedTuple):
    """One setting of a variable font; `width` is the optical size in Newsreader."""

    file: str
    weight: int
    width: int

    def at(self, size: float) -> ImageFont.FreeTypeFont:
        """The face at a size in pixels, laid out the same on every machine."""
        font = ImageFont.truetype(
            HERE / "fonts" / self.file, size, layout_engine=ImageFont.Layout.BASIC
        )
        font.set_variation_by_axes([self.weight, self.width])
        return font


POSTER = Face("Archivo.ttf", 900, 62)
NAME = Face("Archivo.ttf", 800, 66)
BOOK = Face("Newsreader.ttf", 450, 18)


def poster(
    canvas: ImageDraw.ImageDraw, word: str, face: Face, box: tuple[int, int, int], colour: str
) -> None:
    """One word whose ink is exactly as broad as its line: left end, baseline and width."""
    left, baseline, width = box
    start, _, end, _ = face.at(1000).getmask(word).getbbox()
    font = face.at(1000 * width / (end - start))
    bearing = font.getmask(word).getbbox()[0] + font.getmask2(word)[1][0]
    canvas.text((left - bearing, baseline), word, fill=colour, font=font, anchor="ls")


def bars(
    canvas: ImageDraw.ImageDraw, box: tuple[int, int, int, int], heights: list[tuple[int, int]]
) -> None:
    """A waveform kept as accounts: credit above the ground in ink, debit below it in red."""
    left, ground, width, unit = box
    pitch = width / (len(heights) - 0.4)
    for place, (credit, debit) in enumerate(heights):
        x = round(left + place * pitch)
        right = round(x + pitch * 0.6) - 1
        canvas.rectangle((x, ground - credit * unit, right, ground - 1), fill=INK)
        canvas.rectangle((x, ground, right, ground + debit * unit), fill=SIGNAL)


def cover() -> Image.Image:
    """The square that stands for the publication in a podcast app, 3000 pixels a side."""
    picture = Image.new("RGB", (3000, 3000), PAPER)
    canvas = ImageDraw.Draw(picture)
    for y in range(1500 - 100, 850, -100):
        canvas.rectangle((0, y, 3000, y + 4), fill=RULE)
    canvas.rectangle((0, 1500, 3000, 3000), fill=INK)
    for y in range(1500 + 100, 2150, 100):
        canvas.rectangle((0, y, 3000, y + 4), fill="#24272d")
    bars(canvas, (200, 1500, 2600, 6), SPEECH)
    poster(canvas, "GROUND", POSTER, (200, 780, 2600), INK)
    poster(canvas, "TRUTH", POSTER._replace(width=80), (200, 2790, 2600), PAPER)
    return picture


def favicon() -> Image.Image:
    """The cover without its words, for a browser's tab."""
    picture = Image.new("RGB", (256, 256), PAPER)
    canvas = ImageDraw.Draw(picture)
    canvas.rectangle((0, 128, 256, 256), fill=INK)
    bars(canvas, (24, 128, 208, 1), SYLLABLE)
    return picture


def company(
    canvas: ImageDraw.ImageDraw, name: str, box: tuple[int, int, int, int], *lines: str
) -> None:
    """A company as a slab of ink, with its name and what should be known of it."""
    left, top, _, _ = box
    canvas.rectangle(box, fill=INK)
    canvas.text((left + 44, top + 152), name, fill=PAPER, font=NAME.at(140), anchor="ls")
    for row, line in enumerate(lines):
        place = (left + 44, top + 250 + row * 76)
        canvas.text(place, line, fill=RULE, font=BOOK.at(62), anchor="ls")


def flow(
    canvas: ImageDraw.ImageDraw, reach: tuple[int, int], y: int, width: float, colour: str
) -> None:
    """A band from one company to another, ending in a point."""
    start, end = reach
    point = max(width / 2, 34) * (1 if end > start else -1)
    left, right = sorted((start, end - point))
    canvas.rectangle((left, y - width / 2, right, y + width / 2), fill=colour)
    canvas.polygon([(end - point, y - point), (end, y), (end - point, y + point)], fill=colour)


def entanglement() -> Image.Image:
    """Who pays whom among the four companies of episode 06, with every band of money to scale."""
    picture = Image.new("RGB", (3200, 1800), PAPER)
    canvas = ImageDraw.Draw(picture)
    for y in range(340, 1800, 80):
        canvas.rectangle((0, y, 3200, y + 3), fill=RULE)
    canvas.text((120, 240), "Who pays whom", fill=INK, font=NAME.at(190), anchor="ls")
    canvas.text((3080, 240), "Ground Truth 06", fill=SLATE, font=NAME.at(76), anchor="rs")

    microsoft = "sells both labs’", "models, and now", "seven of its own"
    company(canvas, "Microsoft", (120, 420, 760, 1620), *microsoft)
    canvas.rectangle((120, 1080, 760, 1620), fill=SLATE)  # 45 per cent of the slab
    company(canvas, "Anthropic", (1440, 420, 2040, 740), "heading for an IPO")
    openai = "raised $110bn", "in March 2026;", "heading for an IPO"
    company(canvas, "OpenAI", (1440, 820, 2040, 1620), *openai)
    company(
        canvas, "Amazon", (2560, 820, 3080, 1620), "a main source", "of computing", "for OpenAI"
    )

    flow(canvas, (760, 1440), 620, 5 * BILLION, SIGNAL)
    flow(canvas, (760, 1440), 980, 13 * BILLION, SIGNAL)
    flow(canvas, (1440, 760), 1350, 24, SLATE)
    flow(canvas, (2560, 2040), 1230, 50 * BILLION, SIGNAL)
    canvas.rectangle((2560, 540, 2760, 540 + 10 * BILLION), fill=SIGNAL)

    figures = NAME.at(160)
    canvas.text((1085, 574), "$5bn", fill=SIGNAL, font=figures, anchor="ms")
    canvas.text((1085, 920), "$13bn", fill=SIGNAL, font=figures, anchor="ms")
    canvas.text((164, 1296), "45%", fill=PAPER, font=figures, anchor="ls")
    canvas.text((2330, 1286), "$50bn", fill=PAPER, font=figures, anchor="ms")

    captions = BOOK.at(62)
    canvas.text((1085, 1126), "$1bn of it in 2019", fill=INK, font=captions, anchor="ms")
    canvas.text((164, 1400), "of its cloud backlog", fill=PAPER, font=captions, anchor="ls")
    canvas.text((164, 1476), "comes from OpenAI", fill=PAPER, font=captions, anchor="ls")
    canvas.text((2300, 1446), "chips for equity,", fill=INK, font=captions, anchor="ms")
    canvas.text((2300, 1526), "March 2026", fill=INK, font=captions, anchor="ms")
    canvas.text((2560, 486), "Bands are to scale:", fill=INK, font=captions, anchor="ls")
    canvas.text((2790, 586), "$10bn", fill=INK, font=captions, anchor="ls")
    return picture.resize((1600, 900), Image.Resampling.LANCZOS)


def main() -> None:
    """Writes every picture beside the text that it belongs to."""
    face = cover()
    face.save(HERE / "cover.png", optimize=True)
    face.resize((1400, 1400), Image.Resampling.LANCZOS).save(
        HERE / "cover-small.jpg", quality=88, optimize=True
    )
    favicon().save(HERE / "favicon.png", optimize=True)
    entanglement().quantize(96, dither=Image.Dither.NONE).save(
        HERE.parent / "06-microsoft-vs-everyone" / "entanglement.png", optimize=True
    )


if __name__ == "__main__":
    main()
