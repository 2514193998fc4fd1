"""A fragment of SSML becomes sentences, each with its written words, its spoken words and the pause after it.

The subset: <p voice="quote" around="yes">, <sub alias="spoken words">, <break time="800ms"/>, <mark name="heading"/>,
<voice name="quote">. A mark begins a chapter. Words outside a <p> are a paragraph of their own. What is said around
the episode, and not by its author, is `around` it: who records it may leave that out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import accumulate, pairwise
from xml.etree.ElementTree import ParseError, XMLParser

from pipeline.errors import TemplateError, suggestion
from pipeline.sound.spoken import Change, Run, heard

AFTER_SENTENCE, AFTER_PARAGRAPH, BEFORE_HEADING = 0.35, 0.6, 1.0
"""Seconds of silence."""

ELEMENTS = ("speak", "p", "sub", "break", "mark", "voice")


@dataclass(frozen=True, slots=True)
class Sentence:
    """text: as written. spoken: what the voice is given. pause: seconds of silence after it.

    around: whether it stands around the episode's text. changes: where the two differ, and why.
    """

    text: str
    spoken: str
    voice: str
    pause: float
    paragraph: int
    around: bool = False
    changes: tuple[Change, ...] = ()


@dataclass(frozen=True, slots=True)
class Speech:
    """Sentences in order, and the marks among them: a name, and the index of the sentence it stands before."""

    sentences: tuple[Sentence, ...]
    marks: tuple[tuple[str, int], ...]


def speech(ssml: str, lexicon: Mapping[str, str], language: str = "en") -> Speech:
    """The sentences and marks of a fragment of SSML. Raises TemplateError, naming the line of the fragment."""
    reader = _Reader(lexicon, language)
    parser = XMLParser(target=reader)
    try:
        parser.feed(f"<speak>{ssml}</speak>")
        parser.close()
    except ParseError as error:
        raise TemplateError(f"the speech templates made broken SSML: {error}") from error
    return Speech(tuple(reader.sentences), tuple(reader.marks))


def in_sentences(runs: list[Run], language: str) -> Iterator[list[Run]]:
    """Runs of a paragraph, cut at the ends of its sentences and never inside a run that has its own sound."""
    joined = _joined(runs)
    # Whatever stands in a run with its own sound, it is a word to its sentence.
    words = ("X" + "x" * (len(run.written) - 1) if run.said else run.written for run in joined)
    ends = _ends("".join(words), language)
    at, sentence = 0, list[Run]()
    for run in joined:
        for piece in [run] if run.said else _pieces(run, at, ends):
            sentence.append(piece)
            at += len(piece.written)
            if at in ends:
                yield sentence
                sentence = []
    if sentence:
        yield sentence


def _pieces(run: Run, start: int, ends: set[int]) -> Iterator[Run]:
    cuts = [at - start for at in sorted(ends) if start < at < start + len(run.written)]
    for begin, end in pairwise([0, *cuts, len(run.written)]):
        yield replace(run, written=run.written[begin:end])


_SHORT = re.compile(
    r"\b(?:approx|art|ca|ch|eq|est|excl|fig|incl|max|min|(?-i:No)|p|pp|sec|vol)\.\s*$", re.I
)
"""An abbreviation that a number follows."""


def _ends(text: str, language: str) -> set[int]:
    """Where in a text its sentences end, white space behind them included."""
    from sentencex import segment

    ends = accumulate(len(piece) for piece in segment(language.partition("-")[0], text))
    return {
        end for end in ends if not (_SHORT.search(text, 0, end) and text[end : end + 1].isdigit())
    }


def _joined(runs: list[Run]) -> list[Run]:
    """The runs with white space as a reader sees it: one space at most, none at either end."""
    out, open_space = list[Run](), False
    for run in runs:
        written = re.sub(r"\s+", " ", run.written)
        if not out or open_space:
            written = written.lstrip()
        if written or run.said:
            out.append(replace(run, written=written))
            open_space = written.endswith(" ")
    if out:
        out[-1] = replace(out[-1], written=out[-1].written.rstrip())
    return out


def _seconds(time: str) -> float:
    found = re.fullmatch(r"(\d+(?:\.\d+)?)(ms|s)", time.strip())
    if not found:
        raise TemplateError(f'<break time="{time}"/> in a speech template: write 800ms or 0.8s')
    return float(found[1]) / (1000 if found[2] == "ms" else 1)


@dataclass(slots=True)
class _Reader:
    """Told of tags and words as they come, so that the depth of a fragment costs nothing."""

    lexicon: Mapping[str, str]
    language: str
    sentences: list[Sentence] = field(default_factory=list)
    marks: list[tuple[str, int]] = field(default_factory=list)
    _voices: list[str] = field(default_factory=lambda: ["default"])
    _runs: list[Run] = field(default_factory=list)
    _alias: str | None = None
    _sub: str = ""
    _around: bool = False
    _paragraph: int = 0

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        if tag not in ELEMENTS:
            raise TemplateError(
                f"<{tag}> in a speech template is not read" + suggestion(tag, ELEMENTS)
            )
        if tag == "sub":
            self._alias, self._sub = attributes.get("alias", ""), ""
            return
        if tag in ("p", "voice"):
            self._end_paragraph()
            name = attributes.get("voice" if tag == "p" else "name") or self._voices[-1]
            self._voices.append(name)
            if tag == "p":
                self._around = attributes.get("around") == "yes"
        elif tag == "break":
            self._end_paragraph()
            self._pause(_seconds(attributes.get("time", "")))
        elif tag == "mark":
            self._end_paragraph()
            self._pause(max(BEFORE_HEADING, self.sentences[-1].pause if self.sentences else 0))
            self.marks.append((attributes.get("name", ""), len(self.sentences)))

    def data(self, words: str) -> None:
        if self._alias is not None:
            self._sub += words
        else:
            self._runs.append(Run(words))

    def end(self, tag: str) -> None:
        if tag == "sub":
            self._runs.append(Run(self._sub, self._alias or ""))
            self._alias = None
        elif tag in ("p", "voice", "speak"):
            self._end_paragraph()
            if tag != "speak":
                self._voices.pop()
            self._around = False

    def close(self) -> None:
        """Nothing is left to do: the root's end has closed the last paragraph."""

    def _pause(self, seconds: float) -> None:
        if self.sentences:
            self.sentences[-1] = replace(self.sentences[-1], pause=seconds)

    def _end_paragraph(self) -> None:
        before = len(self.sentences)
        for runs in in_sentences(self._runs, self.language):
            found = heard(runs, self.lexicon, self.language)
            if any(character.isalnum() for character in found.words):
                self.sentences.append(
                    Sentence(
                        "".join(run.written for run in runs).strip(),
                        found.words,
                        self._voices[-1],
                        AFTER_SENTENCE,
                        self._paragraph,
                        self._around,
                        found.changes,
                    )
                )
        self._runs = []
        if len(self.sentences) > before:
            self._paragraph += 1
            self._pause(AFTER_PARAGRAPH)
