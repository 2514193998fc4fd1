"""Tags and captions are what independent readers find in them."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from io import BytesIO
from itertools import pairwise
from pathlib import Path

import pytest
import webvtt
from mutagen import MutagenError
from mutagen.id3 import ID3
from PIL import Image

from pipeline import media
from pipeline.errors import MediaError, OutsideError
from pipeline.sound.captions import Caption, srt, transcript_json, vtt
from pipeline.sound.ffmpeg import run
from pipeline.sound.tags import Chapter, Tags, cover, tagged
from pipeline.stages.art import Card
from tests.publications import png
from tests.sounds import ffmpeg, speech_like

CHAPTERS = (
    Chapter(0.0, "A first chapter with a long title, so that it would be sorted last"),
    Chapter(1.0, "B"),
    Chapter(2.5, "Übergang & Größe"),
    Chapter(3.0, "D"),
)
TAGS = Tags(
    title="Größe – 規模",
    artist="Ada Example",
    album="Small Letter",
    track=6,
    published=datetime(2026, 6, 3, 8, tzinfo=UTC),
    language="en-GB",
    link="https://small.example/06/",
    copyright="© 2026 Ada Example",
    comment="What it says.\n\nNarrated by a synthetic voice.",
    chapters=CHAPTERS,
    seconds=4.0,
)


@pytest.fixture
def mp3(tmp_path: Path) -> Path:
    return speech_like(tmp_path / "a.mp3", 4, -12, "-id3v2_version", "0")


def test_mutagen_reads_every_tag_back(mp3: Path) -> None:
    picture = cover(_picture(mp3.parent), "cover.png")
    tagged(mp3, replace(TAGS, cover=picture))
    found = ID3(mp3)
    assert found.version == (2, 3, 0)
    expected = {
        "TIT2": "Größe – 規模",
        "TPE1": "Ada Example",
        "TALB": "Small Letter",
        "TRCK": "6",
        "TLAN": "eng",
        "TCOP": "2026 Ada Example",
        "TDRC": "2026-06-03",
        "COMM::eng": TAGS.comment,
    }
    assert {name: str(found[name]) for name in expected} == expected
    assert found["APIC:"].data == picture
    assert found["WOAF"].url == TAGS.link
    assert found["CTOC:toc"].child_element_ids == ["chp000", "chp001", "chp002", "chp003"]


def test_chapters_lie_in_the_file_in_the_order_they_are_heard(mp3: Path) -> None:
    tagged(mp3, TAGS)
    lying = re.findall(rb"CHAP.{6}(chp\d{3})", mp3.read_bytes(), re.S)
    assert lying == [b"chp000", b"chp001", b"chp002", b"chp003"]


def test_ffmpeg_lists_the_chapters_and_still_hears_the_sound(mp3: Path) -> None:
    tagged(mp3, TAGS)
    said = ffmpeg("-i", mp3, "-f", "null", "-").partition("Output #0")[0]
    listed = re.findall(
        r"Chapter #0:\d: start (\S+), end (\S+)\n\s+Metadata:\n\s+title\s+: (.*)", said
    )
    ends = [1.0, 2.5, 3.0, 4.0]
    assert [(float(a), float(b), t) for a, b, t in listed] == [
        (chapter.start, end, chapter.title) for chapter, end in zip(CHAPTERS, ends, strict=True)
    ]


@pytest.mark.parametrize("count", [300, 1100])
def test_more_chapters_than_a_table_of_contents_holds_are_all_in_the_file(
    count: int, mp3: Path
) -> None:
    many = tuple(Chapter(number * 4 / count, f"H {number}") for number in range(count))
    tagged(mp3, replace(TAGS, chapters=many))
    found = ID3(mp3)
    assert len(found["CTOC:toc"].child_element_ids) == 255
    assert len(found.getall("CHAP")) == count
    said = ffmpeg("-i", mp3, "-f", "null", "-").partition("Output #0")[0]
    assert re.findall(r"title\s+: (H \d+)", said) == [chapter.title for chapter in many]


def test_a_full_disk_is_no_fault_of_the_sound(mp3: Path) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("this system has no device that is always full")
    with pytest.raises(OutsideError, match="no space is left"):
        run(["-i", f"file:{mp3}", "-f", "wav", f"file:{full}"], "a.mp3")


def test_tags_that_cannot_be_written_are_no_fault_of_the_sound(
    mp3: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise MutagenError(OSError(28, "No space left on device"))

    monkeypatch.setattr(ID3, "save", full)
    with pytest.raises(OutsideError, match="No space left"):
        tagged(mp3, TAGS)


def test_the_same_tags_are_the_same_bytes(tmp_path: Path) -> None:
    files = [
        speech_like(tmp_path / name, 1, -12, "-id3v2_version", "0") for name in ("a.mp3", "b.mp3")
    ]
    for file in files:
        tagged(file, TAGS)
    assert files[0].read_bytes() == files[1].read_bytes()


def test_a_cover_is_made_small_enough_and_square(tmp_path: Path) -> None:
    jpeg = cover(_picture(tmp_path), "cover.png")
    assert len(jpeg) <= 300_000
    with Image.open(BytesIO(jpeg)) as opened:
        assert (opened.format, opened.size, opened.mode) == ("JPEG", (1400, 1400), "RGB")


def test_a_noisy_cover_is_made_small_enough_too(tmp_path: Path) -> None:
    Image.effect_noise((1500, 1500), 90).save(tmp_path / "noise.png")
    assert len(cover(tmp_path / "noise.png", "noise.png")) <= 300_000


@pytest.mark.parametrize(
    ("side", "told"), [(10_000, "10000 × 10000"), (20_000, "400000000 pixels")]
)
def test_a_picture_of_too_many_pixels_is_refused_by_name(
    side: int, told: str, tmp_path: Path
) -> None:
    file = tmp_path / "content/artwork/cover.png"
    file.parent.mkdir(parents=True)
    Image.new("1", (side, side)).save(file)
    for look in (media.picture_size, lambda file: cover(file, "content/artwork/cover.png")):
        with pytest.raises(MediaError, match=r"^content/artwork/cover\.png: ") as refused:
            look(file)
        assert told in str(refused.value)
        assert "at most 80,000,000" in str(refused.value)
    with pytest.raises(MediaError, match="at most 80,000,000"):
        Card({"paper": "#ffffff"}).cover(file)


@pytest.mark.parametrize(
    ("mode", "size", "form"),
    [
        ("RGB", (10, 10), "PNG"),
        ("CMYK", (40, 20), "JPEG"),
        ("P", (30, 30), "GIF"),
        ("LA", (1, 90), "PNG"),
    ],
)
def test_any_picture_makes_a_cover(
    mode: str, size: tuple[int, int], form: str, tmp_path: Path
) -> None:
    Image.new(mode, size).save(tmp_path / "cover.png", form)
    with Image.open(BytesIO(cover(tmp_path / "cover.png", "cover.png"))) as opened:
        assert (opened.size, opened.mode) == ((1400, 1400), "RGB")
    assert media.picture_size(tmp_path / "cover.png") == size
    Card({"paper": "#ffffff"}).cover(tmp_path / "cover.png")


def test_a_picture_cut_short_is_refused_by_name(tmp_path: Path) -> None:
    whole = _picture(tmp_path).read_bytes()
    (tmp_path / "cover.png").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(MediaError, match=r"^content/artwork/cover\.png"):
        cover(tmp_path / "cover.png", "content/artwork/cover.png")


def test_what_is_no_picture_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "cover.png").write_text("not a picture")
    with pytest.raises(MediaError, match=r"^content/artwork/cover\.png"):
        cover(tmp_path / "cover.png", "content/artwork/cover.png")


LONG = (
    "This sentence goes on & on <for ever>, with one very long address, "
    "https://example.com/a/path/that/does/not/fit/into/thirty-two/columns, and more words after it."
)
CAPTIONS = [
    Caption(1.0, 2.5, "A short one.", "Narrator"),
    Caption(2.85, 12.85, LONG, "Quotation"),
    Caption(3700.0, 3701.2345, "An hour later --> done.", "Narrator"),
]


def test_webvtt_is_read_back_with_voices_times_and_words() -> None:
    read = webvtt.from_buffer(BytesIO(vtt(CAPTIONS).encode()))
    assert read[0].text == "A short one."
    assert (read[0].voice, read[1].voice) == ("Narrator", "Quotation")
    assert (read[0].start, read[0].end) == ("00:00:01.000", "00:00:02.500")
    assert (read[-1].start, read[-1].end) == ("01:01:40.000", "01:01:41.234")
    assert all(len(line) <= 65 for cue in read for line in cue.text.splitlines())
    assert all(len(cue.text.splitlines()) <= 2 for cue in read)


def test_subrip_is_read_back_in_two_short_lines_a_cue() -> None:
    read = webvtt.from_buffer(BytesIO(srt(CAPTIONS).encode()), format="srt")
    assert all(len(line) <= 32 for cue in read for line in cue.text.splitlines())
    assert all(len(cue.text.splitlines()) <= 2 for cue in read)
    said = "".join(cue.text for cue in read).replace("\n", "").replace(" ", "")
    assert said == "".join(c.text for c in CAPTIONS).translate({60: "‹", 62: "›", 32: ""})


def test_a_sentence_that_is_cut_keeps_its_beginning_and_end() -> None:
    read = webvtt.from_buffer(BytesIO(vtt(CAPTIONS).encode()))[1:-1]
    assert (read[0].start, read[-1].end) == ("00:00:02.850", "00:00:12.850")
    assert all(one.end == other.start for one, other in pairwise(read))


def test_the_transcript_json_has_one_segment_a_sentence() -> None:
    made = json.loads(transcript_json(CAPTIONS))
    assert made["version"] == "1.0.0"
    assert made["segments"][1] == {
        "speaker": "Quotation",
        "startTime": 2.85,
        "endTime": 12.85,
        "body": LONG,
    }
    assert len(made["segments"]) == 3


def _picture(folder: Path) -> Path:
    (folder / "cover.png").write_bytes(png(1600, 1600))
    return folder / "cover.png"
