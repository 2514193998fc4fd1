"""content/publication.toml becomes a Publication."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable
from pathlib import Path

from pipeline.delivery.pace import PROVIDERS, Provider, provider
from pipeline.errors import AuthorError
from pipeline.model import Publication
from pipeline.written import Location, written

NAME = "content/publication.toml"
BITRATES = (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
"""kbit/s of MPEG-1 Layer III."""

_NAME = re.compile(r"[a-z0-9]+(?:[-_][a-z0-9]+)*", re.IGNORECASE)
_ALLOWED = "must be letters, digits and single hyphens"
_TABLE = re.compile(r"\s*(\[\[?)\s*([^\]]+?)\s*\]\]?")
_KEY = re.compile(r"""\s*((?:[\w-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[\w-]+|"[^"]*"))*)\s*=""")


def publication(root: Path) -> Publication:
    """The publication that lies at `root`.

    Raises AuthorError: no such file, not TOML, an unknown or missing key, a value of the wrong kind.
    """
    file = root / NAME
    try:
        text = file.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise AuthorError(
            NAME,
            None,
            f'is missing below "{root}"; go to the publication\'s folder, name it with --root, '
            'or begin one with "simulcast new publication DIR"',
        ) from None
    except OSError as error:
        raise AuthorError(NAME, None, f"cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise AuthorError(
            NAME, None, f"is not UTF-8 ({error.reason} at byte {error.start})"
        ) from None
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        at = re.search(r" \(at line (\d+), column \d+\)", str(error))
        line = int(at[1]) if at else text.count("\n") + 1
        raise AuthorError(
            NAME, line, f"is not TOML: {re.sub(r' [(]at .*', '', str(error))}", code="E170"
        ) from None
    except (ValueError, RecursionError) as error:  # a number or a nesting beyond all use
        raise AuthorError(
            NAME, None, f"is not TOML that can be read: {error}", code="E170"
        ) from None
    lines = _lines(text)
    return _checked(written(Publication, data, NAME, lambda at: _line(lines, at)), lines)


def _checked(found: Publication, lines: dict[Location, int]) -> Publication:
    def refuse(at: Location, message: str) -> AuthorError:
        return AuthorError(NAME, _line(lines, at), message, code="E172")

    if not re.fullmatch(r"https?://[^\s/]+(/[^\s?#]*)?/", found.url):
        raise refuse(("url",), f'url: "{found.url}" must be a web address that ends in "/"')
    for index, old in enumerate(found.moved_from):
        if not re.fullmatch(r"https?://[^\s/]+(/[^\s?#]*)?/", old):
            raise refuse(
                ("moved_from", index),
                f'moved_from: "{old}" must be a web address that ends in "/"',
            )
    if found.service.url and not re.fullmatch(
        r"https?://[^\s/?#]+(/[^\s?#]*)?/", found.service.url
    ):
        raise refuse(
            ("service", "url"),
            f'service.url: "{found.service.url}" must be a web address that ends in "/"',
        )
    if (worst := _limit_fault(found)) is not None:
        raise refuse(*worst)
    if re.search(r"//[^/@]*:[^/@]+@", found.database):
        raise refuse(
            ("database",),
            "database: holds a password; put the whole address into SIMULCAST_DATABASE_URL instead",
        )
    for name in ("title", "description", "theme"):
        if not getattr(found, name).strip():
            raise refuse((name,), f"{name} is empty")
    if not _NAME.fullmatch(found.theme):
        raise refuse(("theme",), f'theme: "{found.theme}" {_ALLOWED}')
    for index, person in enumerate(found.people):
        if not _NAME.fullmatch(person.id):
            raise refuse(("people", index, "id"), f'id: "{person.id}" {_ALLOWED}')
    for name in found.lists:
        if not _NAME.fullmatch(name):
            raise refuse(("lists", name), f'a list is named "{name}"; it {_ALLOWED}')
    if found.audio.bitrate not in BITRATES:
        allowed = ", ".join(map(str, BITRATES))
        raise refuse(
            ("audio", "bitrate"),
            f"audio.bitrate: {found.audio.bitrate} is none of MP3's (allowed: {allowed})",
        )
    _check_sound(found, refuse)
    if not found.people:
        raise refuse(("people",), "people: name at least one: [[people]] with id and name")
    if not re.fullmatch(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*", found.language):
        raise refuse(
            ("language",),
            f'language: "{found.language}" is not a language tag; write "en" or "en-GB"',
        )
    paths = {("audio", name): getattr(found.audio, name) for name in ("intro", "outro", "bed")}
    for key, path in {**paths, ("podcast", "artwork"): found.podcast.artwork}.items():
        if path.startswith("/") or ".." in Path(path).parts:
            raise refuse(key, f'{".".join(key)}: "{path}" must be a path below the publication')
    return found


def _limit_fault(found: Publication) -> tuple[Location, str] | None:
    """The first of the limits of mailing that nobody can keep, and where it stands."""
    if found.email is None:
        return None
    limits = found.email.limits
    numbers: list[tuple[Location, float]] = [
        (("per_connection",), limits.per_connection),
        (("per_second",), limits.per_second),
        (("per_day",), limits.per_day),
        *((("warm_up",), day) for day in limits.warm_up),
    ]
    for lane, one in limits.lanes.items():
        if provider(lane, one) == Provider((), ()):
            return (
                ("email", "limits", "lanes", lane),
                f"email.limits.lanes.{lane}: no provider is known by that name (known: {', '.join(PROVIDERS)}); "
                'name it by its domain ("google.com"), or its domains = ["…"]',
            )
        numbers += [(("lanes", lane, "per_second"), one.per_second)]
        numbers += [(("lanes", lane, "per_day"), one.per_day)]
    for at, number in numbers:
        if not 0 <= number <= 10**9:
            return (
                ("email", "limits", *at),
                f"email.limits.{'.'.join(map(str, at))}: {number:g} is not from 0 (no limit) upwards",
            )
    return None


LIMITS = {
    "loudness": (-31, -9, "LUFS"),
    "peak": (-9, 0, "dBTP"),
    "bed_level": (-40, 0, "LU"),
    "crossfade": (0, 10, "seconds"),
    "highpass": (0, 300, "Hz"),
}
"""What the figures below [audio] may be."""


def _check_sound(found: Publication, refuse: Callable[[Location, str], AuthorError]) -> None:
    for name, (least, most, unit) in LIMITS.items():
        value = getattr(found.audio, name)
        if not least <= value <= most:
            raise refuse(
                ("audio", name),
                f"audio.{name}: {value:g} is out of bounds (allowed: {least} to {most} {unit})",
            )


def _lines(text: str) -> dict[Location, int]:
    """On which line each table and key of a TOML text begins."""
    lines: dict[Location, int] = {}
    table: Location = ()
    counts: dict[Location, int] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if found := _TABLE.match(line):
            table = _path(found[2], counts)
            if found[1] == "[[":
                index = counts[table] = counts.get(table, -1) + 1
                lines.setdefault(table, number)
                table = (*table, index)
            lines[table] = number
        elif found := _KEY.match(line):
            lines.setdefault((*table, *_parts(found[1])), number)
    return lines


def _parts(dotted: str) -> Location:
    return tuple(
        part.strip().strip("\"'") for part in re.findall(r'"[^"]*"|\'[^\']*\'|[^.]+', dotted)
    )


def _path(dotted: str, counts: dict[Location, int]) -> Location:
    """A table's place: inside an array of tables it belongs to the latest one."""
    path: Location = ()
    parts = _parts(dotted)
    for position, part in enumerate(parts):
        path = (*path, part)
        if position < len(parts) - 1 and path in counts:
            path = (*path, counts[path])
    return path


def _line(lines: dict[Location, int], at: Location) -> int:
    """The line of a key, or of the nearest table around it."""
    while at and at not in lines:
        at = at[:-1]
    return lines.get(at, 1)
