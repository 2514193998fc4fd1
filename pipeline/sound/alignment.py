"""The words of a recording are laid against the sentences of its script: when each is said, and what departs."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby, pairwise

from pipeline.sound.matching import stretches
from pipeline.sound.recognition import Overheard, Said

UNSAID, CHANGED = 0.35, 0.6
"""The share of a sentence's words that is heard, below which it is not said, and below which it is said otherwise."""

ADDED = 4
"""Words that nobody wrote from which they are told: fewer are mishearings."""

LEFT_OUT = 3
"""Words in a row that are missing in a sentence from which it is told as said otherwise."""

NEAR = 0.6
"""Seconds by which a recogniser may be wrong about a word; a sentence's edge is where it is quiet that near."""

TOGETHER = 1.5
"""Seconds between two sentences up to which the same pause parts them."""

WEIGHT = 0.5
"""How much of a pause's length its distance takes away, when the likeliest is chosen."""


@dataclass(slots=True)
class _Match:
    """Of one sentence: its words, how many were heard and lack in a row, and about when the first and the last."""

    count: int
    heard: int = 0
    missing: int = 0
    start: float | None = None
    end: float = 0.0


@dataclass(frozen=True, slots=True)
class Departure:
    """Where what is said is not what is written. kind: unsaid · changed · added; sentence: its index, if it has one."""

    kind: str
    sentence: int | None
    start: float | None
    words: str


@dataclass(frozen=True, slots=True)
class Alignment:
    """When each sentence is said, in seconds, None where it is not; and every departure, in order."""

    times: tuple[tuple[float, float] | None, ...]
    departures: tuple[Departure, ...] = field(default=())


def aligned(sentences: Sequence[str], heard: Overheard) -> Alignment:
    """Lay what was heard against the sentences as they are spoken."""
    written = [(word, at) for at, one in enumerate(sentences) for word in _words(one)]
    spoken = [pair for run in _runs(heard.words) for pair in _said(run)]
    begins = {place for place, (one, two) in enumerate(pairwise(written), 1) if one[1] != two[1]}
    found = stretches([word for word, _ in written], [word for word, _ in spoken], {0, *begins})
    matches = [_Match(len(_words(one))) for one in sentences]
    for one in found:
        _lay(written[one.written], spoken[one.heard], matches, one.agree)
    said = [one.heard >= one.count * UNSAID and one.start is not None for one in matches]
    times = _edges(matches, said, heard.pauses)
    departures = list(_of_sentences(sentences, matches, said, times))
    for one in found:
        more = list(dict.fromkeys(word for _, word in spoken[one.heard]))
        known = sum(said[at] for _, at in written[one.written])  # at most misheard
        if not one.agree and len(more) - known >= ADDED:
            words = " ".join(word.word for word in more)
            departures.append(Departure("added", None, more[0].start, words))
    departures.sort(key=lambda one: one.start if one.start is not None else _before(one, times))
    return Alignment(tuple(times), tuple(departures))


def _lay(
    written: Sequence[tuple[str, int]],
    spoken: Sequence[tuple[str, Said]],
    matches: Sequence[_Match],
    agree: bool,
) -> None:
    """Give the sentences of a stretch the words that are heard in it, in proportion where they are not as many."""
    for place, (_, sentence) in enumerate(written):
        match = matches[sentence]
        if spoken:
            said = spoken[place * len(spoken) // len(written)][1]
            match.start = said.start if match.start is None else match.start
            match.end = said.end
        match.heard += agree
    if not agree:
        for sentence, count in Counter(sentence for _, sentence in written).items():
            matches[sentence].missing = max(matches[sentence].missing, count - len(spoken))


_WORD = re.compile(r"[A-Z]?[^\W\dA-Z_]+|[A-Z]|\d+")
"""A word, or a letter that is said by itself: ChatGPT is chat, g, p, t."""


def _words(text: str) -> list[str]:
    return [word.casefold() for word in _WORD.findall(re.sub(r"['’]", "", text))]


_NUMBERED = re.compile(
    r"\W*(?:\S*\d\S*|hundred|thousand|million|billion|trillion|percent|January|February|March|April|May|June|July"
    r"|August|September|October|November|December)\W*",
    re.I,
)


def _runs(heard: Sequence[Said]) -> Iterator[list[Said]]:
    """Words one by one; those of a number, a sum or a date together, for they are said together."""
    for numbered, group in groupby(heard, key=lambda one: bool(_NUMBERED.fullmatch(one.word))):
        run = list(group)
        yield from [run] if numbered else ([one] for one in run)


def _said(run: Sequence[Said]) -> Iterator[tuple[str, Said]]:
    """The words of a run as they were said: a recogniser writes 5 June for the fifth of June, $1 for one dollar."""
    from pipeline.sound.spoken import Run, spoken

    text = " ".join(one.word for one in run)
    numbered = any(letter.isdigit() for letter in text)
    words = _words(spoken([Run(text)], {}, "en") if numbered else text)
    for place, word in enumerate(words):
        yield word, run[place * len(run) // len(words)]


def _edges(
    matches: Sequence[_Match], said: Sequence[bool], pauses: Sequence[tuple[float, float]]
) -> list[tuple[float, float] | None]:
    """When each sentence begins and ends: at the pause that parts it from its neighbour, where there is one."""
    order = [at for at, is_said in enumerate(said) if is_said]
    starts, ends = dict[int, float](), dict[int, float]()
    for at, after in zip([None, *order], [*order, None], strict=True):
        end = matches[at].end if at is not None else None
        start = matches[after].start if after is not None else None
        if end is not None and start is not None and start - end < TOGETHER:
            pause = _parting(pauses, min(end, start), max(end, start))
            end, start = pause or (min(end, start), max(end, start))
        else:
            end = end if end is None else _quiet_from(pauses, end)
            start = start if start is None else _quiet_until(pauses, start)
        if at is not None and end is not None:
            ends[at] = end
        if after is not None and start is not None:
            starts[after] = start
    return [
        (starts[at], max(ends[at], starts[at])) if is_said else None
        for at, is_said in enumerate(said)
    ]


def _parting(
    pauses: Sequence[tuple[float, float]], end: float, start: float
) -> tuple[float, float] | None:
    """The likeliest pause about here: long, and near the middle."""
    middle = (start + end) / 2
    near = [one for one in pauses if one[1] > end - NEAR and one[0] < start + NEAR]
    return max(near, key=lambda one: _likely(one, middle), default=None)


def _likely(pause: tuple[float, float], middle: float) -> float:
    length = pause[1] - pause[0]
    away = max(0.0, abs(sum(pause) / 2 - middle) - length / 2)
    return length - WEIGHT * away - 0.3 * abs(sum(pause) / 2 - middle)


def _quiet_from(pauses: Sequence[tuple[float, float]], end: float) -> float:
    near = [one for one in pauses if abs(one[0] - end) < NEAR]
    return max(near, key=lambda one: one[1] - one[0] - abs(one[0] - end), default=(end, end))[0]


def _quiet_until(pauses: Sequence[tuple[float, float]], start: float) -> float:
    near = [one for one in pauses if abs(one[1] - start) < NEAR]
    return max(near, key=lambda one: one[1] - one[0] - abs(one[1] - start), default=(start, start))[
        1
    ]


def _of_sentences(
    sentences: Sequence[str],
    matches: Sequence[_Match],
    said: Sequence[bool],
    times: Sequence[tuple[float, float] | None],
) -> Iterator[Departure]:
    for at, (match, time) in enumerate(zip(matches, times, strict=True)):
        if not said[at] or time is None:
            yield Departure("unsaid", at, None, sentences[at])
        elif match.heard < match.count * CHANGED or match.missing >= LEFT_OUT:
            yield Departure("changed", at, time[0], sentences[at])


def _before(one: Departure, times: Sequence[tuple[float, float] | None]) -> float:
    """About when an unsaid sentence would have been said."""
    return next((time[1] for time in reversed(times[: one.sentence or 0]) if time), 0.0)
