"""What is mastered meets its target when decoded, whatever it was made from; what cannot be used is named."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pipeline.errors import MediaError
from pipeline.sound.ffmpeg import checked, measured
from pipeline.sound.joining import GAP, closing, opening
from pipeline.sound.mastering import Programme, Target, mastered
from tests.sounds import ffmpeg, loudness, samples, speech_like

TARGET = Target(-16.0, -1.0, 96)
FORMS: dict[str, tuple[str, float, tuple[str, ...]]] = {
    "24 kHz mono": ("a.wav", -12, ("-ar", "24000", "-ac", "1")),
    "8 kHz": ("a.wav", -12, ("-ar", "8000")),
    "stereo flac": ("a.flac", -12, ("-ac", "2")),
    "float 5.1": ("a.wav", -12, ("-ac", "6", "-c:a", "pcm_f32le")),
    "24 bit, 96 kHz": ("a.wav", -12, ("-ar", "96000", "-c:a", "pcm_s24le")),
    "mp3": ("a.mp3", -12, ("-b:a", "128k")),
    "m4a": ("a.m4a", -12, ()),
    "very quiet": ("a.wav", -38, ("-c:a", "pcm_f32le")),
    "clipped": ("a.wav", 30, ()),
}


def master(
    speech: Path, to: Path, target: Target = TARGET, around: tuple[bytes, bytes] = (b"", b"")
) -> Programme:
    before, after = to.parent / "before.raw", to.parent / "after.raw"
    before.write_bytes(around[0])
    after.write_bytes(around[1])
    programme = Programme(speech, speech.name, before, after)
    mastered(programme, checked(speech, speech.name), target, to)
    return programme


@pytest.mark.parametrize("form", FORMS)
def test_any_recording_is_as_loud_as_asked_and_never_peaks_higher(
    form: str, tmp_path: Path
) -> None:
    name, gain, options = FORMS[form]
    speech = speech_like(tmp_path / name, 4, gain, *options)
    master(speech, tmp_path / "out.mp3")
    integrated, peak = loudness(tmp_path / "out.mp3")
    assert integrated == pytest.approx(-16.0, abs=0.3)
    assert peak <= -1.0


def test_another_target_is_met_too(tmp_path: Path) -> None:
    master(speech_like(tmp_path / "a.wav"), tmp_path / "out.mp3", Target(-19.0, -3.0, 128))
    integrated, peak = loudness(tmp_path / "out.mp3")
    assert integrated == pytest.approx(-19.0, abs=0.3)
    assert peak <= -3.0


def test_the_file_is_mono_of_constant_rate_and_names_no_version(tmp_path: Path) -> None:
    master(speech_like(tmp_path / "a.wav"), tmp_path / "out.mp3")
    described = ffmpeg("-i", tmp_path / "out.mp3", "-f", "null", "-")
    assert "44100 Hz, mono" in described
    assert "96 kb/s" in described
    assert not re.search(rb"^ID3|Lav[fc]\d", (tmp_path / "out.mp3").read_bytes())


def test_the_same_sound_gives_the_same_bytes(tmp_path: Path) -> None:
    speech = speech_like(tmp_path / "a.wav")
    master(speech, tmp_path / "one.mp3")
    master(speech, tmp_path / "two.mp3")
    assert (tmp_path / "one.mp3").read_bytes() == (tmp_path / "two.mp3").read_bytes()


def test_nothing_is_lost_or_added_in_length(tmp_path: Path) -> None:
    speech = speech_like(tmp_path / "a.wav", 4.321)
    master(speech, tmp_path / "out.mp3")
    assert abs(samples(tmp_path / "out.mp3") - samples(speech)) <= 1


def test_intro_and_outro_stand_around_the_speech_and_fade(tmp_path: Path) -> None:
    speech, music = speech_like(tmp_path / "a.wav", 3), speech_like(tmp_path / "music.flac", 2, -30)
    level = measured(speech, "a.wav").loudness
    before, after = opening(music, "music.flac", level), closing(music, "music.flac", level)
    assert len(before) == len(after) == 2 * 44_100 * (2000 + GAP) // 1000
    assert not any(before[-2 * 44_100 * GAP // 1000 :])
    assert not any(after[: 2 * 44_100 * GAP // 1000])
    master(speech, tmp_path / "out.mp3", around=(before, after))
    expected = samples(speech) + (len(before) + len(after)) // 2
    assert abs(samples(tmp_path / "out.mp3") - expected) <= 1


def test_music_is_brought_to_the_level_of_the_speech(tmp_path: Path) -> None:
    music = speech_like(tmp_path / "music.flac", 4, -40)
    (tmp_path / "before.raw").write_bytes(opening(music, "music.flac", -20.0))
    ffmpeg(
        "-f",
        "s16le",
        "-ar",
        "44100",
        "-ac",
        "1",
        "-i",
        tmp_path / "before.raw",
        tmp_path / "before.wav",
    )
    assert loudness(tmp_path / "before.wav")[0] == pytest.approx(-23.0, abs=1.0)


def test_a_bit_rate_that_no_mp3_has_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="100 is none that an MP3 has"):
        master(speech_like(tmp_path / "a.wav"), tmp_path / "out.mp3", Target(-16, -1, 100))


@pytest.mark.parametrize("ending", ["wav", "flac", "mp3", "m4a"])
def test_a_recording_that_is_cut_short_is_told(ending: str, tmp_path: Path) -> None:
    whole = speech_like(tmp_path / f"whole.{ending}", 8).read_bytes()
    cut = tmp_path / f"cut.{ending}"
    cut.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(MediaError, match=rf"^audio/cut\.{ending}: .*(cut short|cannot use it)"):
        checked(cut, f"audio/cut.{ending}")


def bad(tmp_path: Path, kind: str) -> Path:
    """A file that is no recording."""
    file = tmp_path / f"{kind}.wav"
    if kind == "silent":
        ffmpeg("-f", "lavfi", "-i", "anullsrc=d=3", file)
    elif kind == "mislabelled":
        file.write_bytes(speech_like(tmp_path / "really.mp3").read_bytes())
    elif kind == "no sound":
        file.write_bytes(speech_like(tmp_path / "full.wav").read_bytes()[:44])
    else:
        file.write_bytes({"empty": b"", "text": b"hello there " * 99}[kind])
    return file


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("silent", "silent from beginning to end"),
        ("mislabelled", "its content is mp3, not wav"),
        ("empty", "the file is empty"),
        ("text", "cannot use it"),
        ("no sound", "no sound in it"),
    ],
)
def test_what_is_no_recording_is_refused_by_name(kind: str, told: str, tmp_path: Path) -> None:
    with pytest.raises(MediaError, match=f"^audio/06.wav: .*({told})"):
        checked(bad(tmp_path, kind), "audio/06.wav")
