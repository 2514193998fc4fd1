"""SSML becomes sentences: split where a reader would, timed by structure, and never inside what is said otherwise."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import TemplateError
from pipeline.sound.speech import Speech, in_sentences, speech
from pipeline.sound.spoken import Run


def texts(read: Speech) -> list[str]:
    return [sentence.text for sentence in read.sentences]


def test_abbreviations_do_not_end_a_sentence() -> None:
    read = speech(
        "<p>Dr. Smith of Wedbush Inc. paid $3.5 billion, e.g. for chips. J. R. Doe left.</p>", {}
    )
    assert texts(read) == [
        "Dr. Smith of Wedbush Inc. paid $3.5 billion, e.g. for chips.",
        "J. R. Doe left.",
    ]


@pytest.mark.parametrize(
    "sentences",
    [
        ["He met Mr. Jones at 5 p.m.", "The U.S. Senate voted."],
        ["It cost approx. 5 million.", "See p. 5, vol. 2 and No. 5."],
        ["In the U.S. Apple Inc. and Alphabet Ltd. grew.", "At 10 a.m. Monday it fell."],
        ["“Stop!” he said.", "“Why?” she asked.", "Really?!"],
        ["Jan. 5 was cold.", "St. Louis is far.", "Gen. Grant won."],
        ["Node.js 18.2 came.", "v1.5 too."],
        ["Ph.D. students left.", "Sen. Warren (D-Mass.) spoke."],
    ],
)
def test_sentences_end_where_a_reader_says_they_end(sentences: list[str]) -> None:
    assert texts(speech(f"<p>{' '.join(sentences)}</p>", {})) == sentences


def test_a_sentence_never_ends_inside_a_sub() -> None:
    read = speech(
        '<p>He read <sub alias="the letter">Go. Now! Run.</sub> and left. Then he slept.</p>', {}
    )
    assert texts(read) == ["He read Go. Now! Run. and left.", "Then he slept."]
    assert read.sentences[0].spoken == "He read the letter and left."


def test_many_sentences_stay_in_order_and_whole() -> None:
    words = [f"Sentence {number} is here." for number in range(200)]
    assert texts(speech(f"<p>{' '.join(words)}</p>", {})) == words


@given(
    st.lists(st.tuples(st.text("ab. !?", max_size=8), st.sampled_from(["", "said"])), max_size=8)
)
def test_cutting_into_sentences_loses_no_word(parts: list[tuple[str, str]]) -> None:
    runs = [Run(written, said) for written, said in parts]
    found = "".join(run.written for sentence in in_sentences(runs, "en") for run in sentence)
    assert found.split() == "".join(run.written for run in runs).split()


def test_pauses_follow_the_structure() -> None:
    read = speech(
        '<p>One. Two.</p><p>Three.</p><break time="1.5s"/><p>Four.</p><mark name="h"/><p>Five.</p>',
        {},
    )
    assert [sentence.pause for sentence in read.sentences] == [0.35, 0.6, 1.5, 1.0, 0.6]


def test_a_break_within_a_paragraph_is_a_pause() -> None:
    read = speech('<p>Wait <break time="800ms"/> for it.</p>', {})
    assert [(s.text, s.pause) for s in read.sentences] == [("Wait", 0.8), ("for it.", 0.6)]


def test_a_mark_names_the_sentence_that_follows_it() -> None:
    read = speech('<p>One. Two.</p><mark name="here"/><p>Three.</p>', {})
    assert read.marks == (("here", 2),)


def test_voices_nest_and_end() -> None:
    read = speech(
        '<p>A.</p><voice name="quote"><p>B.</p></voice><p voice="quote">C.</p><p>D.</p>', {}
    )
    assert [sentence.voice for sentence in read.sentences] == [
        "default",
        "quote",
        "quote",
        "default",
    ]


def test_what_has_no_sound_is_no_sentence() -> None:
    assert texts(speech("<p>🎉</p><p>—</p><p> </p><p>Words.</p>", {})) == ["Words."]


def test_ten_thousand_nested_voices_are_read() -> None:
    deep = '<voice name="quote">' * 10_000 + "<p>Down here.</p>" + "</voice>" * 10_000
    assert texts(speech(deep, {})) == ["Down here."]


def test_a_paragraph_of_five_thousand_words_is_read_quickly_and_whole() -> None:
    words = "word " * 5000
    assert len(speech(f"<p>{words}</p>", {}).sentences[0].text.split()) == 5000


@pytest.mark.parametrize(
    ("ssml", "told"),
    [
        ("<p>open", "broken SSML"),
        ("<marc/>", 'did you mean "mark"'),
        ('<break time="soon"/>', "write 800ms or 0.8s"),
    ],
)
def test_a_template_at_fault_is_told(ssml: str, told: str) -> None:
    with pytest.raises(TemplateError, match=told):
        speech(ssml, {})
