"""content/ and audio/ become episodes and recordings."""

from __future__ import annotations

import hashlib
import os
import re
import unicodedata
from bisect import insort
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from operator import attrgetter
from pathlib import Path
from typing import Any, Protocol

from pipeline import identity, markdown
from pipeline.errors import AuthorError, OutsideError, suggestion
from pipeline.model import (
    Episode,
    Listing,
    Page,
    Place,
    Publication,
    SeriesEntry,
    chapter,
)
from pipeline.store import state
from pipeline.written import Location, refuse_bad_dates, remembered_as, told_as, written

LARGEST = 2_000_000
"""Bytes of an episode file; ten novels. Larger is a mistake, and no mail or page could show it."""

LONGEST_SLUG = 100

SERIES_SHOWN = 12
"""How many lines of the series index stand in an episode, newest last, so that its cost never grows."""

RECORDINGS = (".wav", ".flac", ".mp3", ".m4a")
OTHER_SOUNDS = (".aac", ".aif", ".aiff", ".mov", ".mp4", ".oga", ".ogg", ".opus", ".wma")

OURS = frozenset(
    {
        *("about", "archive", "artwork", "audio", "feeds"),
        *("people", "search", "series", "static", "subscribe"),
    }
)
"""Folders of the site; an episode named like one would take its place."""

_SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*")
_WEB = re.compile(r"https?://[^/\s]+")
NUMBERED = re.compile(r"(\d+)(-|$)")
_GUIDS = ("guid", "podcast_guid", "atom_guid")
_NOT_AUTHORS = {
    "slug": "is the folder's name; rename the folder instead",
    "first_guid": "is for content/published.json to remember; delete it",
}


@dataclass(frozen=True, slots=True)
class Source:
    """An episode file as read: its listing, where its body begins, what its bytes hash to, on which line a key stands.

    The body stays on disk until it is asked for: an archive has more of them than memory should hold.
    guids: those that the author wrote, of article, podcast and Atom entry; the listing has those that are published.
    """

    listing: Listing
    where: str
    first_line: int
    sha256: str
    lines: Mapping[str, int]
    guids: tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Contents:
    """What content/ holds: episodes that can be read, oldest first, and what is wrong with the others."""

    sources: Mapping[str, Source]
    errors: Mapping[str, AuthorError]

    @property
    def listings(self) -> tuple[Listing, ...]:
        return tuple(source.listing for source in self.sources.values())


class Readings(Protocol):
    """What was read in files before: `told(path, state)`, "" where a file is new or is not in that state any more."""

    def told(self, path: str, state: str) -> str: ...

    def remember(self, path: str, state: str, told: str) -> None: ...


def contents(
    root: Path,
    publication: Publication,
    remembered: identity.Identities,
    readings: Readings | None = None,
) -> Contents:
    """All episodes below `root`; one that is broken does not keep the others from being read.

    readings: files that are as they were are not read again.
    """
    sources: dict[str, Source] = {}
    errors: dict[str, AuthorError] = {}
    withdrawn = remembered.withdrawn
    states = {slug: found for slug, found in _folders(root) if slug not in withdrawn}
    for slug, now in states.items():
        where = f"content/{slug}/episode.md"
        told = readings.told(where, now) if readings else ""
        try:
            sources[slug] = (
                remembered_as(Source, told) if told else _source(root / "content" / slug, where)
            )
        except AuthorError as error:
            errors[slug] = error
    errors |= _repeated_numbers(publication, sources)
    errors |= _changed_guids(remembered, sources)
    good = [source for slug, source in sources.items() if slug not in errors]
    good.sort(key=lambda source: (source.listing.published, source.listing.slug))
    found = {one.listing.slug: _identified(one, publication, remembered) for one in good}
    for slug, one in found.items():
        if readings and one is not sources[slug]:
            readings.remember(one.where, states[slug], told_as(Source, one))
    return Contents(found, errors)


def _folders(root: Path) -> Iterator[tuple[str, str]]:
    """Folders of episodes, and the state of the file in each: those with one, and those named by a number."""
    try:
        with os.scandir(root / "content") as entries:
            folders = sorted((one.name, one.path) for one in entries if one.is_dir())
    except (FileNotFoundError, NotADirectoryError):
        return
    for name, path in folders:
        found = state(f"{path}/episode.md")
        if found or NUMBERED.match(name):
            yield name, found


def _source(folder: Path, where: str) -> Source:
    _check_slug(folder.name, where)
    data = _bytes(folder / "episode.md", where)
    text = _text(data, where)
    front, lines, body, first_line = _split(text, where)
    listing = _listing(front, lines, where, folder.name)
    if not body.strip():
        raise AuthorError(
            where,
            first_line,
            "has front matter and no text; write the episode below the second ---",
            code="E132",
        )
    guids = (listing.guid, listing.podcast_guid, listing.atom_guid)
    return Source(listing, where, first_line, hashlib.sha256(data).hexdigest(), lines, guids)


def ascii_slug(text: str) -> str:
    """Words as a folder's name, which becomes an address: a–z, 0–9 and single hyphens; may be empty."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-")


def _check_slug(slug: str, where: str) -> None:
    if slug in OURS:
        raise AuthorError(
            where,
            None,
            f'the site has a folder "{slug}" of its own; choose another name',
            code="E133",
        )
    if len(slug) > LONGEST_SLUG:
        raise AuthorError(
            where,
            None,
            f"the folder's name has {len(slug)} characters (allowed: {LONGEST_SLUG})",
            code="E133",
        )
    if not _SLUG.fullmatch(slug):
        better = ascii_slug(slug) or "07-name"
        raise AuthorError(
            where,
            None,
            f'the folder "{slug}" becomes an address: use a–z, 0–9 and single hyphens, e.g. "{better}"',
            code="E133",
        )


def _bytes(file: Path, where: str) -> bytes:
    if not file.exists():
        raise AuthorError(
            where, None, "is missing; an episode's folder holds episode.md", code="E132"
        )
    if not file.is_file():
        raise AuthorError(where, None, "is not a file")
    try:
        data = file.read_bytes()
    except OSError as error:
        raise AuthorError(where, None, f"cannot be read: {error.strerror}") from error
    if len(data) > LARGEST:
        raise AuthorError(
            where,
            None,
            f"has {len(data):,} bytes; at most {LARGEST:,} are read as one episode",
            code="E134",
        )
    return data


def _text(data: bytes, where: str) -> str:
    """The file's text with plain line ends; a byte order mark is dropped."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise AuthorError(
            where,
            line,
            f"is not UTF-8 (byte 0x{data[error.start]:02x}); save the file as UTF-8",
            code="E130",
        ) from None
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    for number, written_line in enumerate(text.split("\n"), 1):
        for character in written_line if not written_line.isprintable() else "":
            if (
                unicodedata.category(character) == "Cc" and character != "\t"
            ) or character in "\ufffe\uffff":
                raise AuthorError(
                    where,
                    number,
                    f"holds the control character U+{ord(character):04X}; delete it (feeds may not hold it)",
                    code="E131",
                )
    return text


def _split(text: str, where: str) -> tuple[dict[str, Any], dict[str, int], str, int]:
    """Front matter with the line of each key, the body, and the body's first line."""
    lines = text.split("\n")
    if lines[0].rstrip() != "---":
        raise AuthorError(
            where,
            1,
            'begins without front matter; the first line is "---", then title, number, published, summary',
            code="E120",
        )
    end = next((i for i, line in enumerate(lines[1:], 1) if line.rstrip() in ("---", "...")), None)
    if end is None:
        raise AuthorError(
            where, 1, 'the front matter is never closed; end it with a line "---"', code="E121"
        )
    front, keys = _yaml("\n".join(lines[1:end]), where)
    return front, keys, "\n".join(lines[end + 1 :]), end + 2


def _yaml(text: str, where: str) -> tuple[dict[str, Any], dict[str, int]]:
    """Front matter with every value as it is written: `no`, `06` and `1:30` stay words, the model decides."""
    import yaml

    loader = getattr(yaml, "CBaseLoader", yaml.BaseLoader)(text)
    try:
        node = loader.get_single_node()
        if node is None:
            raise AuthorError(
                where,
                1,
                "the front matter is empty; it needs title, number, published, summary",
                code="E122",
            )
        if not isinstance(node, yaml.MappingNode):
            raise AuthorError(
                where, 2, 'front matter is written as "key: value" lines', code="E122"
            )
        lines: dict[str, int] = {}
        for key, _ in node.value:
            line = key.start_mark.line + 2
            if not isinstance(key, yaml.ScalarNode):
                raise AuthorError(
                    where, line, 'front matter is written as "key: value" lines', code="E122"
                )
            if key.value in lines:
                raise AuthorError(
                    where,
                    line,
                    f'"{key.value}" stands twice; the first is on line {lines[key.value]}',
                    code="E124",
                )
            lines[key.value] = line
        return loader.construct_document(node), lines
    except (TypeError, RecursionError):
        raise AuthorError(
            where, 1, "the front matter nests values; write plain words or [a, list]", code="E122"
        ) from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
        problem = getattr(error, "problem", None) or str(error)
        line = mark.line + 2 if mark else 1
        raise AuthorError(
            where,
            line,
            f'front matter is not YAML: {problem}; put words with ":" or "#" in quotes',
            code="E122",
        ) from None
    finally:
        loader.dispose()


def _listing(front: dict[str, Any], lines: Mapping[str, int], where: str, slug: str) -> Listing:
    def line(at: Location) -> int:
        return lines.get(str(at[0]), 1) if at else 1

    for name in sorted(_NOT_AUTHORS.keys() & front.keys()):
        raise AuthorError(where, lines[name], f'"{name}" {_NOT_AUTHORS[name]}', code="E123")
    refuse_bad_dates(front, ("published", "updated"), where, line)
    listing = replace(written(Listing, front, where, line), slug=slug)
    _check_listing(listing, where, line)
    return listing


def _check_listing(listing: Listing, where: str, line: Any) -> None:
    for name in ("title", "summary"):
        if not getattr(listing, name).strip():
            raise AuthorError(where, line((name,)), f"{name} is empty", code="E104")
    if listing.number < 0:
        raise AuthorError(
            where, line(("number",)), f"number: {listing.number} is below 0", code="E127"
        )
    numbered = NUMBERED.match(listing.slug)
    if numbered and int(numbered[1]) != listing.number:
        raise AuthorError(
            where,
            line(("number",)),
            f'number: {listing.number}, but the folder is "{listing.slug}"; let them agree',
            code="E127",
        )
    _check_chapters(listing, where, line)
    if listing.updated and listing.updated < listing.published:
        raise AuthorError(
            where,
            line(("updated",)),
            f"updated: {listing.updated} is before published: {listing.published}",
            code="E129",
        )
    for tag, address in listing.translations.items():
        if not (_LANGUAGE.fullmatch(tag) and _WEB.match(address)):
            raise AuthorError(
                where,
                line(("translations",)),
                f'translations: "{tag}: {address}" is not a language and an address; '
                'write "de: https://example.org/06/"',
            )


def _check_chapters(listing: Listing, where: str, line: Any) -> None:
    before = -1
    for written_chapter in listing.chapters:
        found = chapter(written_chapter)
        if found is None:
            raise AuthorError(
                where,
                line(("chapters",)),
                f'chapters: "{written_chapter}" is no chapter; write a time and a title: "12:30 The money"',
            )
        if found[0] <= before:
            raise AuthorError(
                where,
                line(("chapters",)),
                f'chapters: "{written_chapter}" does not begin after the one before it',
            )
        before = found[0]


def _repeated_numbers(
    publication: Publication, sources: Mapping[str, Source]
) -> dict[str, AuthorError]:
    taken: dict[tuple[int | None, int], str] = {
        (None, entry.number): "content/publication.toml" for entry in publication.series.entries
    }
    errors: dict[str, AuthorError] = {}
    for slug, source in sources.items():
        listing = source.listing
        key = (listing.season, listing.number)
        if listing.type == "full" and key in taken:
            errors[slug] = AuthorError(
                source.where,
                source.lines.get("number"),
                f"number: {listing.number} is taken by {taken[key]}",
                code="E128",
            )
        elif listing.type == "full":
            taken[key] = source.where
    return errors


def _changed_guids(
    remembered: identity.Identities, sources: Mapping[str, Source]
) -> dict[str, AuthorError]:
    errors: dict[str, AuthorError] = {}
    for slug, source in sources.items():
        known = remembered.episodes.get(slug)
        for name, own in (
            zip(_GUIDS, source.guids, strict=True) if known and any(source.guids) else ()
        ):
            old = getattr(known, name)
            if own and own != old:
                message = f'{name}: "{own}", but it was published with "{old}"; put it back'
                errors[slug] = AuthorError(
                    source.where, source.lines.get(name), message, code="E161"
                )
    return errors


def _identified(
    source: Source, publication: Publication, remembered: identity.Identities
) -> Source:
    """The source under the GUIDs that its episode is, or will be, known by; itself where it has them."""
    one = source.listing
    known = remembered.episodes.get(one.slug)
    if known is None:
        guid, podcast, atom = source.guids
        known = identity.of(
            publication, replace(one, guid=guid, podcast_guid=podcast, atom_guid=atom)
        )
    guid, podcast, atom = known.guid, known.podcast_guid, known.atom_guid
    first = known.first_guid or guid
    has = (one.guid, one.podcast_guid, one.atom_guid, one.first_guid)
    if has == (guid, podcast, atom, first):
        return source
    listing = replace(one, guid=guid, podcast_guid=podcast, atom_guid=atom, first_guid=first)
    return replace(source, listing=listing)


def episode(source: Source, root: Path) -> Episode:
    """The episode with its body read into blocks.

    Raises AuthorError: Markdown that is wrong (see pipeline.markdown), or a file it uses that is not there.
    Raises OutsideError: the file was saved since it was listed.
    """
    document = markdown.document(_body(source, root), source.where, source.first_line)
    files = dict(document.files)
    if source.listing.image:
        files.setdefault(source.listing.image, source.lines.get("image", 1))
        if fault := markdown.misplaced(source.listing.image):
            raise AuthorError(
                source.where, source.lines.get("image"), f"image: {fault}", code="E136"
            )
    folder = (root / source.where).parent
    for name, line in files.items():
        if not (folder / name).is_file():
            have = [f.name for f in folder.iterdir() if f.is_file() and f.name != "episode.md"]
            raise AuthorError(
                source.where,
                line,
                f'the file "{name}" is missing' + suggestion(name, have),
                code="E203",
            )
    return Episode(
        source.listing, source.where, document.blocks, document.footnotes, tuple(sorted(files))
    )


def _body(source: Source, root: Path) -> str:
    data = _bytes(root / source.where, source.where)
    if hashlib.sha256(data).hexdigest() != source.sha256:
        raise OutsideError(f"{source.where} was saved while it was being read; run it again")
    return "\n".join(_text(data, source.where).split("\n")[source.first_line - 1 :])


def corrected(text: str, note: str, at: datetime) -> str:
    """An episode's file with a correction at its end, and with `updated` in its front matter."""
    line = f"updated: {at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
    lines = text.split("\n")
    end = next(i for i, one in enumerate(lines[1:], 1) if one.rstrip() in ("---", "..."))
    front = [one for one in lines[:end] if not one.startswith("updated:")]
    after = next(i for i, one in enumerate(front) if one.startswith("published:")) + 1
    body = "\n".join(lines[end:]).rstrip("\n")
    block = f'::: {{.correction date="{at:%Y-%m-%d}"}}\n{note.strip()}\n:::\n'
    return "\n".join([*front[:after], line, *front[after:], body, "", block])


def recordings(root: Path) -> dict[str, list[Path]]:
    """The files of sound in audio/, by name without ending."""
    found: dict[str, list[Path]] = {}
    folder = root / "audio"
    for file in sorted(folder.iterdir()) if folder.is_dir() else ():
        if file.suffix.lower() in (*RECORDINGS, *OTHER_SOUNDS):
            found.setdefault(file.stem, []).append(file)
    return found


def recording(listing: Listing, root: Path, recordings: Mapping[str, list[Path]]) -> Path | None:
    """The author's recording of an episode, if there is one.

    Raises AuthorError: two recordings, one of a kind that is not taken, or the one that front matter names is not
    there.
    """
    where = f"content/{listing.slug}/episode.md"
    if listing.recording:
        file = root / listing.recording
        if ".." in Path(listing.recording).parts or listing.recording.startswith("/"):
            raise AuthorError(
                where,
                None,
                f'recording: "{listing.recording}" must be a path below the publication',
                code="E165",
            )
        if not file.is_file():
            raise AuthorError(
                where, None, f'recording: "{listing.recording}" is missing', code="E165"
            )
        return file
    found = recordings.get(listing.slug, [])
    for file in found:
        if not file.is_file():
            message = f'has a recording "audio/{file.name}", which is no file'
            raise AuthorError(where, None, message, code="E164")
        if file.suffix.lower() not in RECORDINGS:
            raise AuthorError(
                where,
                None,
                f'has a recording "audio/{file.name}", which cannot be taken (allowed: files ending in '
                f"{', '.join(RECORDINGS)})",
                code="E164",
            )
    if len(found) > 1:
        names = " and ".join(f"audio/{file.name}" for file in found)
        raise AuthorError(where, None, f"has two recordings, {names}; keep one", code="E164")
    return found[0] if found else None


def published(listings: Iterable[Listing], now: datetime) -> tuple[Listing, ...]:
    """Those whose time has come, oldest first."""
    return tuple(listing for listing in listings if listing.published <= now)


_number = attrgetter("number")


def index(publication: Publication) -> tuple[SeriesEntry, ...]:
    """The series index before the first episode here: the newest lines that publication.toml brings along."""
    return tuple(sorted(publication.series.entries, key=_number)[-SERIES_SHOWN:])


def index_after(
    shown: Sequence[SeriesEntry], listings: Iterable[Listing]
) -> tuple[SeriesEntry, ...]:
    """The series index once these episodes are out, too."""
    new = sorted((one for one in listings if one.type == "full"), key=_number)[-SERIES_SHOWN:]
    return tuple(sorted([*shown, *map(_entry, new)], key=_number)[-SERIES_SHOWN:])


def _entry(listing: Listing) -> SeriesEntry:
    return SeriesEntry(listing.number, listing.title, listing.subtitle, listing.slug)


def places(
    listings: Sequence[Listing],
    shown: Iterable[SeriesEntry],
    before: Listing | None = None,
    after: Listing | None = None,
) -> dict[str, Place]:
    """Where each of some episodes that follow each other stands, by slug.

    shown: the series index before them. before, after: the episodes around them.
    """
    series = list(shown)
    found: dict[str, Place] = {}
    for earlier, one, later in zip(
        (before, *listings), listings, (*listings[1:], after), strict=False
    ):
        if one.type == "full":
            insort(series, _entry(one), key=_number)
            del series[:-SERIES_SHOWN]
        found[one.slug] = Place(earlier, later, tuple(series))
    return found


def pages(listings: Sequence[Listing], size: int) -> tuple[Page, ...]:
    """The full pages of so many episodes each, counted from the oldest; the newest may be on none yet."""
    return tuple(
        Page(number, tuple(listings[(number - 1) * size : number * size]))
        for number in range(1, len(listings) // size + 1)
    )
