"""What an episode is heard with: chapters with pictures and links, soundbites, other forms, pictures of its sound."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from mutagen.id3 import ID3
from mutagen.mp3 import MP3
from mutagen.mp4 import MP4
from mutagen.oggopus import OggOpus

from pipeline.errors import AuthorError
from pipeline.model import chapter
from pipeline.sound import recognition
from pipeline.sound.passages import passage
from pipeline.stages.marks import soundbites_of
from pipeline.stages.soundbites import soundbites
from pipeline.stages.waveform import waveform
from tests import test_sound_stages as stages
from tests.peers import peer
from tests.publications import SETTINGS, front_matter, png, small
from tests.sounds import ffmpeg, loudness, samples, speech_like
from tests.test_sound_stages import SLUG, Watching, all_bytes, read

BODY = """\
What comes first has no heading, and is read.

## The picture

Here is [a link](https://example.org/first) and [another](https://example.org/second).

![What it shows](picture.png "A caption")

::: {.soundbite title="A bite"}
Words worth hearing twice. They stand in a block.
:::

## The end

It goes on. Then it ends.
"""


no_recogniser = stages.no_recogniser


@pytest.fixture(autouse=True)
def more_stages(monkeypatch: pytest.MonkeyPatch) -> None:
    more = {**stages.STAGES, "soundbites": soundbites, "waveform": waveform}
    monkeypatch.setattr(stages, "STAGES", more)


def made(root: Path, watching: Watching | None = None) -> Any:
    return stages.made(root, watching)


def letter(root: Path, body: str = BODY, settings: str = SETTINGS, **front: str) -> Path:
    small(root, settings, e01_first=front_matter(1, "First", **front) + body)
    (root / f"content/{SLUG}/picture.png").write_bytes(png(900, 300))
    return root


def recorded(root: Path, seconds: float = 20, body: str = BODY, **front: str) -> Path:
    letter(root, body, **front)
    speech_like(root / f"audio/{SLUG}.wav", seconds)
    return root


@pytest.fixture(scope="module")
def spoken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    settings = SETTINGS + '\n[audio]\nalternates = ["opus", "aac"]\nintro = "audio/intro.flac"\n'
    root = letter(tmp_path_factory.mktemp("spoken"), settings=settings, subtitle="Second")
    speech_like(root / "audio/intro.flac", 2, -20)
    with pytest.MonkeyPatch.context() as patch:
        more = {**stages.STAGES, "soundbites": soundbites, "waveform": waveform}
        patch.setattr(stages, "STAGES", more)
        assert not made(root).errors
    return root


# --- chapters


def test_a_chapter_shows_the_first_picture_and_link_of_its_section(spoken: Path) -> None:
    told = read(spoken, f"site/{SLUG}/chapters.json")
    assert told["version"] == "1.2.0"
    assert (told["podcastName"], told["author"]) == ("Small Letter", "Ada Example")
    first, picture, end = told["chapters"]
    assert picture["url"] == "https://example.org/first"
    assert picture["img"] == f"https://small.example/{SLUG}/picture.png"
    assert set(first) == set(end) == {"startTime", "title"}


def test_the_mp3_has_the_same_chapters_with_picture_and_link(spoken: Path) -> None:
    told = read(spoken, f"site/{SLUG}/chapters.json")["chapters"]
    frames = ID3(spoken / f"build/site/audio/{SLUG}.mp3").getall("CHAP")
    assert [frame.start_time / 1000 for frame in frames] == [one["startTime"] for one in told]
    shown = frames[1].sub_frames
    assert shown.getall("WXXX")[0].url == "https://example.org/first"
    assert shown.getall("APIC")[0].data.startswith(b"\xff\xd8\xff")
    assert len(shown.getall("APIC")[0].data) <= 60_000


@pytest.mark.parametrize(
    ("written", "means"),
    [
        ("00:00 Opening", (0, "Opening")),
        ("1:02:03 - Late", (3723, "Late")),
        ("12:30 The money: who has it", (750, "The money: who has it")),
        ("12:75 No", None),
        ("Opening", None),
        ("12:30", None),
    ],
)
def test_a_chapter_by_hand_is_a_time_and_a_title(written: str, means: Any) -> None:
    assert chapter(written) == means


@pytest.mark.parametrize(
    ("chapters", "told"),
    [
        ('["Opening"]', ': chapters: "Opening" is no chapter; write a time and a title'),
        ('["00:10 A", "00:10 B"]', '"00:10 B" does not begin after the one before it'),
        ('["00:00 A", "59:00 B"]', '"59:00 B" begins behind the end of the recording'),
    ],
)
def test_a_chapter_that_cannot_be_is_refused(chapters: str, told: str, tmp_path: Path) -> None:
    found = str(made(recorded(tmp_path, chapters=chapters)).errors[0])
    assert found.startswith(f"content/{SLUG}/episode.md")
    assert told in found


def test_chapters_by_hand_need_a_recording(tmp_path: Path) -> None:
    settings = SETTINGS.replace('"nanotts"', '"none"')
    root = letter(tmp_path, settings=settings, chapters='["00:00 A"]')
    assert "times in a recording, and there is none" in str(made(root).errors[0])


@pytest.mark.parametrize("why", ["rapidfuzz is not installed", "model.bin is not the model"])
def test_without_the_extra_chapters_are_by_hand_and_the_transcript_has_no_times(
    why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recognition, "missing", lambda: why)
    watching = Watching()
    chapters = '["00:05 The picture", "00:12 The rest"]'
    assert not made(recorded(tmp_path, chapters=chapters), watching).errors
    found = read(tmp_path, f"site/{SLUG}/chapters.json")["chapters"]
    assert [(one["startTime"], one["title"]) for one in found] == [
        (0.0, "First"),
        (5.0, "The picture"),
        (12.0, "The rest"),
    ]
    assert found[1]["url"] == "https://example.org/first"
    assert any(f"since {why}" in note for note in watching.notes)
    beside = {
        path.rpartition("/")[2] for path in all_bytes(tmp_path) if f"{SLUG}/transcript" in path
    }
    assert beside == {"transcript.html"}
    page = (tmp_path / f"build/site/{SLUG}/transcript.html").read_text("utf-8")
    assert "what is said may depart from it" in page
    assert read(tmp_path, f"audio/{SLUG}.json")["timed"] == ""


# --- soundbites


@pytest.mark.parametrize(
    ("words", "where"),
    [
        ("two three", (1, 1)),
        ("Three! Four", (1, 2)),
        ("ONE—two", (0, 1)),
        ("five", None),
        ("…", None),
    ],
)
def test_a_passage_is_the_sentences_it_stands_in(words: str, where: Any) -> None:
    assert passage(words, ["Zero, one.", "Two three.", "Four?"]) == where


def test_a_marked_passage_is_a_clip_of_what_is_said_then(spoken: Path) -> None:
    (block,) = read(spoken, f"soundbites/{SLUG}.json")
    assert block["title"] == "A bite"
    assert block["words"] == "Words worth hearing twice. They stand in a block."
    segments = read(spoken, f"site/{SLUG}/transcript.json")["segments"]
    begins = next(one for one in segments if one["body"].startswith("Words worth"))["startTime"]
    ends = next(one for one in segments if one["body"].startswith("They stand"))["endTime"]
    assert block["start"] == pytest.approx(begins, abs=0.1)
    assert block["start"] + block["duration"] == pytest.approx(ends, abs=0.3)
    clip = spoken / "build/site" / block["mp3"]
    assert MP3(clip).info.length == pytest.approx(block["duration"], abs=0.05)
    assert loudness(clip)[1] <= -1.0
    assert str(ID3(clip)["TIT2"]) == "A bite"


def test_words_within_a_paragraph_are_marked_as_well() -> None:
    from pipeline.markdown import blocks

    text = 'Before. [Marked *words*[^1] in it.]{.soundbite title="T" say="x"} After.\n\n[^1]: N.\n'
    (found,) = soundbites_of(blocks(text)[0])
    assert found == {"title": "T", "words": "Marked words in it.", "line": 1}


def test_a_soundbite_is_a_square_video_too(spoken: Path) -> None:
    bite = read(spoken, f"soundbites/{SLUG}.json")[0]
    said = ffmpeg("-i", spoken / "build/site" / bite["mp4"], "-f", "null", "-")
    assert re.search(r"Video: h264.*yuv420p.* 1080x1080", said)
    assert "Audio: aac" in said
    length = re.findall(r"time=00:00:(\d+\.\d+)", said)[-1]
    assert float(length) == pytest.approx(bite["duration"], abs=0.1)
    assert (spoken / "build/site" / bite["jpg"]).read_bytes().startswith(b"\xff\xd8\xff")


def test_a_soundbite_that_is_not_heard_is_refused(tmp_path: Path) -> None:
    body = 'Heard.\n\n::: {.only for="web"}\n[Only seen.]{.soundbite}\n:::\n'
    told = str(made(letter(tmp_path, body)).errors[0])
    assert told.startswith(f"content/{SLUG}/episode.md:")
    assert 'the soundbite "Only seen." is not heard' in told


@pytest.mark.parametrize(
    ("span", "told"),
    [
        ("[x]{.soundbyte}", 'did you mean "soundbite"?'),
        ('[x]{title="y"}', "has no meaning"),
        ("[x]{.soundbite start=3}", 'has no attribute "start"'),
    ],
)
def test_a_mark_that_means_nothing_is_refused(span: str, told: str) -> None:
    from pipeline.markdown import blocks

    with pytest.raises(AuthorError, match=re.escape(told)):
        blocks(span)


# --- other forms, tags, pictures


def test_other_forms_say_the_same_of_themselves(spoken: Path) -> None:
    told = read(spoken, f"audio/{SLUG}.json")
    opus, aac = told["alternates"]
    assert (opus["type"], aac["type"]) == ("audio/ogg; codecs=opus", "audio/mp4")
    starts = [one["start"] for one in told["chapters"]]
    for one, rate in ((opus, 48_000), (aac, 44_100)):
        file = spoken / "build/site" / one["path"]
        assert file.stat().st_size == one["size"]
        assert loudness(file)[0] == pytest.approx(-16, abs=0.3)
        assert loudness(file)[1] <= -1.0
        assert samples(file, rate) == pytest.approx(told["duration"] * rate, abs=0.001 * rate)
        said = ffmpeg("-i", file, "-f", "null", "-").partition("Output #0")[0]
        found = re.findall(r"Chapter #0:\d: start (\S+),", said)
        assert [float(at) for at in found] == pytest.approx(starts, abs=0.001)
        assert re.search(r"title\s+: First", said)
    assert OggOpus(spoken / "build/site" / opus["path"])["metadata_block_picture"]
    assert MP4(spoken / "build/site" / aac["path"])["covr"]


def test_pictures_of_the_sound_are_drawings_for_light_and_dark(spoken: Path) -> None:
    for name, words in (("waveform", "Waveform of First"), ("loudness", "LUFS integrated")):
        text = (spoken / f"build/site/{SLUG}/{name}.svg").read_text("utf-8")
        ElementTree.fromstring(text)
        assert words in text
        assert "prefers-color-scheme: dark" in text
        assert "$" not in text


def test_ffprobe_reads_the_tags(spoken: Path) -> None:
    (ffprobe,) = peer("FFmpeg's ffprobe", "ffprobe")
    mp3 = spoken / f"build/site/audio/{SLUG}.mp3"
    asked = ["-v", "error", "-of", "json", "-show_format", "-show_chapters"]
    told = json.loads(subprocess.check_output([ffprobe, *asked, mp3]))
    tags = told["format"]["tags"]
    assert (tags["title"], tags["artist"], tags["album"], tags["track"]) == (
        "First",
        "Ada Example",
        "Small Letter",
        "1",
    )
    assert [one["tags"]["title"] for one in told["chapters"]] == ["First", "The picture", "The end"]


def test_eyed3_reads_the_tags(spoken: Path) -> None:
    (eyed3,) = peer("eyeD3", "eyeD3")
    python = eyed3.read_text("utf-8").splitlines()[0].removeprefix("#!").strip()
    asked = (
        "import eyed3, json, sys\n"
        "found = eyed3.load(sys.argv[1])\n"
        "tag = found.tag\n"
        "print(json.dumps([tag.title, tag.artist, tag.album, tag.track_num[0], str(tag.getBestDate()),\n"
        "    [[c.title, c.times.start, c.times.end, c.user_url, len(c.sub_frames)] for c in tag.chapters],\n"
        "    len(tag.images), found.info.lame_tag['encoder_version'] if found.info.lame_tag else '']))\n"
    )
    mp3 = spoken / f"build/site/audio/{SLUG}.mp3"
    ran = subprocess.run([python, "-c", asked, mp3], capture_output=True, text=True, check=True)
    title, artist, album, track, day, chapters, images, encoder = json.loads(ran.stdout)
    assert (title, artist, album, track) == ("First", "Ada Example", "Small Letter", 1)
    assert day.startswith("2026")
    starts = [one["start"] for one in read(spoken, f"audio/{SLUG}.json")["chapters"]]
    assert [one[0] for one in chapters] == ["First", "The picture", "The end"]
    assert [one[1] / 1000 for one in chapters] == pytest.approx(starts)
    assert chapters[1][3].rstrip("\0") == "https://example.org/first"
    assert images == 1
    assert encoder.startswith("LAME3")


# --- recordings against their text


def test_a_recording_much_shorter_than_its_text_is_refused(tmp_path: Path) -> None:
    root = recorded(tmp_path, 2, body="A sentence of some words. " * 40)
    told = str(made(root).errors[0])
    assert told.startswith(f"audio/{SLUG}.wav: lasts 0:02, but to read")
    assert "abridged: true" in told
    assert not [path for path in all_bytes(root) if path.startswith("site/audio")]


def test_a_recording_that_is_meant_to_be_short_is_taken(tmp_path: Path) -> None:
    root = recorded(tmp_path, 2, body="A sentence of some words. " * 40, abridged="true")
    assert not made(root).errors


def test_dead_ends_of_a_recording_move_its_chapters(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recognition, "missing", lambda: "nothing is there")
    root = recorded(tmp_path, chapters='["00:00 A", "00:10 B"]')
    file = root / f"audio/{SLUG}.wav"
    speech = speech_like(tmp_path / "speech.wav", 18)
    ffmpeg("-i", speech, "-af", "adelay=3000:all=1", file)
    made(root)
    told = read(root, f"audio/{SLUG}.json")
    assert told["offset"] == pytest.approx(-2.7, abs=0.05)
    assert told["chapters"][1]["start"] == pytest.approx(10 + told["offset"], abs=0.001)


def test_a_clipped_recording_is_told_and_published(tmp_path: Path) -> None:
    root = recorded(tmp_path)
    speech_like(root / f"audio/{SLUG}.wav", 20, 30)
    watching = Watching()
    assert not made(root, watching).errors
    assert any("it is clipped" in note for note in watching.notes)
