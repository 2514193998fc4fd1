"""What an author wrote, as a value: keys and kinds checked, every fault named with its line."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from pipeline.errors import AuthorError, suggestion

if TYPE_CHECKING:
    from pydantic import TypeAdapter

Value = TypeVar("Value")
Location = tuple[str | int, ...]
DATE = "write it as 2026-06-03T08:00:00Z"
_DATE_AND_TIME = re.compile(
    r"(?:19|2\d)\d\d-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?(\.\d+)?(Z|[+-]\d\d:?\d\d)"
)


PROSE = frozenset(
    {"about", "closing", "copyright", "description", "image_alt", "notice", "opening", "summary"}
)
"""Keys of which the words may be on several lines."""

_BREAKS = {
    "\n": "a line feed",
    "\r": "a carriage return",
    "\t": "a tab",
    "\u2028": "a line separator",
    "\u2029": "a paragraph separator",
}

_ADAPTERS: dict[type, TypeAdapter[Any]] = {}


def _adapter(kind: type[Value]) -> TypeAdapter[Value]:
    """The checker of a kind, made once: that costs more than a hundred checks."""
    from pydantic import TypeAdapter

    if kind not in _ADAPTERS:
        _ADAPTERS[kind] = TypeAdapter(kind)
    return _ADAPTERS[kind]


def written(
    kind: type[Value], data: Mapping[str, Any], where: str, line: Callable[[Location], int]
) -> Value:
    """`data` as a value of that kind; `line` tells on which line of the file `where` a key stands.

    Raises AuthorError with all faults: unknown and missing keys, values of the wrong kind.
    """
    from pydantic import ValidationError

    _refuse_control(data, (), where, line)
    try:
        return _adapter(kind).validate_python(data)
    except ValidationError as error:
        faults = [
            AuthorError(where, line(e["loc"]), _message(kind, e), code=_code(e["type"]))
            for e in error.errors()
        ]
        raise AuthorError.all(sorted(faults, key=lambda fault: fault.line or 0)) from None


def told_as(kind: type[Value], value: Value) -> str:
    """A value in JSON, to be remembered; what is as it is by default is left out."""
    return _adapter(kind).dump_json(value, exclude_defaults=True).decode()


def remembered_as(kind: type[Value], told: str) -> Value:
    """The value that `told_as` told."""
    return _adapter(kind).validate_json(told)


def refuse_bad_dates(
    data: Mapping[str, Any], names: tuple[str, ...], where: str, line: Callable[[Location], int]
) -> None:
    """A date is written in full, with its time zone: a number or a bare day would be guessed at."""
    for name in names:
        found = data.get(name)
        if found is not None and not _DATE_AND_TIME.fullmatch(str(found)):
            raise AuthorError(
                where,
                line((name,)),
                f'{name}: "{found}" is not a date and time with a zone; {DATE}',
                code="E125",
            )


def _refuse_control(value: Any, at: Location, where: str, line: Callable[[Location], int]) -> None:
    """An escape like "\\u0007" brings in what no feed and no page may hold.

    A title or a name stands on one line, in a mail header or a feed; prose may have several.
    """
    if isinstance(value, str):
        if value.isprintable():
            return
        prose = at[-1] in PROSE or at[0] == "waive"
        refused = {"Cc", "Cs"} if prose else {"Cc", "Cs", "Zl", "Zp"}
        allowed = "\n\t" if prose else ""
        for character in value:
            if unicodedata.category(character) in refused and character not in allowed:
                name = f"{'.'.join(map(str, at))}: holds"
                found = _BREAKS.get(character) or f"the control character U+{ord(character):04X}"
                mend = "write it on one line" if character in _BREAKS else "delete it"
                raise AuthorError(where, line(at), f"{name} {found}; {mend}", code="E131")
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            _refuse_control(inner, (*at, key), where, line)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            _refuse_control(inner, (*at, index), where, line)


def _code(kind: str) -> str:
    """What `check` calls a fault that pydantic names so."""
    if kind.startswith("datetime"):
        return "E125"
    return {"missing": "E101", "unexpected_keyword_argument": "E123"}.get(kind, "E126")


def _message(kind: type, error: Mapping[str, Any]) -> str:
    location = list(error["loc"])
    name, path = str(location[-1]), ".".join(map(str, location))
    if error["type"] == "unexpected_keyword_argument":
        return f'unknown key "{name}"' + suggestion(name, _fields(kind, tuple(location[:-1])))
    if error["type"] == "missing":
        return f'the key "{path}" is missing'
    if error["type"].startswith("datetime"):
        return f'{path}: "{error["input"]}" is not a date; {DATE}'
    if error["type"] == "tuple_type":
        return f'{path}: "{str(error["input"])[:60]}" is no list; write [a, b]'
    if error["type"] == "value_error":
        return f"{path}.{error['msg'].removeprefix('Value error, ')}"
    shown = repr(error["input"]) if not isinstance(error["input"], str) else f'"{error["input"]}"'
    message = error["msg"].removeprefix("Input ").replace("should be", "must be")
    return f"{path}: {shown[:80]} will not do; it {message[0].lower()}{message[1:]}"


def _fields(kind: Any, location: Location) -> list[str]:
    """The keys allowed where an unknown one was found."""
    import typing
    from dataclasses import fields, is_dataclass

    if not location:
        return [f.name for f in fields(kind)] if is_dataclass(kind) else []
    if is_dataclass(kind):
        kind = typing.get_type_hints(kind).get(str(location[0]))
        if any(type(None) is option for option in typing.get_args(kind)):
            kind = next(option for option in typing.get_args(kind) if option is not type(None))
        return _fields(kind, location[1:])
    options = typing.get_args(kind)
    inner = next((option for option in options if is_dataclass(option)), None)
    return _fields(inner, location[1:]) if inner else []
