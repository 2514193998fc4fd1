"""Numbers: figures that the text contradicts, or that are said as others."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from pipeline.check.finding import Finding, finding
from pipeline.check.words import blocks, inlines, prose
from pipeline.model import Block, Episode, words

SCALES = {
    "k": 1e3, "thousand": 1e3, "m": 1e6, "mn": 1e6, "million": 1e6, "b": 1e9, "bn": 1e9,
    "billion": 1e9, "t": 1e12, "tn": 1e12, "trillion": 1e12,
}  # fmt: skip

_FIGURE = re.compile(
    r"(?P<currency>[$€£¥])?(?<![\w.])(?P<number>\d+(?:,\d{3})*(?:\.\d+)?)"
    r"(?:\s?(?P<scale>thousand|million|billion|trillion|bn|mn|tn|[kKmMbBtT](?![\w’'])))?"
    r"\s?(?P<unit>%|per\s?cent|percent|×|x(?!\w))?"
)
_SENTENCE = re.compile(r"[^.!?]+(?:[.!?](?=\d)[^.!?]*)*[.!?]*")
_PLAIN = frozenset(
    {
        "about", "above", "after", "all", "also", "among", "and", "are", "been", "before", "being", "both",
        "could", "each", "every", "for", "from", "had", "has", "have", "into", "its", "just", "less", "made",
        "many", "more", "most", "much", "not", "now", "only", "other", "out", "over", "own", "since", "some",
        "such", "than", "that", "the", "their", "them", "then", "there", "these", "they", "this", "those",
        "through", "under", "until", "very", "was", "were", "what", "when", "where", "which", "while", "who",
        "will", "with", "would", "year", "years",
    }
)  # fmt: skip
ALIKE = 0.75
"""The share of a key figure's words that a sentence must hold to be about the same thing."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A number with its unit: ("%", "×", a currency or "")."""

    value: float
    unit: str
    written: str


def figures(text: str) -> list[Figure]:
    """The figures in some words."""
    return [_figure(found) for found in _FIGURE.finditer(text)]


def _figure(found: re.Match[str]) -> Figure:
    value = float(found["number"].replace(",", "")) * SCALES.get((found["scale"] or "").lower(), 1)
    unit = found["unit"] or ""
    kind = "%" if unit.startswith(("%", "per")) else "×" if unit else found["currency"] or ""
    return Figure(value, kind, found[0].strip())


def of_numbers(episode: Episode, english: bool) -> Iterator[Finding]:
    """Key figures against the body; in English, figures against how they are said."""
    body = list(_sentences(episode))
    for block in blocks(episode):
        if block.kind == "key-figures":
            for entry in block.children:
                yield from _of_entry(episode, entry, body)
    if english:
        yield from _of_said(episode)


def _sentences(episode: Episode) -> Iterator[str]:
    """What the body says, a sentence at a time, without its key figures."""
    for block in (*episode.blocks, *episode.footnotes):
        if block.kind != "key-figures":
            for part in block.walk():
                text = " ".join((words(part.head) + " " + words(part.inlines)).split())
                yield from (found[0] for found in _SENTENCE.finditer(text))


def _of_entry(episode: Episode, entry: Block, body: list[str]) -> Iterator[Finding]:
    shown = figures(words(entry.head))
    about = _stems(words(entry.inlines))
    if len(shown) != 1 or len(about) < 2:
        return
    for sentence in body:
        said = [one for one in figures(sentence) if one.unit == shown[0].unit]
        same = len(about & _stems(sentence)) / len(about)
        if said and same >= ALIKE and shown[0].value not in {one.value for one in said}:
            yield finding(
                "E701",
                episode.source,
                entry.line,
                f'the key figure is {shown[0].written}, but the text says "{sentence.strip()[:90]}"',
                "let them agree",
                episode.slug,
            )
            return


def _stems(text: str) -> set[str]:
    """The words that carry meaning, without their endings."""
    found = re.findall(r"[^\W\d_]{3,}", text.casefold())
    return {re.sub(r"(?:ing|ed|es|s)$", "", word) for word in found if word not in _PLAIN}


# --- as they are said -----------------------------------------------------------------------------

_ONES = {
    "zero": 0, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8,
    "nine": 9, "ten": 10, "eleven": 11, "twelve": 12, "thirteen": 13, "fourteen": 14, "fifteen": 15,
    "sixteen": 16, "seventeen": 17, "eighteen": 18, "nineteen": 19,
}  # fmt: skip
_TENS = {
    "twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "seventy": 70, "eighty": 80,
    "ninety": 90,
}  # fmt: skip
_GROUPS = {name: int(value) for name, value in SCALES.items() if len(name) > 2}
_WORDS = {"hundred", *_ONES, *_TENS, *_GROUPS}


def _of_said(episode: Episode) -> Iterator[Finding]:
    for inline, line in inlines(episode):
        say = inline.attributes.get("say", "")
        shown = figures(prose(inline.children)) if inline.kind == "span" else []
        said = spoken(say)
        if len(shown) == 1 and said is not None and not _same(shown[0], said):
            yield finding(
                "E702",
                episode.source,
                line,
                f'"{prose(inline.children)}" is said "{say}", which is {said:,g}',
                "let them agree",
                episode.slug,
            )


def _same(shown: Figure, said: float) -> bool:
    bare = float(re.sub(r"[^\d.]", "", shown.written) or "nan")
    return any(abs(value - said) <= 1e-9 * max(1, abs(said)) for value in (shown.value, bare))


def spoken(text: str) -> float | None:
    """The one number that some English words say; None where they say none, or several."""
    found: list[float] = []
    run: list[str] = []
    for word in [*re.findall(r"[a-z]+|\d+", text.casefold().replace("-", " ")), ""]:
        if word in _WORDS or (run and word in ("and", "point")):
            run.append(word)
        elif run:
            value = _value(run)
            if value is None:
                return None
            found.append(value)
            run = []
    return found[0] if len(found) == 1 and not re.search(r"\d", text) else None


def _value(run: list[str]) -> float | None:
    """What a run of number words comes to; None where it is no one number ("twenty twenty six")."""
    while run and run[-1] in ("and", "point"):
        run = run[:-1]
    whole, _, fraction = " ".join(run).partition(" point ")
    scale = 1
    digits = fraction.split()
    while digits and digits[-1] in _GROUPS:
        scale *= _GROUPS[digits.pop()]
    if not all(_ONES.get(digit, 10) < 10 for digit in digits):
        return None
    value = _whole(whole.split())
    if value is None:
        return None
    decimals = "".join(str(_ONES[digit]) for digit in digits)
    return float(f"{value}.{decimals or 0}") * scale


def _whole(run: list[str]) -> int | None:
    total, group, room = 0, 0, 100  # room: a word of less may follow
    for word in run:
        if word in _GROUPS:
            total, group, room = total + max(group, 1) * _GROUPS[word], 0, 100
        elif word == "hundred":
            group, room = max(group, 1) * 100, 100
        elif word != "and":
            value = _ONES[word] if word in _ONES else _TENS[word]
            if value >= room:
                return None
            group, room = group + value, 10 if value >= 20 else 0
    return total + group
