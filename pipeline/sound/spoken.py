"""Written words become the words a voice is given."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pipeline.sound.english import SAID, read_aloud

_FIRST, _LAST = ord(SAID[1]), ord(SAID[3])
_UNSEEN = "[\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufe0f]"
_SILENT = frozenset("*_`|^{}[]<>\\~")


@dataclass(frozen=True, slots=True)
class Run:
    """Written words; `said` is what the author wants to hear in their place, word for word."""

    written: str
    said: str = ""


def spoken(runs: Iterable[Run], lexicon: Mapping[str, str], language: str = "en") -> str:
    """What a voice is given for some written words: `said` wins, then the lexicon, then the rules of English.

    In another language the words stay as they are written: its voice has its own rules.
    """
    said: list[str] = []
    text = "".join(_set_aside(run.said, said) if run.said else _clean(run.written) for run in runs)
    text = _looked_up(text, lexicon, said)
    if language.partition("-")[0] == "en":
        text = read_aloud(text)
    text = re.sub(rf"(?<={SAID})-(?=\w)|(?<=\w)-(?={SAID})", " ", text)
    return _tidy(re.sub(SAID, lambda m: said[ord(m[0]) - _FIRST], text))


def _set_aside(words: str, said: list[str]) -> str:
    """One character for words that are spoken words already."""
    if len(said) > _LAST - _FIRST:
        return words
    said.append(" ".join(words.split()))
    return chr(_FIRST + len(said) - 1)


def _clean(written: str) -> str:
    text = re.sub(f"{SAID}|{_UNSEEN}", "", unicodedata.normalize("NFC", written))
    text = re.sub(r"(?<=\d)[\u00a0\u2009\u202f](?=\d{3}(?!\d))", ",", text)
    return re.sub(r"\s", " ", text)


def _looked_up(text: str, lexicon: Mapping[str, str], said: list[str]) -> str:
    if not lexicon:
        return text
    longest_first = sorted(lexicon, key=lambda name: (-len(name), name))
    names = "|".join(re.escape(name) for name in longest_first)
    # A name ends where another number would begin: GPT-4 is not in GPT-4.5.
    pattern = rf"(?<!\w)(?<!\d[.,])(?:{names})(?!\w|[.,]\d|-\d)"
    return re.sub(pattern, lambda m: _set_aside(lexicon[m[0]], said), text)


def _tidy(text: str) -> str:
    text = "".join(" " if _is_silent(character) else character for character in text)
    return re.sub(r" (?=[,.;:!?…)”])", "", re.sub(r"\s+", " ", text)).strip()


def _is_silent(character: str) -> bool:
    return character in _SILENT or unicodedata.category(character) in {"So", "Co", "Cc", "Cs"}
