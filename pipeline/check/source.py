"""Sources: what an episode's text says that must not go out so."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from datetime import date
from itertools import pairwise

from pipeline.check.finding import Finding, finding
from pipeline.check.rules import RULES
from pipeline.check.words import blocks, passages
from pipeline.errors import suggestion
from pipeline.model import Block, Episode, Publication, words

DOUBLES = frozenset(
    {
        "bye", "das", "der", "die", "ha", "had", "is", "no", "nous", "sie", "so", "that", "very", "vous",
    }
)  # fmt: skip
"""Words that may well stand twice in a row."""

MONTHS = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september", "october",
    "november", "december",
)  # fmt: skip
DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


def of_source(
    episode: Episode, text: str, keys: Mapping[str, int], publication: Publication
) -> Iterator[Finding]:
    """What is wrong with an episode's text; `keys` are the lines of its front matter."""
    yield from _of_listing(episode, keys, publication)
    yield from _of_waivers(episode, keys)
    yield from _of_notes(episode, text)
    yield from _of_corrections(episode, keys)
    yield from _of_headings(episode)
    yield from _of_timelines(episode)
    if episode.blocks and not any(map(_on_the_web, episode.blocks)):
        yield finding(
            "E112",
            episode.source,
            episode.blocks[0].line,
            "the episode shows nothing on the web: all of it is for other media",
            "take a part of it out of its ::: block",
            episode.slug,
        )
    english = publication.language.partition("-")[0].lower() == "en"
    for passage, line in passages(episode):
        yield from _of_words(episode, passage, line)
        yield from _of_dates(episode, passage, line, english)


# --- front matter ---------------------------------------------------------------------------------


def _of_listing(
    episode: Episode, keys: Mapping[str, int], publication: Publication
) -> Iterator[Finding]:
    listing = episode.listing
    people = tuple(person.id for person in publication.people)
    for name in listing.by:
        if name not in people:
            yield finding(
                "E108",
                episode.source,
                keys.get("by", 1),
                f'by: there is no person "{name}"',
                "name one of [[people]] in publication.toml" + suggestion(name, people),
                episode.slug,
            )
    if listing.season is not None and listing.season < 1:
        message = f"season: {listing.season} is below 1"
        line = keys.get("season", 1)
        yield finding("E108", episode.source, line, message, "the first season is 1", episode.slug)
    for key in ("title", "subtitle", "summary", "image_alt"):
        line = keys.get(key, 1)
        for found in _of_words(episode, str(getattr(listing, key)), 0):
            yield finding(found.code, found.where, line, found.message, found.mend, episode.slug)


def _of_waivers(episode: Episode, keys: Mapping[str, int]) -> Iterator[Finding]:
    for code, reason in episode.listing.waive.items():
        if code not in RULES:
            message, mend = f'waive: there is no code "{code}"', "see simulcast check --codes"
        elif not RULES[code].waivable:
            message = f"waive: {code} ({RULES[code].title}) cannot be let pass"
            mend = "it would break what readers get; mend it"
        elif not reason.strip():
            message, mend = (
                f"waive: {code} is let pass without a reason",
                "write why, in a few words",
            )
        else:
            continue
        yield finding("E117", episode.source, keys.get("waive", 1), message, mend, episode.slug)


# --- blocks ---------------------------------------------------------------------------------------


def _on_the_web(block: Block) -> bool:
    if block.kind in ("only", "except"):
        named = "web" in block.attributes.get("for", "").split()
        return named == (block.kind == "only") and any(map(_on_the_web, block.children))
    return True


_NOTE = re.compile(r"^ {0,3}\[\^([^\]\s]+)\]:", re.MULTILINE)
_FENCED = re.compile(r"^ {0,3}(`{3,}|~{3,}).*?(?:^ {0,3}\1|\Z)", re.MULTILINE | re.DOTALL)


def _of_notes(episode: Episode, text: str) -> Iterator[Finding]:
    """Footnotes that nothing refers to: they are shown nowhere."""
    text = _FENCED.sub(lambda code: "\n" * code[0].count("\n"), text)
    used = _NOTE.sub("", text)
    for note in _NOTE.finditer(text):
        if f"[^{note[1]}]" not in used:
            yield finding(
                "E111",
                episode.source,
                text.count("\n", 0, note.start()) + 1,
                f'nothing refers to the footnote "{note[1]}", so nobody sees it',
                f"write [^{note[1]}] where it belongs, or delete it",
                episode.slug,
            )


def _of_corrections(episode: Episode, keys: Mapping[str, int]) -> Iterator[Finding]:
    """A correction that feed readers would never be told of, or that came before the mistake."""
    listing = episode.listing
    for block in blocks(episode):
        if block.kind != "correction":
            continue
        if listing.updated is None:
            yield finding(
                "E113",
                episode.source,
                block.line,
                "a correction, but the front matter has no updated: feeds would not tell of it",
                f"add updated: {block.attributes['date']}T08:00:00Z",
                episode.slug,
            )
        if date.fromisoformat(block.attributes["date"]) < listing.published.date():
            yield finding(
                "E114",
                episode.source,
                block.line,
                f"corrected on {block.attributes['date']}, before it was published",
                "correct one of the dates",
                episode.slug,
            )


def _of_headings(episode: Episode) -> Iterator[Finding]:
    """Those who listen to a page go by its headings, level by level."""
    above = 1
    for block in blocks(episode):
        if block.kind != "heading":
            continue
        level = int(block.attributes["level"])
        if level > above + 1:
            yield finding(
                "E110",
                episode.source,
                block.line,
                f'the heading "{words(block.inlines)}" has {"#" * level} below {"#" * above}',
                f"write {'#' * (above + 1)}",
                episode.slug,
            )
        above = level


_YEAR = re.compile(r"\b(1[5-9]\d\d|20\d\d)\b")


def _of_timelines(episode: Episode) -> Iterator[Finding]:
    for block in blocks(episode):
        if block.kind != "timeline":
            continue
        dated = [
            (int(found[1]), entry.line)
            for entry in block.children
            if (found := _YEAR.search(words(entry.head)))
        ]
        years = [year for year, _ in dated]
        if years not in (sorted(years), sorted(years, reverse=True)):
            line = next(at for (a, _), (b, at) in pairwise(dated) if b < a)
            yield finding(
                "E119",
                episode.source,
                line,
                f"the timeline runs {', '.join(map(str, years))}",
                "put its entries in order",
                episode.slug,
            )


# --- words ----------------------------------------------------------------------------------------

_PLACEHOLDER = re.compile(r"(?<!\w)(?:TK)+(?!\w)")


def _of_words(episode: Episode, prose: str, line: int) -> Iterator[Finding]:
    """Placeholders and doubled words; a line break in the prose is one in the file."""
    for found in _PLACEHOLDER.finditer(prose):
        yield finding(
            "E103",
            episode.source,
            line + prose.count("\n", 0, found.start()),
            f'"{found[0]}" marks something still to come',
            "write it, or put it in `backticks` if it is meant so",
            episode.slug,
        )
    for first, second in pairwise(re.finditer(r"\S+", prose)):
        if _doubled(first[0], second[0]):
            yield finding(
                "E105",
                episode.source,
                line + prose.count("\n", 0, second.start()),
                f'"{first[0]} {_bare(second[0])}" stands twice',
                "delete one",
                episode.slug,
            )


def _doubled(first: str, second: str) -> bool:
    """Whether a word stands twice; names (Duran Duran) and numbers may."""
    word = _bare(second).casefold()
    if first.casefold() != word or word in DOUBLES or not any(map(str.isalpha, word)):
        return False
    names = first[0].isupper() and second[0].isupper()
    return not names and all(unicodedata.category(c)[0] in "LM" or c in "'’-" for c in word)


def _bare(word: str) -> str:
    return word.rstrip(".,;:!?…)]}»”’\"'")


_DAY = rf"(?:(?P<day>{'|'.join(DAYS)}),?\s+)?"
_MONTH = rf"(?P<month>{'|'.join(MONTHS)})"
_NUMBER = r"(?P<number>\d{1,2})(?:st|nd|rd|th)?"
_YEAR_OF = r",?\s+(?P<year>\d{4})\b"
_WRITTEN = (
    re.compile(rf"\b{_DAY}(?:the\s+)?{_NUMBER}\s+(?:of\s+)?{_MONTH}{_YEAR_OF}", re.IGNORECASE),
    re.compile(rf"\b{_DAY}{_MONTH}\s+{_NUMBER}{_YEAR_OF}", re.IGNORECASE),
)
_ISO = re.compile(r"(?<![\d-])((?:19|20)\d\d)-(\d\d)-(\d\d)(?![\d-])")


def _of_dates(episode: Episode, prose: str, line: int, english: bool) -> Iterator[Finding]:
    """Dates that no calendar has, and weekdays that are another day's."""
    for found in _ISO.finditer(prose):
        if _date(*map(int, found.groups())) is None:
            yield _no_date(episode, found[0], line + prose.count("\n", 0, found.start()))
    for form in _WRITTEN if english else ():
        for found in form.finditer(prose):
            at = line + prose.count("\n", 0, found.start())
            written = " ".join(found[0].split())
            month = MONTHS.index(found["month"].lower()) + 1
            when = _date(int(found["year"]), month, int(found["number"]))
            if when is None:
                yield _no_date(episode, written, at)
            elif found["day"] and DAYS[when.weekday()] != found["day"].lower():
                yield finding(
                    "E115",
                    episode.source,
                    at,
                    f'"{written}" was a {DAYS[when.weekday()].capitalize()}',
                    "correct the day or the date",
                    episode.slug,
                )


def _date(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _no_date(episode: Episode, written: str, line: int) -> Finding:
    message = f'"{written}" is in no calendar'
    return finding("E116", episode.source, line, message, "correct it", episode.slug)
