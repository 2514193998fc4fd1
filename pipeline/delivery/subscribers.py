"""Lists of subscribers come in and go out as CSV."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from typing import Literal, TextIO

from pipeline.delivery import people
from pipeline.delivery.addresses import key, normalised
from pipeline.delivery.database import Database
from pipeline.delivery.people import Added, Consent, Entry, Subscription
from pipeline.errors import SimulcastError

HEADINGS = ("email", "e-mail", "address", "email address", "email_address", "e-mail address")
"""What other systems call the column of addresses."""

NAMES = ("name", "full name", "full_name")

STATES = ("confirmed", "unconfirmed", "unsubscribed")
"""What a column headed "state" may say; a row that leaves it empty is confirmed."""

ATTRIBUTE = "attribute:"
"""What the heading of a column begins with that holds an attribute of the subscribers."""

AT_ONCE = 5_000
"""Rows that are read, and put on the list in one transaction."""


@dataclass(frozen=True, slots=True)
class Imported:
    """What came of an import: each refused row by its line and why, never by its address; rows: all that there were."""

    subscribers: Added
    refused: tuple[tuple[int, str], ...]
    rows: int


def import_csv(
    book: Database,
    name: str,
    file: TextIO,
    at: datetime,
    *,
    consent: Consent | None = None,
    attributes: Iterable[str] = (),
) -> Imported:
    """Put the addresses of a CSV file on a list; a row that is refused keeps no other out.

    The column is found by its heading; a file of one column needs none. Who has left, there or here, stays off, and so
    does who asked to be forgotten. consent: of those whose row says nothing of it. attributes: headings of columns to
    keep, besides those that begin with "attribute:". The file is read a portion at a time, whatever its length.
    Raises SimulcastError where there are several columns and none is headed so.
    """
    refused: list[tuple[int, str]] = []
    rows = _good(_written_rows(file, frozenset(map(str.casefold, attributes))), name, refused)
    added, taken = Added(), 0
    while some := list(islice(rows, AT_ONCE)):
        added += _put(book, name, some, at, consent)
        taken += len(some)
    return Imported(added, tuple(refused), taken + len(refused))


def _put(
    book: Database, name: str, rows: list[tuple[str, Entry]], at: datetime, consent: Consent | None
) -> Added:
    by_state: dict[str, list[Entry]] = {state: [] for state in STATES}
    for state, entry in rows:
        by_state[state].append(entry if entry.consent else replace(entry, consent=consent))
    gone = {key(entry.address) for entry in by_state["unsubscribed"]}
    left = people.leave(book, name, by_state["unsubscribed"], at)
    added = Added(left=left)
    states: tuple[Literal["confirmed", "unconfirmed"], ...] = ("confirmed", "unconfirmed")
    for state in states:
        here = [entry for entry in by_state[state] if key(entry.address) not in gone]
        added += people.enter(book, name, here, at, state=state)
    return added


def _good(
    rows: Iterable[_Row], name: str, refused: list[tuple[int, str]]
) -> Iterator[tuple[str, Entry]]:
    """The rows that can be had, with the state each asks for; the others go into `refused`."""
    for row in rows:
        try:
            state = _state(row, name)
            yield state, replace(row.entry, address=normalised(row.entry.address))
        except SimulcastError as error:
            refused.append((row.line, str(error)))


def _state(row: _Row, name: str) -> str:
    """What a row's subscription is; raises SimulcastError."""
    state = row.state.strip().casefold() or "confirmed"
    if state not in STATES:
        raise SimulcastError(f"the state is none of {', '.join(STATES)}")
    # Who left one list has not left another: an export of all lists says whose each row is.
    if row.state and row.mailing_list not in ("", name):
        raise SimulcastError("is of another list; import a file of this list only")
    if row.suppressed:
        raise SimulcastError(f"is not to be mailed: {row.suppressed}")
    return state


def export_csv(found: Iterable[Subscription], attributes: Iterable[str], out: TextIO) -> None:
    """Subscriptions as CSV, which can be imported: one row each, one column for each attribute named."""
    named = list(attributes)
    rows = csv.writer(out, lineterminator="\n")
    fixed = (
        "address",
        "list",
        "state",
        "since",
        "name",
        "consented",
        "source",
        "text",
        "suppressed",
    )
    rows.writerow((*fixed, *(ATTRIBUTE + name for name in named)))
    for one in found:
        known = (one.address, one.mailing_list, one.state, one.since, one.name)
        agreed = (one.consented, one.source, one.text, one.suppressed)
        more = (one.attributes.get(name, "") for name in named)
        rows.writerow((*known, *agreed, *more))


@dataclass(frozen=True, slots=True)
class _Row:
    """A row of the file; what has no column is empty."""

    line: int
    entry: Entry
    state: str = ""
    mailing_list: str = ""
    suppressed: str = ""


def _written_rows(file: TextIO, attributes: frozenset[str]) -> Iterator[_Row]:
    first = file.readline().removeprefix("\ufeff")
    reader = csv.reader(_again(first, file), delimiter=max(",;\t", key=first.count))
    column: int | None = None
    names: list[str] = []
    for row in _rows(reader):
        if not any(row):
            continue
        if column is None:
            column = _column(row)
            if "@" not in row[column]:
                names = _names(row)
                continue
        cells = dict(zip(names, row, strict=False))
        address = row[column] if column < len(row) else ""
        yield _Row(
            reader.line_num,
            Entry(address, _name(cells), _kept(cells, attributes), _agreed(cells)),
            cells.get("state", ""),
            cells.get("list", ""),
            cells.get("suppressed", ""),
        )


def _again(first: str, rest: Iterable[str]) -> Iterator[str]:
    yield first
    yield from rest


def _name(cells: Mapping[str, str]) -> str:
    whole = next((cells[name] for name in NAMES if cells.get(name)), "")
    parts = (cells.get("first name", ""), cells.get("last name", ""))
    return " ".join((whole or " ".join(parts)).split())


def _kept(cells: Mapping[str, str], wanted: frozenset[str]) -> dict[str, str]:
    return {
        heading.removeprefix(ATTRIBUTE): cell.strip()
        for heading, cell in cells.items()
        if cell.strip() and (heading.startswith(ATTRIBUTE) or heading in wanted)
    }


def _agreed(cells: Mapping[str, str]) -> Consent | None:
    """What a row of an export says of consent; a time that is none says nothing."""
    try:
        at = datetime.fromisoformat(cells.get("consented", ""))
    except ValueError:
        return None
    return Consent(at, cells.get("source", ""), cells.get("text", ""))


def _rows(reader: Iterator[list[str]]) -> Iterator[list[str]]:
    try:
        yield from reader
    except csv.Error as error:
        raise SimulcastError(f"the file of subscribers is not CSV: {error}") from error


def _column(row: list[str]) -> int:
    names = _names(row)
    found = next((place for place, name in enumerate(names) if name in HEADINGS), None)
    if found is not None:
        return found
    if len(row) == 1:
        return 0
    raise SimulcastError(
        f"the file of subscribers has {len(row)} columns and none is headed as the address; "
        f"head it with one of: {', '.join(HEADINGS)}"
    )


def _names(row: list[str]) -> list[str]:
    return [cell.strip().casefold() for cell in row]
