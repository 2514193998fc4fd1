"""Music stands before, behind and below the speech, at its level, and gives way to it."""

from __future__ import annotations

from pathlib import Path

import numpy
import pytest

from pipeline.sound.joining import GAP, Music, Plan, Programme, joined
from tests.sounds import ffmpeg, samples, speech_like

RATE = 44_100


def join(speech: Path, **plan: object) -> Programme:
    scratch = speech.parent / "scratch"
    scratch.mkdir(exist_ok=True)
    return joined(speech, speech.name, Plan(**plan), scratch)  # type: ignore[arg-type]


def heard(programme: Programme, begin: float, end: float) -> float:
    """The level of a stretch of the programme, in dB."""
    raw = numpy.fromfile(programme.raw, "<f4")[programme.first : programme.last]
    stretch = raw[round(begin * RATE) : round(end * RATE)].astype(float)
    return float(10 * numpy.log10(numpy.mean(stretch**2) + 1e-12))


def tone(file: Path, seconds: float, frequency: int = 300) -> Music:
    ffmpeg("-f", "lavfi", "-i", f"sine=f={frequency}:d={seconds}", file)
    return Music(file, file.name)


def test_intro_and_outro_stand_around_the_speech_with_a_gap(tmp_path: Path) -> None:
    speech = speech_like(tmp_path / "a.wav", 4)
    made = join(speech, intro=tone(tmp_path / "i.flac", 2), outro=tone(tmp_path / "o.flac", 3))
    gap = GAP / 1000
    assert made.offset == pytest.approx(2 + gap)
    assert made.count == samples(speech) + round((2 + 3 + 2 * gap) * RATE)
    assert heard(made, 2.05, 2.45) < -100
    assert heard(made, 0.2, 1) == pytest.approx(heard(made, 2.5, 6.5) - 3, abs=3)
    assert heard(made, 1.9, 2.0) < heard(made, 0.2, 1) - 10


def test_music_and_speech_cross(tmp_path: Path) -> None:
    speech = speech_like(tmp_path / "a.wav", 4)
    music = {"intro": tone(tmp_path / "i.flac", 3), "outro": tone(tmp_path / "o.flac", 3)}
    made = join(speech, crossfade=1.5, **music)
    assert made.offset == pytest.approx(1.5)
    assert made.count == samples(speech) + round((3 + 3 - 2 * 1.5) * RATE)
    crossing = heard(made, 1.5, 2.0)
    assert crossing > heard(join(speech), 0, 0.5) + 0.3


def test_music_in_float_above_full_scale_is_not_clipped(tmp_path: Path) -> None:
    loud = tmp_path / "i.wav"
    ffmpeg("-f", "lavfi", "-i", "sine=f=300:d=2,volume=30dB", "-c:a", "pcm_f32le", loud)
    made = join(speech_like(tmp_path / "a.wav", 2), intro=Music(loud, "i.wav"))
    raw = numpy.fromfile(made.raw, "<f4")[made.first : made.first + RATE]
    assert numpy.abs(raw).max() < numpy.sqrt(2) * 1.05 * numpy.sqrt(numpy.mean(raw**2))


def test_a_bed_gives_way_while_somebody_speaks_and_is_never_cut_off(tmp_path: Path) -> None:
    talk, pause = speech_like(tmp_path / "talk.wav", 6), tmp_path / "pause.wav"
    ffmpeg("-f", "lavfi", "-i", "anullsrc=d=4", pause)
    speech = tmp_path / "a.wav"
    ffmpeg(
        *("-i", talk, "-i", pause, "-i", talk, "-filter_complex"),
        "[0][1][2]concat=n=3:v=0:a=1",
        speech,
    )
    bed = tone(tmp_path / "bed.flac", 2.5, 5000)  # shorter than the speech: it goes round
    made = join(speech, bed=bed, bed_level=-14.0)
    alone = join(speech)
    assert made.count == alone.count
    between = heard(made, 8, 9.9)
    # −14 LU against a speech of −20 LUFS; the meter counts one channel twice, and 5 kHz 4 dB up
    assert between == pytest.approx(-20 - 14 - 3 - 4, abs=1.5)
    raw = numpy.fromfile(made.raw, "<f4")[made.first : made.last]
    spectrum = [_at(raw[begin * RATE : (begin + 1) * RATE], 5000) for begin in (4, 8)]
    assert spectrum[0] < spectrum[1] - 6, "the bed is not lower under the speech"
    assert all(heard(made, at, at + 0.05) > between - 3 for at in numpy.arange(8, 9.9, 0.05))


def _at(samples: numpy.ndarray, frequency: int) -> float:
    """How strong one frequency is in a second of samples, in dB."""
    turning = numpy.exp(-2j * numpy.pi * frequency * numpy.arange(len(samples)) / RATE)
    return float(20 * numpy.log10(abs(numpy.mean(samples * turning)) + 1e-12))
