"""Promises of check for what is heard: each fault of a short sound is found by its code, at its file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from mutagen.id3 import APIC, ID3, TIT2

from pipeline.check import Finding, audio
from pipeline.cli import main
from pipeline.errors import NarrationError
from pipeline.model import Narration, Sound
from pipeline.sound.narrators.kokoro import Kokoro
from pipeline.stage import Made
from tests.publications import SETTINGS, front_matter, small, write
from tests.sounds import ffmpeg, loudness, speech_like

MP3 = "site/audio/06-six.mp3"
CHAPTERS, CAPTIONS, PAGE = (
    f"site/06-six/{name}" for name in ("chapters.json", "transcript.json", "transcript.html")
)


def heard(file: Path, sound: Sound) -> list[tuple[str, str]]:
    """The code and place of each fault of a sound itself."""
    told = audio.of_sound(audio.heard(file, file.name), sound, f"build/{MP3}", "06-six")
    return [(one.code, one.where) for one in told]


@pytest.mark.parametrize(("off", "codes"), [(0.5, []), (-0.5, []), (1.5, ["E501"]), (-1.5, ["E501"])])  # fmt: skip
def test_a_loudness_more_than_one_lu_off_is_found(
    tmp_path: Path, off: float, codes: list[str]
) -> None:
    file = speech_like(tmp_path / "six.mp3")
    asked = Sound(loudness=round(loudness(file)[0] + off, 1), peak=0)
    assert heard(file, asked) == [(code, f"build/{MP3}") for code in codes]


def test_a_true_peak_above_what_is_allowed_is_found(tmp_path: Path) -> None:
    file = tmp_path / "six.wav"  # a tone whose peaks lie between its samples: they alone reach −3
    tone = "aevalsrc=0.999*sin(2*PI*11025*t+PI/4):d=4:s=44100"
    ffmpeg("-f", "lavfi", "-i", tone, file)
    measured, peak = loudness(file)
    assert peak > -1
    assert heard(file, Sound(loudness=measured, peak=-1)) == [("E502", f"build/{MP3}")]
    assert heard(file, Sound(loudness=measured, peak=peak)) == []


@pytest.mark.parametrize("ending", ["wav", "mp3"])
def test_clipping_is_found_in_what_is_decoded(tmp_path: Path, ending: str) -> None:
    file = speech_like(tmp_path / "six.wav", 4, 24)
    if ending == "mp3":
        ffmpeg("-i", file, tmp_path / "six.mp3")
        file = tmp_path / "six.mp3"
    assert heard(file, Sound(loudness=loudness(file)[0], peak=9)) == [("E504", f"build/{MP3}")]


@pytest.mark.parametrize(("seconds", "codes"), [(2.8, []), (3.5, ["E503"])])
def test_a_silence_longer_than_three_seconds_is_found(
    tmp_path: Path, seconds: float, codes: list[str]
) -> None:
    part, file = speech_like(tmp_path / "part.wav", 3), tmp_path / "six.wav"
    graph = f"[0:a]asplit=2[a][b];aevalsrc=0:d={seconds}:s=44100[c];[a][c][b]concat=n=3:v=0:a=1"
    ffmpeg("-i", part, "-filter_complex", graph, file)
    assert heard(file, Sound(loudness=loudness(file)[0], peak=0)) == [
        (code, f"build/{MP3}") for code in codes
    ]


# --- what is said of it ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def six(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four seconds of sound with a title and a cover."""
    file = speech_like(tmp_path_factory.mktemp("six") / "six.mp3")
    tags = ID3()
    tags.add(TIT2(encoding=3, text="Six"))
    tags.add(APIC(encoding=3, mime="image/png", type=3, desc="", data=b"x"))
    tags.save(file)
    return file


def facts(root: Path, mp3: Path, **changes: object) -> list[Finding]:
    """What is wrong where what is told of a sound of four seconds differs from what is right by `changes`."""
    size = mp3.stat().st_size
    told: Mapping[str, Any] = {
        "facts": {"size": size, "duration": 4},
        "chapters": [(0, "One"), (2, "Two")],
        "captions": [(0, 2, "It rained"), (2, 4, "all morning")],
        "page": "<p>It rained all morning.</p>",
        **changes,
    }
    chapters = [{"startTime": at, "title": title} for at, title in told["chapters"]]
    captions = [{"startTime": a, "endTime": b, "body": said} for a, b, said in told["captions"]]
    texts = {
        "audio/06-six.json": json.dumps(told["facts"]),
        CHAPTERS: json.dumps({"chapters": chapters}),
        CAPTIONS: json.dumps({"segments": captions}),
        "script/06-six.json": json.dumps({"sentences": [{"text": "It rained all morning."}]}),
    }
    if "said" in told:
        texts["alignment/06-six.json"] = json.dumps({"sentences": told["said"]})
    if told["page"]:
        texts[PAGE] = str(told["page"])
    made = {MP3: Made(MP3, "", size, str(mp3))}
    for path, text in texts.items():
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")
        made[path] = Made(path, sha256(text.encode()).hexdigest(), file.stat().st_size, str(file))
    return list(audio.of_facts(made, "06-six", 4.0))


def test_what_is_told_rightly_of_a_sound_is_no_finding(tmp_path: Path, six: Path) -> None:
    assert facts(tmp_path, six) == []


@pytest.mark.parametrize(
    ("changes", "code", "where"),
    [
        ({"facts": {"size": 7, "duration": 4}}, "E505", MP3),
        ({"chapters": [(2, "Two"), (0, "One")]}, "E507", CHAPTERS),
        ({"chapters": [(0, "One"), (4, "Two")]}, "E508", CHAPTERS),
        ({"captions": [(2, 4, "all morning"), (0, 2, "It rained")]}, "E511", CAPTIONS),
        ({"captions": [(0, 2, "It rained"), (2, 9, "all morning")]}, "E511", CAPTIONS),
        ({"page": "<p>It rained.</p>"}, "E509", PAGE),
        ({"page": ""}, "E513", MP3),
    ],
)
def test_what_is_told_wrongly_of_a_sound_is_found(
    tmp_path: Path, six: Path, changes: dict[str, object], code: str, where: str
) -> None:
    found = facts(tmp_path, six, **changes)
    assert [(one.code, one.where, one.severity) for one in found] == [
        (code, f"build/{where}", "error")
    ]


def test_a_transcript_need_not_hold_what_a_recording_does_not_say(
    tmp_path: Path, six: Path
) -> None:
    page = "<p>Nothing of it.</p>"
    assert facts(tmp_path, six, page=page, said=[None]) == []
    (one,) = facts(tmp_path, six, page=page, said=[{"start": 0, "end": 2}])
    assert one.code == "E509"


def test_a_length_that_is_not_heard_is_found(tmp_path: Path, six: Path) -> None:
    (one,) = facts(tmp_path, six, facts={"size": six.stat().st_size, "duration": 5})
    assert (one.code, one.where) == ("E421", f"build/{MP3}")


@pytest.mark.parametrize(("source", "codes"), [("recording", ["E518"]), ("narration", [])])
def test_a_recording_that_was_clipped_is_a_warning(
    tmp_path: Path, six: Path, source: str, codes: list[str]
) -> None:
    told = {"size": six.stat().st_size, "duration": 4, "source": source, "clipped": 1802}
    found = facts(tmp_path, six, facts=told)
    assert [one.code for one in found if one.severity == "warning"] == codes


def test_an_mp3_without_title_and_cover_is_found(tmp_path: Path) -> None:
    bare = speech_like(tmp_path / "bare.mp3", 4, -12, "-map_metadata", "-1")
    (one,) = facts(tmp_path, bare)
    assert (one.code, one.where) == ("E514", f"build/{MP3}")
    assert "no title and no cover" in one.message


# --- who reads it ---------------------------------------------------------------------------------


def read_by(root: Path, asked: Narration, **told: str) -> list[Finding]:
    """What is said of the voice of a narration that tells this of itself."""
    file = root / "six.json"
    file.write_text(json.dumps(told), "utf-8")
    path = "narration/06-six.json"
    return list(audio.of_voice({path: Made(path, "", 0, str(file))}, "06-six", asked))


def test_a_voice_that_was_asked_for_and_is_told_of_is_no_finding(tmp_path: Path) -> None:
    assert read_by(tmp_path, Narration(notice="A machine reads."), voice="kokoro af_heart") == []
    assert list(audio.of_voice({}, "06-six", Narration(notice=""))) == []  # somebody recorded it


def test_a_light_voice_that_stands_in_is_a_warning_with_its_reason(tmp_path: Path) -> None:
    why = "onnxruntime is not installed"
    asked = Narration(notice="A machine reads.")
    (one,) = read_by(tmp_path, asked, voice="nanotts en-US", fallback=why)
    assert (one.code, one.where, one.severity) == ("E516", f"build/{MP3}", "warning")
    assert one.message == f"{why}: nanotts en-US reads instead"
    assert "make voice" in one.mend


def test_a_synthetic_voice_that_nobody_is_told_of_is_a_warning(tmp_path: Path) -> None:
    (one,) = read_by(tmp_path, Narration(notice=" "), voice="kokoro af_heart")
    assert (one.code, one.where, one.severity) == ("E517", f"build/{MP3}", "warning")
    assert "notice" in one.mend


def test_a_recording_whose_name_fits_no_episode_is_a_warning(tmp_path: Path) -> None:
    small(tmp_path, e01_first=front_matter() + "Few words.\n")
    for name in ("01-first.wav", "01-frist.wav", "09-named.flac", "intro.flac"):
        write(tmp_path, f"audio/{name}", "sound")
    (one,) = audio.of_folder(tmp_path, {"audio/09-named.flac", ""})
    assert (one.code, one.where, one.severity) == ("E519", "audio/01-frist.wav", "warning")


def test_check_tells_of_the_voice_of_every_build_not_of_the_first_alone(tmp_path: Path) -> None:
    settings = SETTINGS.replace('"nanotts"', '"kokoro"')
    small(tmp_path, settings, e01_first=front_matter() + "Few words.\n")
    words = ["check", "--root", str(tmp_path), "--now", "2026-06-01", "--json"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Kokoro, "ready", _absent)
        found = [json.loads(CliRunner().invoke(main, words).stdout)["findings"] for _ in range(2)]
    assert found[0] == found[1]
    assert [one["code"] for one in found[0]] == ["E516", "E517"]


def _absent(self: Kokoro) -> None:
    raise NarrationError("onnxruntime is not installed")
