"""What is mastered meets its target when decoded, whatever it was made from."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pipeline.errors import MediaError, OutsideError
from pipeline.sound import mastering, mp3
from pipeline.sound.joining import Plan, Programme, joined
from pipeline.sound.mastering import Target, alternate, mastered
from pipeline.sound.meter import integrated, measured
from tests.sounds import ffmpeg, loudness, pcm, samples, speech_like

TARGET = Target(-16.0, -1.0, 96)
FORMS: dict[str, tuple[str, float, tuple[str, ...]]] = {
    "24 kHz mono": ("a.wav", -12, ("-ar", "24000", "-ac", "1")),
    "8 kHz": ("a.wav", -12, ("-ar", "8000")),
    "stereo flac": ("a.flac", -12, ("-ac", "2")),
    "float 5.1": ("a.wav", -12, ("-ac", "6", "-c:a", "pcm_f32le")),
    "24 bit, 96 kHz": ("a.wav", -12, ("-ar", "96000", "-c:a", "pcm_s24le")),
    "float above full scale": ("a.wav", 20, ("-c:a", "pcm_f32le")),
    "mp3": ("a.mp3", -12, ("-b:a", "128k")),
    "m4a": ("a.m4a", -12, ()),
    "very quiet": ("a.wav", -38, ("-c:a", "pcm_f32le")),
    "clipped": ("a.wav", 30, ()),
}


def programme(speech: Path, plan: Plan | None = None) -> Programme:
    scratch = speech.parent / "scratch"
    scratch.mkdir(exist_ok=True)
    return joined(speech, speech.name, plan or Plan(), scratch)


def master(speech: Path, target: Target = TARGET, jobs: int = 2) -> Path:
    out = speech.parent / f"out-{jobs}.mp3"
    mastered(programme(speech), target, out, speech.parent, jobs)
    return out


@pytest.fixture
def short_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Chunks of 6.4 seconds, so that a short sound has several."""
    monkeypatch.setattr(mastering, "CHUNK", 245)


@pytest.mark.parametrize("form", FORMS)
def test_any_recording_is_as_loud_as_asked_and_never_peaks_higher(
    form: str, tmp_path: Path
) -> None:
    name, gain, options = FORMS[form]
    out = master(speech_like(tmp_path / name, 4, gain, *options))
    integrated, peak = loudness(out)
    assert integrated == pytest.approx(-16.0, abs=0.3)
    assert peak <= -1.0


@pytest.mark.parametrize(
    ("target", "channels"),
    [(Target(-19.0, -3.0, 128), 1), (Target(-14.0, -1.0, 192), 1), (Target(-16.0, -1.0, 128), 2)],
)
def test_another_target_is_met_too(target: Target, channels: int, tmp_path: Path) -> None:
    speech = speech_like(tmp_path / "a.wav", 4, -12, "-ac", "2")
    out = tmp_path / "out.mp3"
    told = mastered(programme(speech, Plan(channels=channels)), target, out, tmp_path).measured
    integrated, peak = loudness(out)
    assert integrated == pytest.approx(target.loudness, abs=0.3)
    assert peak <= target.peak
    assert (told.loudness, told.peak) == (pytest.approx(integrated, abs=0.1), peak)


def test_the_file_is_mono_of_constant_rate_and_names_no_version(tmp_path: Path) -> None:
    out = master(speech_like(tmp_path / "a.wav"))
    described = ffmpeg("-i", out, "-f", "null", "-")
    assert "44100 Hz, mono" in described
    assert "96 kb/s" in described
    assert not re.search(rb"^ID3|Lav[fc]\d", out.read_bytes())


@pytest.mark.usefixtures("short_chunks")
def test_how_many_work_at_once_changes_no_byte(tmp_path: Path) -> None:
    speech = speech_like(tmp_path / "a.wav", 20)
    one, three = master(speech, jobs=1), master(speech, jobs=3)
    assert one.read_bytes() == three.read_bytes()


@pytest.mark.usefixtures("short_chunks")
def test_spliced_chunks_sound_like_one_that_was_never_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import numpy

    speech = speech_like(tmp_path / "a.wav", 20)
    spliced = pcm(master(speech, jobs=2))
    monkeypatch.setattr(mastering, "CHUNK", 2450)
    monkeypatch.setattr(mastering, "LEAST", 2450)
    whole = pcm(master(speech, jobs=1))
    difference = (spliced - whole).astype(float)
    for seam in (6.4, 12.8, 19.2):
        around = slice(int((seam - 0.05) * 44_100), int((seam + 0.05) * 44_100))
        assert numpy.sqrt(numpy.mean(difference[around] ** 2)) < 33  # −60 dBFS


@pytest.mark.usefixtures("short_chunks")
def test_the_measures_of_the_parts_are_those_of_the_whole(tmp_path: Path) -> None:
    speech = speech_like(tmp_path / "a.wav", 20)
    told = mastered(programme(speech), TARGET, tmp_path / "out.mp3", tmp_path).measured
    whole = measured(tmp_path / "out.mp3", "out.mp3")
    assert told.momentary == pytest.approx(whole.momentary, abs=0.01)
    assert (told.loudness, told.peak) == (integrated(whole.momentary), whole.peak)
    assert loudness(tmp_path / "out.mp3") == (pytest.approx(told.loudness, abs=0.06), told.peak)


@pytest.mark.parametrize("count", [44_100, 44_101, 1152 * 50 - 1105, 1152 * 50 - 1104, 60_000])
def test_it_is_as_long_as_what_was_handed_in_to_the_sample(count: int, tmp_path: Path) -> None:
    speech = speech_like(tmp_path / "long.wav", 2)
    cut = tmp_path / "a.wav"
    ffmpeg("-i", speech, "-af", f"atrim=end_sample={count}", cut)
    assert samples(master(cut)) == count


@pytest.mark.usefixtures("short_chunks")
def test_spliced_chunks_lose_and_add_nothing_in_length(tmp_path: Path) -> None:
    speech = speech_like(tmp_path / "a.wav", 15.4321)
    assert samples(master(speech)) == samples(speech)


@pytest.mark.parametrize(("kind", "rate"), [("opus", 48_000), ("aac", 44_100)])
def test_other_forms_meet_the_same_target_and_length(kind: str, rate: int, tmp_path: Path) -> None:
    speech = programme(speech_like(tmp_path / "a.wav", 4.321))
    out = tmp_path / f"out.{kind}"
    alternate(speech, kind, TARGET, TARGET.loudness - speech.loudness, out)
    integrated, peak = loudness(out)
    assert integrated == pytest.approx(-16.0, abs=0.3)
    assert peak <= -1.0
    assert samples(out, rate) == pytest.approx(speech.count * rate / 44_100, abs=1)


def test_a_bit_rate_that_no_mp3_has_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="100 is none that an MP3 has"):
        master(speech_like(tmp_path / "a.wav"), Target(-16, -1, 100))


def test_every_bit_rate_that_an_mp3_has_is_read_back(tmp_path: Path) -> None:
    from mutagen.mp3 import MP3

    speech = programme(speech_like(tmp_path / "a.wav", 1))
    for bitrate in mp3.BITRATES:
        mastered(speech, Target(-20, -1, bitrate), tmp_path / "out.mp3", tmp_path)
        found = MP3(tmp_path / "out.mp3").info
        assert found.bitrate == pytest.approx(bitrate * 1000, rel=0.01)
        assert found.length == pytest.approx(1.0, abs=0.0001)


def test_a_sound_that_cannot_be_that_loud_is_refused_with_what_it_reaches(tmp_path: Path) -> None:
    click = tmp_path / "a.wav"
    ffmpeg("-f", "lavfi", "-i", "aevalsrc=if(lt(mod(t\\,1)\\,0.0005)\\,0.9\\,0):d=4", click)
    with pytest.raises(MediaError, match=r"^a\.wav: it cannot be brought to -5.0 LUFS within"):
        master(click, Target(-5.0, -20.0, 96))


@pytest.mark.parametrize("part", ["programme.raw", "chunk-0.mp3", "out-2.mp3"])
def test_a_disk_that_fills_up_while_encoding_is_told(
    part: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no device that is always full")
    speech = speech_like(tmp_path / "a.wav")
    (tmp_path / "scratch").mkdir()
    place = tmp_path / ("scratch" if part == "programme.raw" else ".") / part
    place.symlink_to("/dev/full")
    with pytest.raises((OutsideError, OSError), match=r"[Nn]o space (is )?left"):
        master(speech)
