"""Narrators speak, repeat themselves to the bit, and say why when they cannot."""

from __future__ import annotations

import hashlib
import importlib.util
from array import array
from pathlib import Path

import pytest

from pipeline.errors import NarrationError
from pipeline.sound.narrators import (
    Line,
    Reading,
    narrator,
    portions,
    spoken_by,
)
from pipeline.sound.narrators import kokoro as kokoros
from pipeline.sound.narrators.kokoro import VOICES, Kokoro, pronounceable
from pipeline.sound.narrators.nanotts import Nanotts

KOKORO = Reading("kokoro")
NANOTTS = Reading("nanotts")
SENTENCES = ["The first of two sentences.", "The second is a little longer than the first."]

with_kokoro = pytest.mark.skipif(
    importlib.util.find_spec("onnxruntime") is None, reason="the voice extra is not installed"
)


def test_nanotts_says_the_same_thing_twice_alike() -> None:
    voice = narrator(NANOTTS)
    once = [voice.say(text) for text in SENTENCES]
    rubbish = [bytearray(b"\xaa" * 3_000_000) for _ in range(5)]  # memory that is not zero
    del rubbish
    assert [voice.say(text) for text in SENTENCES] == once


def test_speech_begins_and_ends_where_the_words_do() -> None:
    pcm = array("h", narrator(NANOTTS).say("Hello there."))
    quarter = Nanotts.rate // 4
    assert len(pcm) > quarter
    assert max(map(abs, pcm[:quarter])) > 1000
    assert max(map(abs, pcm[-quarter:])) > 1000
    assert abs(pcm[0]) < 50
    assert abs(pcm[-1]) < 50


def test_what_a_voice_has_no_sound_for_is_empty() -> None:
    assert narrator(NANOTTS).say("日本語") == b""


def test_tags_in_the_text_are_not_obeyed() -> None:
    voice = narrator(NANOTTS)
    slow = voice.say('<speed level="20">Hello there</speed>, you.')
    assert len(slow) < 5 * len(voice.say("Hello there, you."))


@pytest.mark.parametrize("endless", ["a" * 2000, "7" * 2000])
def test_a_word_without_end_is_spoken_in_portions(endless: str) -> None:
    assert len(narrator(NANOTTS).say(endless)) > 60 * Nanotts.rate


def test_portions_end_between_words_and_short_texts_stay_whole() -> None:
    assert portions(SENTENCES[1]) == [SENTENCES[1]]
    cut = portions("some words, " * 200 + "a" * 200_000)
    assert max(map(len, cut)) <= 400
    assert all(part.endswith(("some", "words,")) for part in cut[:5])
    assert sum(map(len, (part.replace(" ", "") for part in cut))) == 10 * 200 + 200_000


def test_what_a_voice_failed_at_is_told_in_short(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: object, text: str, **_: object) -> bytes:
        raise RuntimeError(f'"{text}": pico_getData failed')

    monkeypatch.setattr("py_nanotts.NanoTTS.speak", broken)
    with pytest.raises(NarrationError, match=r"pico_getData failed$") as told:
        narrator(NANOTTS).say("word " * 100)
    assert len(str(told.value)) < 120


def test_speed_is_heard() -> None:
    fast = Reading("nanotts", "en-US", speed=2.0)
    assert len(narrator(fast).say(SENTENCES[0])) < 0.7 * len(narrator(NANOTTS).say(SENTENCES[0]))


def test_a_voice_is_chosen_for_the_language() -> None:
    assert narrator(Reading("nanotts", language="de")).title == "nanotts de-DE"
    assert narrator(Reading("nanotts", language="en-GB")).title == "nanotts en-GB"
    with pytest.raises(NarrationError, match='does not read "sv"'):
        narrator(Reading("nanotts", language="sv"))


def test_an_unknown_narrator_or_voice_is_refused_with_a_suggestion() -> None:
    with pytest.raises(NarrationError, match='did you mean "kokoro"'):
        narrator(Reading("kokora", "af_heart"))
    with pytest.raises(NarrationError, match='did you mean "af_heart"'):
        narrator(Reading("kokoro", "af_hart"))


def test_kokoro_is_not_ready_in_another_language() -> None:
    with pytest.raises(NarrationError, match='reads English, not "de"'):
        Kokoro(Reading("kokoro", "af_heart", language="de")).ready()


def test_a_model_that_is_not_the_checked_one_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "part.bin").write_bytes(b"not the model")
    monkeypatch.setattr(kokoros, "_model_parts", lambda: [tmp_path / "part.bin"])
    monkeypatch.setattr(kokoros, "distribution", lambda name: "1")
    with pytest.raises(NarrationError, match="not the one that was checked"):
        Kokoro(KOKORO).ready()


@pytest.mark.parametrize("voice", VOICES)
def test_the_voice_files_are_the_ones_that_were_checked(voice: str) -> None:
    folder = Path(kokoros.__file__).parents[1] / "voices"
    assert hashlib.sha256((folder / f"{voice}.bin").read_bytes()).hexdigest() == VOICES[voice]
    assert VOICES[voice] in (folder / "NOTICE").read_text("utf-8")


def test_a_voice_file_that_is_absent_or_not_the_checked_one_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(kokoros, "_model_parts", list)
    monkeypatch.setattr(kokoros, "MODEL", hashlib.sha256().hexdigest())
    monkeypatch.setattr(kokoros, "distribution", lambda name: "1")
    monkeypatch.setattr(Kokoro, "_voice_file", lambda self: tmp_path / "voice.bin")
    with pytest.raises(NarrationError, match=r"^voice\.bin cannot be read"):
        Kokoro(KOKORO).ready()
    (tmp_path / "voice.bin").write_bytes(b"not the voice")
    with pytest.raises(NarrationError, match="the voice file of af_heart is not the one"):
        Kokoro(KOKORO).ready()


@pytest.mark.parametrize(
    ("spoken", "given"),
    [
        ("the M A I family", "the M.A.I family"),
        ("open A I’s model", "open A.I’s model"),
        ("It is open A I.", "It is open A.I ."),
        ("two G P Us", "two G.P.U's"),
        ("plan A works", "plan A works"),
    ],
)
def test_letters_are_named_and_not_taken_for_words(spoken: str, given: str) -> None:
    assert pronounceable(spoken) == given


@with_kokoro
def test_kokoro_speaks_in_processes_of_its_own_and_repeats_itself() -> None:
    voice = narrator(KOKORO)
    voice.ready()
    lines = [Line(KOKORO, text) for text in SENTENCES]
    first = dict(spoken_by(lines, jobs=2))
    seconds = [len(first[line]) / 2 / Kokoro.rate for line in lines]
    assert 1 < seconds[0] < seconds[1] < 5
    assert voice.say(SENTENCES[0]) == first[lines[0]]
