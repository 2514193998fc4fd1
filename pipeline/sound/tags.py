"""What a file of sound says about itself: title, cover and chapters in order, in ID3v2.3 or as its form has it."""

from __future__ import annotations

import io
import re
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pipeline import media
from pipeline.errors import MediaError, OutsideError
from pipeline.sound.ffmpeg import run

COVER_SIDE, COVER_BYTES = 1400, 300_000
LISTED = 255
"""A table of contents counts its chapters in one byte; players that go by the chapters themselves find all."""


@dataclass(frozen=True, slots=True)
class Chapter:
    """start: seconds from the beginning of the file. url: where it leads. picture: a small JPEG."""

    start: float
    title: str
    url: str = ""
    picture: bytes = b""


@dataclass(frozen=True, slots=True)
class Tags:
    """What is told; `language` as BCP 47 has it, `cover` a JPEG, `guid` the podcast's of the episode."""

    title: str
    artist: str
    album: str
    track: int
    published: datetime
    language: str
    link: str
    copyright: str = ""
    comment: str = ""
    subtitle: str = ""
    series: str = ""
    season: int | None = None
    summary: str = ""
    feed: str = ""
    guid: str = ""
    keywords: tuple[str, ...] = ()
    cover: bytes = b""
    chapters: tuple[Chapter, ...] = ()
    seconds: float = 0.0


def tagged(file: Path, tags: Tags) -> None:
    """Put the tags before the sound of an MP3 that has none (ID3v2.3; chapters by the ID3v2 Chapter Frame Addendum)."""
    from mutagen import MutagenError, id3

    frames = id3.ID3()
    for frame in _texts(tags):
        frames.add(frame)
    if tags.cover:
        frames.add(id3.APIC(0, "image/jpeg", id3.PictureType.COVER_FRONT, "", tags.cover))
    for frame in _chapter_frames(tags.chapters, tags.seconds):
        frames.add(frame)
    frames.update_to_v23()
    try:
        frames.save(file, v1=0, v2_version=3, padding=lambda _: 0)
    except MutagenError as error:  # it wraps what the disk says
        raise OutsideError(f"{file.name}: its tags cannot be written: {error}") from error
    _put_in_order(file)


def _texts(tags: Tags) -> list[object]:
    from mutagen import id3

    utf16 = id3.Encoding.UTF16
    language = LANGUAGES.get(tags.language.partition("-")[0].lower(), "und")
    texts: list[object] = [
        id3.TIT2(utf16, tags.title),
        id3.TPE1(utf16, tags.artist),
        id3.TALB(utf16, tags.album),
        id3.TRCK(utf16, str(tags.track)),
        id3.TDRC(utf16, f"{tags.published:%Y-%m-%dT%H:%M:%S}"),
        id3.TLAN(utf16, language),
        id3.TCON(utf16, "Podcast"),
        id3.WOAF(tags.link),
    ]
    others = {
        id3.TIT1: tags.series,
        id3.TIT3: tags.subtitle,
        id3.TPOS: str(tags.season or ""),
        id3.TDES: tags.summary,
        id3.TGID: tags.guid,
        id3.TKWD: ", ".join(tags.keywords),
        id3.WFED: tags.feed,
    }
    texts += [frame(utf16, words) for frame, words in others.items() if words]
    texts.append(id3.PCST(1))  # a podcast, to the players that ask
    if tags.copyright:
        texts.append(
            id3.TCOP(utf16, tags.copyright.removeprefix("©").strip())
        )  # it begins with a year
    if tags.comment:
        texts.append(id3.COMM(utf16, language if language != "und" else "XXX", "", tags.comment))
    return texts


def _chapter_frames(chapters: Sequence[Chapter], seconds: float) -> list[object]:
    from mutagen import id3

    if not chapters:
        return []
    digits = max(3, len(str(len(chapters) - 1)))  # names sort as the chapters are heard
    names = [f"chp{number:0{digits}}" for number in range(len(chapters))]
    top = id3.CTOCFlags.TOP_LEVEL | id3.CTOCFlags.ORDERED
    frames: list[object] = [id3.CTOC("toc", top, names[:LISTED], [])]
    ends = [chapter.start for chapter in chapters[1:]] + [seconds]
    unknown = 0xFFFFFFFF
    for name, chapter, end in zip(names, chapters, ends, strict=True):
        start, stop = round(chapter.start * 1000), round(end * 1000)
        frames.append(id3.CHAP(name, start, stop, unknown, unknown, _shown(chapter)))
    return frames


def _shown(chapter: Chapter) -> list[object]:
    from mutagen import id3

    shown: list[object] = [id3.TIT2(id3.Encoding.UTF16, chapter.title)]
    if chapter.url:
        shown.append(id3.WXXX(id3.Encoding.LATIN1, "", chapter.url))
    if chapter.picture:
        other = id3.PictureType.OTHER
        shown.append(id3.APIC(id3.Encoding.LATIN1, "image/jpeg", other, "", chapter.picture))
    return shown


def _put_in_order(file: Path) -> None:
    """Chapters last and by name: mutagen writes short frames first, and players list chapters as they lie."""
    with file.open("r+b") as opened:
        head = opened.read(10)
        size = sum(
            (byte & 0x7F) << shift for byte, shift in zip(head[6:], (21, 14, 7, 0), strict=True)
        )
        frames = sorted(_frames(opened.read(size)), key=_place)
        opened.seek(10)
        opened.write(b"".join(frames))


def _frames(tag: bytes) -> list[bytes]:
    found, at = list[bytes](), 0
    while at < len(tag):
        end = at + 10 + int.from_bytes(tag[at + 4 : at + 8], "big")
        found.append(tag[at:end])
        at = end
    return found


def _place(frame: bytes) -> tuple[int, bytes]:
    kind = frame[:4]
    return (2, frame[10:].split(b"\0")[0]) if kind == b"CHAP" else (kind == b"CTOC", b"")


def cover(picture: Path, name: str) -> bytes:
    """A picture as a square JPEG of 1400 px and at most 300 kB. Raises MediaError where it is no picture."""
    from PIL import Image

    with media.picture(picture, name) as opened:
        whole = opened.convert("RGB")
    for side in (
        COVER_SIDE,
        COVER_SIDE // 2,
        COVER_SIDE // 4,
    ):  # smaller only for what is all noise
        square = whole.resize((side, side), Image.Resampling.LANCZOS)
        for quality in range(90, 30, -10):
            jpeg = io.BytesIO()
            square.save(jpeg, "JPEG", quality=quality, optimize=True)
            if jpeg.tell() <= COVER_BYTES:
                return jpeg.getvalue()
    raise MediaError(f"{name}: it cannot be made smaller than {COVER_BYTES} bytes")


CHAPTER_SIDE, CHAPTER_BYTES = 600, 60_000


def chapter_picture(picture: Path, name: str) -> bytes:
    """A picture as a JPEG of at most 600 px and 60 kB, for the chapter that it stands in."""
    from PIL import Image, ImageOps

    with media.picture(picture, name) as opened:
        upright = ImageOps.exif_transpose(opened).convert("RGBA")
    white = Image.new("RGBA", upright.size, "white")
    whole = Image.alpha_composite(white, upright).convert("RGB")
    for side in (CHAPTER_SIDE, CHAPTER_SIDE // 2):
        small = ImageOps.contain(whole, (side, side), Image.Resampling.LANCZOS)
        for quality in range(85, 25, -10):
            jpeg = io.BytesIO()
            small.save(jpeg, "JPEG", quality=quality, optimize=True)
            if jpeg.tell() <= CHAPTER_BYTES:
                return jpeg.getvalue()
    raise MediaError(f"{name}: it cannot be made smaller than {CHAPTER_BYTES} bytes")


def described(file: Path, form: str, tags: Tags, to: Path) -> None:
    """Copy an Opus or M4A file, its sound untouched, with the same tags, chapters and cover ("opus", "aac")."""
    from mutagen import MutagenError

    notes = to.with_suffix(".notes")
    # ffmpeg rounds the seconds of chapters that it writes into Ogg, so those are written afterwards.
    notes.write_text(_notes(tags, () if form == "opus" else tags.chapters), "utf-8")
    muxer = ["-f", "ogg"] if form == "opus" else ["-movflags", "+faststart", "-f", "mp4"]
    exact = ["-fflags", "+bitexact", "-flags:a", "+bitexact"]
    run(
        [
            *("-i", f"file:{file}", "-f", "ffmetadata", "-i", f"file:{notes}", "-map", "0:a"),
            *("-map_metadata", "1", "-map_chapters", "1", "-c", "copy", *exact, *muxer),
            f"file:{to}",
        ],
        to.name,
    )
    try:
        _finished_opus(to, tags) if form == "opus" else _finished_m4a(to, tags)
    except MutagenError as error:
        raise OutsideError(f"{to.name}: its tags cannot be written: {error}") from error


def _notes(tags: Tags, chapters: Sequence[Chapter]) -> str:
    """Tags and chapters as ffmpeg's metadata files have them."""
    told = {
        "title": tags.title,
        "artist": tags.artist,
        "album": tags.album,
        "grouping": tags.series,
        "track": str(tags.track),
        "date": f"{tags.published:%Y-%m-%d}",
        "language": LANGUAGES.get(tags.language.partition("-")[0].lower(), "und"),
        "genre": "Podcast",
        "copyright": tags.copyright,
        "comment": tags.comment,
    }
    lines = [";FFMETADATA1", *(f"{name}={_plain(said)}" for name, said in told.items() if said)]
    ends = [chapter.start for chapter in chapters[1:]] + [tags.seconds]
    for chapter, end in zip(chapters, ends, strict=bool(chapters)):
        span = f"START={round(chapter.start * 1000)}\nEND={round(end * 1000)}"
        lines.append(f"[CHAPTER]\nTIMEBASE=1/1000\n{span}\ntitle={_plain(chapter.title)}")
    return "\n".join(lines) + "\n"


def _plain(said: str) -> str:
    return re.sub(r"([=;#\\\n])", r"\\\1", said)


def _finished_m4a(file: Path, tags: Tags) -> None:
    from mutagen import mp4

    opened = mp4.MP4(file)
    if tags.cover:
        opened["covr"] = [mp4.MP4Cover(tags.cover, mp4.MP4Cover.FORMAT_JPEG)]
    opened.save()


def _finished_opus(file: Path, tags: Tags) -> None:
    """Cover and chapters as comments (CHAPTER001=00:01:02.345, CHAPTER001NAME=…)."""
    from mutagen import flac, oggopus

    opened = oggopus.OggOpus(file)
    for number, chapter in enumerate(tags.chapters, 1):
        opened[f"chapter{number:03}"] = [_moment(chapter.start)]
        opened[f"chapter{number:03}name"] = [chapter.title]
    if tags.cover:
        picture = flac.Picture()
        picture.type, picture.mime, picture.data = 3, "image/jpeg", tags.cover
        picture.width = picture.height = COVER_SIDE
        picture.depth = 24
        opened["metadata_block_picture"] = [b64encode(picture.write()).decode("ascii")]
    opened.save()


def _moment(seconds: float) -> str:
    milliseconds = round(seconds * 1000)
    minutes, rest = divmod(milliseconds, 60_000)
    return f"{minutes // 60:02}:{minutes % 60:02}:{rest // 1000:02}.{rest % 1000:03}"


LANGUAGES = {
    "ar": "ara", "bg": "bul", "ca": "cat", "cs": "cze", "cy": "wel", "da": "dan", "de": "ger", "el": "gre",
    "en": "eng", "es": "spa", "et": "est", "fa": "per", "fi": "fin", "fr": "fre", "ga": "gle", "he": "heb",
    "hi": "hin", "hr": "hrv", "hu": "hun", "id": "ind", "is": "ice", "it": "ita", "ja": "jpn", "ko": "kor",
    "lt": "lit", "lv": "lav", "nb": "nob", "nl": "dut", "no": "nor", "pl": "pol", "pt": "por", "ro": "rum",
    "ru": "rus", "sk": "slo", "sl": "slv", "sr": "srp", "sv": "swe", "th": "tha", "tr": "tur", "uk": "ukr",
    "ur": "urd", "vi": "vie", "zh": "chi",
}  # fmt: skip
"""ISO 639-1 to the ISO 639-2 codes that ID3 asks for."""
