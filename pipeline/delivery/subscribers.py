"""Lists of subscribers come in and go out as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from pipeline.delivery.addresses import AddressError, normalised
from pipeline.delivery.ledger import Added, Ledger, Subscriber
from pipeline.errors import SimulcastError

HEADINGS = ("email", "e-mail", "address", "email address", "email_address", "e-mail address")
"""What other systems call the column of addresses."""


@dataclass(frozen=True, slots=True)
class Imported:
    """What came of an import: each refused row by its line and why, never by its address."""

    subscribers: Added
    refused: tuple[tuple[int, str], ...]


def import_csv(ledger: Ledger, name: str, text: str, at: datetime) -> Imported:
    """Put the addresses of a CSV file on a list; a row that is refused keeps no other out.

    The column is found by its heading; a file of one column needs none. Raises SimulcastError where
    there are several columns and none is headed so.
    """
    good: list[str] = []
    refused: list[tuple[int, str]] = []
    for line, address in _addresses(text):
        try:
            good.append(normalised(address))
        except AddressError as error:
            refused.append((line, str(error)))
    return Imported(ledger.add(name, good, at), tuple(refused))


def export_csv(found: Iterable[Subscriber]) -> str:
    """Subscriptions as CSV: address, list, state, since."""
    out = io.StringIO()
    rows = csv.writer(out, lineterminator="\n")
    rows.writerow(("address", "list", "state", "since"))
    rows.writerows((one.address, one.mailing_list, one.state, one.since) for one in found)
    return out.getvalue()


def _addresses(text: str) -> Iterator[tuple[int, str]]:
    """Each address with its line."""
    text = text.removeprefix("\ufeff")
    first = text.partition("\n")[0]
    delimiter = max(",;\t", key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    column: int | None = None
    for row in _rows(reader):
        if not any(row):
            continue
        if column is None:
            column = _column(row)
            if "@" not in row[column]:
                continue
        yield reader.line_num, row[column] if column < len(row) else ""


def _rows(reader: Iterator[list[str]]) -> Iterator[list[str]]:
    try:
        yield from reader
    except csv.Error as error:
        raise SimulcastError(f"the file of subscribers is not CSV: {error}") from error


def _column(row: list[str]) -> int:
    names = [cell.strip().casefold() for cell in row]
    found = next((place for place, name in enumerate(names) if name in HEADINGS), None)
    if found is not None:
        return found
    if len(row) == 1:
        return 0
    raise SimulcastError(
        f"the file of subscribers has {len(row)} columns and none is headed as the address; "
        f"head it with one of: {', '.join(HEADINGS)}"
    )
