"""Written words become the words a voice is given."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from typing import Literal

from pipeline.sound.english import SAID, read_aloud

_FIRST, _LAST = ord(SAID[1]), ord(SAID[3])
_UNSEEN = "[\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufe0f]"
_SILENT = frozenset("*_`|^{}[]<>\\~")


@dataclass(frozen=True, slots=True)
class Run:
    """Written words; `said` is what the author wants to hear in their place, word for word."""

    written: str
    said: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """Written words that are not read as they stand, what is said in their place, and who says so."""

    written: str
    spoken: str
    by: Literal["say", "lexicon", "rules"]


@dataclass(frozen=True, slots=True)
class Heard:
    """What a voice is given, and where that is not what is written."""

    words: str
    changes: tuple[Change, ...]


def spoken(runs: Iterable[Run], lexicon: Mapping[str, str], language: str = "en") -> str:
    """What a voice is given for some written words: `said` wins, then the lexicon, then the rules of English."""
    return heard(runs, lexicon, language).words


def heard(runs: Iterable[Run], lexicon: Mapping[str, str], language: str = "en") -> Heard:
    """What a voice is given for some written words, and what of them was changed.

    In another language than English the words stay as they are written: its voice has its own rules.
    """
    aside: list[Change] = []
    text = "".join(
        _set_aside(Change(run.written, run.said, "say"), aside) if run.said else _clean(run.written)
        for run in runs
    )
    text = _looked_up(text, lexicon, aside)
    read = read_aloud(text) if language.partition("-")[0] == "en" else text
    said = re.sub(rf"(?<={SAID})-(?=\w)|(?<=\w)-(?={SAID})", " ", read)
    words = _tidy(re.sub(SAID, lambda m: aside[ord(m[0]) - _FIRST].spoken, said))
    return Heard(words, tuple(_changes(text, read, aside)) if aside or read != text else ())


def _changes(text: str, read: str, aside: list[Change]) -> Iterator[Change]:
    """What was set aside and what the rules changed, in the order of the text."""
    before, after = text.split(), read.split()
    for kind, a, b, c, d in SequenceMatcher(None, before, after).get_opcodes():
        if kind == "equal":
            for mark in re.findall(SAID, " ".join(before[a:b])):
                change = aside[ord(mark) - _FIRST]
                if " ".join(change.written.split()) != change.spoken:
                    yield change
            continue
        written = re.sub(SAID, lambda m: aside[ord(m[0]) - _FIRST].written, " ".join(before[a:b]))
        said = re.sub(SAID, lambda m: aside[ord(m[0]) - _FIRST].spoken, " ".join(after[c:d]))
        yield Change(*_without_common_end(written, said), "rules")


def _without_common_end(written: str, said: str) -> tuple[str, str]:
    """Both without the marks at their ends that they share."""
    while written and said and written[-1] == said[-1] and written[-1] in ",.;:!?)”’\"'":
        written, said = written[:-1], said[:-1]
    return written, said


def _set_aside(change: Change, aside: list[Change]) -> str:
    """One character for words that are spoken words already."""
    if len(aside) > _LAST - _FIRST:
        return change.spoken
    aside.append(replace(change, spoken=" ".join(change.spoken.split())))
    return chr(_FIRST + len(aside) - 1)


def _clean(written: str) -> str:
    text = re.sub(f"{SAID}|{_UNSEEN}", "", unicodedata.normalize("NFC", written))
    text = re.sub(r"(?<=\d)[\u00a0\u2009\u202f](?=\d{3}(?!\d))", ",", text)
    return re.sub(r"\s", " ", text)


def _looked_up(text: str, lexicon: Mapping[str, str], aside: list[Change]) -> str:
    if not lexicon:
        return text
    longest_first = sorted(lexicon, key=lambda name: (-len(name), name))
    names = "|".join(re.escape(name) for name in longest_first)
    # A name ends where another number would begin: GPT-4 is not in GPT-4.5.
    pattern = rf"(?<!\w)(?<!\d[.,])(?:{names})(?!\w|[.,]\d|-\d)"
    return re.sub(
        pattern, lambda m: _set_aside(Change(m[0], lexicon[m[0]], "lexicon"), aside), text
    )


def _tidy(text: str) -> str:
    text = "".join(" " if _is_silent(character) else character for character in text)
    return re.sub(r" (?=[,.;:!?…)”])", "", re.sub(r"\s+", " ", text)).strip()


def _is_silent(character: str) -> bool:
    return character in _SILENT or unicodedata.category(character) in {"So", "Co", "Cc", "Cs"}
