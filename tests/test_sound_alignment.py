"""Sentences of a script are found in a recording to the tenth of a second, and what departs from it is told."""

from __future__ import annotations

import wave
from collections.abc import Sequence
from pathlib import Path

import numpy
import pytest

from pipeline.errors import MediaError
from pipeline.sound import recognition
from pipeline.sound.alignment import Alignment, aligned
from pipeline.sound.narrators import Reading, narrator
from pipeline.sound.recognition import Overheard, Said, overheard
from pipeline.stages.alignment import asked_for
from tests.peers import absent

SENTENCES = ["One two three four five.", "Six seven eight nine ten.", "One two three four five."]


@pytest.fixture(autouse=True)
def extra() -> None:
    if why := recognition.missing():
        absent("The extra align", why)


def lay(words: str, *pauses: tuple[float, float]) -> Alignment:
    """The sentences against words of which each takes half a second."""
    said = [Said(word, at * 0.5, at * 0.5 + 0.4) for at, word in enumerate(words.split())]
    return aligned(SENTENCES, Overheard(tuple(said), pauses))


def test_sentences_begin_and_end_at_the_pauses_between_them() -> None:
    said = "one two three four five six seven eight nine ten one two three four five"
    found = lay(said, (0.0, 0.1), (1.4, 1.5), (2.45, 2.62), (4.9, 5.1), (7.35, 9.0))
    assert found.times == ((0.1, 2.45), (2.62, 4.9), (5.1, 7.35))
    assert not found.departures


def test_without_pauses_they_are_where_their_words_are() -> None:
    said = "one two three four five six seven eight nine ten one two three four five"
    assert lay(said).times == ((0.0, 2.4), (2.5, 4.9), (5.0, 7.4))


def test_what_is_left_out_is_told_and_has_no_time() -> None:
    found = lay("one two three four five one two three four five")
    assert [time is None for time in found.times].count(True) == 1
    assert [(one.kind, one.words) for one in found.departures] == [("unsaid", SENTENCES[1])]


def test_what_nobody_wrote_is_told_with_its_time() -> None:
    rest = "six seven eight nine ten one two three four five"
    assert lay(f"one two three four five by the way {rest}").departures == ()  # may be misheard
    (added,) = lay(f"one two three four five and by the way {rest}").departures
    assert (added.kind, added.words, added.start) == ("added", "and by the way", 2.5)


def test_a_sentence_said_in_other_words_is_told_and_timed() -> None:
    found = lay("one two three four five six seven people went home one two three four five")
    assert [(one.kind, one.sentence) for one in found.departures] == [("changed", 1)]
    assert found.times[1] == (2.5, 4.9)


def test_what_only_sounds_otherwise_was_misheard_and_is_not_told() -> None:
    found = lay("one two tree for five six heaven ate nine ten one too three four five")
    assert found.departures == ()
    assert all(found.times)


def test_words_left_out_of_a_sentence_are_told() -> None:
    found = lay("one two three four five six ten one two three four five")
    assert [(one.kind, one.sentence) for one in found.departures] == [("changed", 1)]


def test_a_sentence_that_is_begun_twice_begins_with_the_second_time() -> None:
    found = lay("one two three four five six seven eight nine six seven eight nine ten one two")
    assert [(one.kind, one.words) for one in found.departures] == [
        ("added", "six seven eight nine"),
        ("changed", SENTENCES[2]),
    ]
    assert found.times[1] == (4.5, 6.9)


def test_another_sentence_in_place_of_one_is_told_as_both() -> None:
    said = "one two three four five we all go to the shops today one two three four five"
    found = lay(said)
    assert [(one.kind, one.words) for one in found.departures] == [
        ("unsaid", SENTENCES[1]),
        ("added", "we all go to the shops today"),
    ]


def test_sums_and_dates_are_the_same_however_a_recogniser_writes_them() -> None:
    said = "It cost $13 billion on 5 June, 2026."
    words = [Said(word, at, at + 0.9) for at, word in enumerate(said.split())]
    written = "It cost thirteen billion dollars on the fifth of June, twenty twenty-six."
    found = aligned([written], Overheard(tuple(words), ()))
    assert (found.times, found.departures) == (((0, 7.9),), ())


def test_what_a_voice_would_say_around_an_episode_no_recording_has_to() -> None:
    found = lay("one two three four five one two three four five").departures
    assert list(asked_for(found, [False, True, False])) == []
    assert list(asked_for(found, [True, False, True])) == list(found)


def test_an_empty_recording_is_told_as_such_before_it_is_listened_to(tmp_path: Path) -> None:
    (tmp_path / "a.wav").touch()
    with pytest.raises(MediaError, match=r"^audio/a\.wav: the file is empty"):
        overheard(tmp_path / "a.wav", "audio/a.wav", tmp_path, 1)


TOLD = """\
The committee met on Tuesday morning and decided to postpone the vote.
Nobody outside the room had expected that.
The chairman said that the members needed more time to read the report.
It has four hundred pages, and most of them arrived on Monday.
A second meeting is planned for the end of the month.
Nobody outside the room had expected that.
Until then the old rules remain in force.
The documents will be published on the website of the ministry.""".splitlines()


def spoken(file: Path, noise: float, read: Sequence[str] = TOLD) -> list[tuple[float, float]]:
    """Sentences as a recording of 16 kHz with some noise, dB; when each is said."""
    voice = narrator(Reading("nanotts"))
    drowned = max(60.0, 32_768 * 10 ** (noise / 20))  # what the hiss drowns, nobody hears
    pieces, times, at = list[numpy.ndarray](), list[tuple[float, float]](), 0
    for number, sentence in enumerate(read):
        pause = numpy.zeros(voice.rate * (20 + 13 * (number % 4)) // 100)
        said = numpy.frombuffer(voice.say(sentence), "<i2").astype(float)
        said = numpy.trim_zeros(numpy.where(numpy.abs(said) > drowned, said, 0))
        pieces += [pause, said]
        times.append(((at + len(pause)) / voice.rate, (at + len(pause) + len(said)) / voice.rate))
        at += len(pause) + len(said)
    sound = numpy.concatenate(pieces)
    hiss = numpy.random.default_rng(7).normal(0, 32_768 * 10 ** (noise / 20), len(sound))
    with wave.open(str(file), "wb") as out:
        out.setparams((1, 2, voice.rate, 0, "NONE", ""))
        out.writeframes(numpy.clip(sound + hiss, -32_768, 32_767).astype("<i2").tobytes())
    return times


@pytest.mark.parametrize("noise", [-80, -45])
def test_sentences_of_a_recording_are_timed_within_a_tenth_of_a_second(
    noise: float, tmp_path: Path
) -> None:
    file = tmp_path / "a.wav"
    truth = spoken(file, noise)
    found = aligned(TOLD, overheard(file, "a.wav", tmp_path, 1))
    assert all(found.times)
    wrong = [
        abs(one - other)
        for time, true in zip(found.times, truth, strict=True)
        for one, other in zip(time or (), true, strict=True)
    ]
    assert numpy.percentile(wrong, 95) <= 0.1
    assert not found.departures


def test_every_way_of_departing_from_a_text_is_told_and_nothing_else(tmp_path: Path) -> None:
    read = [
        *TOLD[:2],
        "The chairman said that the members",  # begun, and begun again
        *TOLD[2:4],
        "I will come back to that in a minute, after the news.",  # added
        "A second meeting end of the month.",  # words left out
        "My dog has eaten half of these papers.",  # another sentence
        TOLD[7],  # and the one before it left out
    ]
    spoken(tmp_path / "a.wav", -60, read)
    found = aligned(TOLD, overheard(tmp_path / "a.wav", "a.wav", tmp_path, 1))
    assert [(one.kind, one.sentence) for one in found.departures] == [
        ("added", None), ("added", None), ("changed", 4), ("unsaid", 5), ("unsaid", 6), ("added", None),
    ]  # fmt: skip
    assert [time is None for time in found.times] == [at in (5, 6) for at in range(len(TOLD))]
