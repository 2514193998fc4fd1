"""Lists of subscribers come in and go out as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from pipeline.delivery.addresses import key, normalised
from pipeline.delivery.ledger import Added, Ledger, Subscriber
from pipeline.errors import SimulcastError

HEADINGS = ("email", "e-mail", "address", "email address", "email_address", "e-mail address")
"""What other systems call the column of addresses."""

STATES = ("confirmed", "unconfirmed", "unsubscribed")
"""What a column headed "state" may say; a row that leaves it empty is confirmed."""


@dataclass(frozen=True, slots=True)
class Imported:
    """What came of an import: each refused row by its line and why, never by its address."""

    subscribers: Added
    refused: tuple[tuple[int, str], ...]


def import_csv(ledger: Ledger, name: str, text: str, at: datetime) -> Imported:
    """Put the addresses of a CSV file on a list; a row that is refused keeps no other out.

    The column is found by its heading; a file of one column needs none. Who has left, there or
    here, stays off. Raises SimulcastError where there are several columns and none is headed so.
    """
    good: dict[str, list[str]] = {state: [] for state in STATES}
    refused: list[tuple[int, str]] = []
    for row in _written_rows(text):
        try:
            good[_state(row, name)].append(normalised(row.address))
        except SimulcastError as error:
            refused.append((row.line, str(error)))
    gone = {key(address) for address in good["unsubscribed"]}
    added = Added(left=ledger.leave(name, good["unsubscribed"], at))
    for state in ("confirmed", "unconfirmed"):
        here = [address for address in good[state] if key(address) not in gone]
        some = ledger.add(name, here, at, state=state)
        added = Added(
            added.added + some.added, added.already + some.already, added.left + some.left
        )
    return Imported(added, tuple(refused))


def _state(row: _Row, name: str) -> str:
    """What a row's subscription is; raises SimulcastError."""
    state = row.state.strip().casefold() or "confirmed"
    if state not in STATES:
        raise SimulcastError(f"the state is none of {', '.join(STATES)}")
    # Who left one list has not left another: an export of all lists says whose each row is.
    if row.state and row.mailing_list not in ("", name):
        raise SimulcastError("is of another list; import a file of this list only")
    return state


def export_csv(found: Iterable[Subscriber]) -> str:
    """Subscriptions as CSV: address, list, state, since."""
    out = io.StringIO()
    rows = csv.writer(out, lineterminator="\n")
    rows.writerow(("address", "list", "state", "since"))
    rows.writerows((one.address, one.mailing_list, one.state, one.since) for one in found)
    return out.getvalue()


@dataclass(frozen=True, slots=True)
class _Row:
    """A row of the file; what has no column is empty."""

    line: int
    address: str
    state: str = ""
    mailing_list: str = ""


def _written_rows(text: str) -> Iterator[_Row]:
    text = text.removeprefix("\ufeff")
    first = text.partition("\n")[0]
    delimiter = max(",;\t", key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
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
        yield _Row(
            reader.line_num,
            row[column] if column < len(row) else "",
            cells.get("state", ""),
            cells.get("list", ""),
        )


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
