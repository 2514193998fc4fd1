"""Recordings are taken as they are, without their dead ends; what cannot be used is refused by name."""

from __future__ import annotations

import wave
from pathlib import Path

import pytest

from pipeline.errors import MediaError
from pipeline.sound.recording import Form, Taken, lively, taken
from tests.sounds import ffmpeg, samples, speech_like


def take(file: Path, name: str = "", form: Form | None = None) -> Taken:
    return taken(file, name or file.name, file.with_name("taken.raw"), form)


@pytest.mark.parametrize("ending", ["wav", "flac", "mp3", "m4a"])
def test_every_sample_is_taken(ending: str, tmp_path: Path) -> None:
    file = speech_like(tmp_path / f"a.{ending}", 3.21)
    assert take(file).count == samples(file)


@pytest.mark.parametrize("ending", ["wav", "flac", "mp3", "m4a"])
def test_a_recording_that_is_cut_short_is_told(ending: str, tmp_path: Path) -> None:
    whole = speech_like(tmp_path / f"whole.{ending}", 8).read_bytes()
    cut = tmp_path / f"cut.{ending}"
    cut.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(MediaError, match=rf"^audio/cut\.{ending}: .*(cut short|cannot use it)"):
        take(cut, f"audio/cut.{ending}")


def bad(tmp_path: Path, kind: str) -> Path:
    """A file that is no recording."""
    file = tmp_path / f"{kind}.wav"
    if kind == "silent":
        ffmpeg("-f", "lavfi", "-i", "anullsrc=d=3", file)
    elif kind == "cancelling":
        speech = speech_like(tmp_path / "full.wav", 3)
        ffmpeg("-i", speech, "-af", "aeval=val(0)|-val(0)", file)
    elif kind == "mislabelled":
        file.write_bytes(speech_like(tmp_path / "really.mp3").read_bytes())
    elif kind == "no sound":
        with wave.open(str(file), "wb") as out:
            out.setparams((1, 2, 44_100, 0, "NONE", ""))
    elif kind == "a moment":
        speech_like(file, 0.2)
    else:
        file.write_bytes({"empty": b"", "text": b"hello there " * 99}[kind])
    return file


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("silent", "silent from beginning to end"),
        ("cancelling", "its channels cancel each other out"),
        ("mislabelled", "its content is mp3, not wav"),
        ("empty", "the file is empty"),
        ("text", "cannot use it"),
        ("no sound", "no sound in it"),
        ("a moment", "it lasts 0.20 seconds"),
    ],
)
def test_what_is_no_recording_is_refused_by_name(kind: str, told: str, tmp_path: Path) -> None:
    with pytest.raises(MediaError, match=f"^audio/06.wav: .*({told})"):
        take(bad(tmp_path, kind), "audio/06.wav")


@pytest.mark.parametrize(("gain", "clipped"), [(-12, False), (30, True)])
def test_a_clipped_recording_is_known(gain: float, clipped: bool, tmp_path: Path) -> None:
    assert bool(take(speech_like(tmp_path / "a.wav", 4, gain)).clipped) == clipped


def test_a_high_pass_takes_the_rumble_and_leaves_the_voice(tmp_path: Path) -> None:
    for frequency, lost in ((40, 10.0), (400, 0.5)):
        file = tmp_path / f"{frequency}.wav"
        ffmpeg("-f", "lavfi", "-i", f"sine=f={frequency}:d=3", file)
        quieter = take(file).loudness - take(file, form=Form(highpass=90)).loudness
        assert quieter > lost if lost > 1 else abs(quieter) < lost


@pytest.mark.parametrize(
    ("before", "after", "cut"), [(3.0, 2.0, (2.7, 1.7)), (0.5, 0.0, (0.0, 0.0))]
)
def test_dead_ends_are_cut_but_for_a_breath(
    before: float, after: float, cut: tuple[float, float], tmp_path: Path
) -> None:
    speech = speech_like(tmp_path / "speech.wav", 4)
    file = tmp_path / "a.wav"
    ffmpeg("-i", speech, "-af", f"adelay={before * 1000}:all=1,apad=pad_dur={after}", file)
    form = Form(lead=1000, tail=500)
    found = take(file, form=form)
    first, last = lively(found)
    assert (first - form.lead) / 44_100 == pytest.approx(cut[0], abs=0.1)
    assert (form.lead + found.count - last) / 44_100 == pytest.approx(cut[1], abs=0.2)


def test_a_quiet_beginning_is_not_dead(tmp_path: Path) -> None:
    loud, quiet = speech_like(tmp_path / "loud.wav", 4), speech_like(tmp_path / "quiet.wav", 2, -42)
    file = tmp_path / "a.wav"
    ffmpeg("-i", quiet, "-i", loud, "-filter_complex", "[0][1]concat=v=0:a=1", file)
    assert lively(take(file))[0] == 0
