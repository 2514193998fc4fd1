"""Where the parts of what is heard begin, and what each shows: by hand, or by the headings and when they are said."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pipeline.errors import AuthorError
from pipeline.model import Listing, chapter
from pipeline.sound.timing import Time


@dataclass(frozen=True, slots=True)
class Begun:
    """A chapter: when it begins in the file, in seconds, and its heading's id. image: a file beside episode.md."""

    start: float
    title: str
    id: str = ""
    url: str = ""
    image: str = ""
    alt: str = ""


def by_hand(listing: Listing, offset: float, seconds: float) -> tuple[Begun, ...]:
    """The chapters of front matter, whose times are those of the recording as it was handed in.

    Raises AuthorError where one begins behind the end.
    """
    found = [one for one in map(chapter, listing.chapters) if one]
    moved = [Begun(max(0.0, round(at + offset, 3)), title) for at, title in found]
    for one, wrote in zip(moved, listing.chapters, strict=True):
        if one.start >= seconds:
            raise AuthorError(
                f"content/{listing.slug}/episode.md",
                None,
                f'chapters: "{wrote}" begins behind the end of the recording',
            )
    return _from_the_beginning(moved, listing)


def _from_the_beginning(begun: list[Begun], listing: Listing) -> tuple[Begun, ...]:
    if not begun or begun[0].start < 1:
        return tuple(replace(one, start=0.0) if one is begun[0] else one for one in begun)
    return (Begun(0.0, listing.title), *begun)


def by_headings(
    told: Sequence[Mapping[str, Any]], times: Sequence[Time], offset: float
) -> tuple[Begun, ...]:
    """The chapters of a script at the first of their sentences that is said; one alone is none.

    The first begins with the file.
    """
    ends = [*(one["sentence"] for one in told[1:]), len(times)]
    found = list[Begun]()
    for one, end in zip(told, ends, strict=True):
        said = next((time for time in times[one["sentence"] : end] if time), None)
        if said:
            start = round(offset + said["start"], 3) if found else 0.0
            found.append(Begun(start, one["title"], one.get("id", "")))
    return tuple(found) if len(found) > 1 else ()


def with_sections(begun: Iterable[Begun], sections: Sequence[Mapping[str, str]]) -> Iterator[Begun]:
    """The chapters, each with the first picture and the first link of its sections."""
    chapters = list(begun)
    starts = [
        next((at for at, section in enumerate(sections) if section["id"] == one.id), None)
        for one in chapters
    ]
    known = [at for at in starts if at is not None]
    for one, at in zip(chapters, starts, strict=True):
        if at is None:
            yield one
            continue
        end = min((other for other in known if other > at), default=len(sections))
        url, image, alt = (_first(sections[at:end], name) for name in ("url", "image", "alt"))
        yield replace(one, url=url, image=image, alt=alt)


def _first(sections: Iterable[Mapping[str, str]], name: str) -> str:
    return next((section[name] for section in sections if section.get(name)), "")
