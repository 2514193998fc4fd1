"""Who asked to be forgotten: all that is known of them is erased, and no import brings them back."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import Connection, delete, func, insert, null, select, update

from pipeline.delivery.addresses import key, normalised
from pipeline.delivery.database import Database, portions
from pipeline.delivery.tables import deliveries, editions, forgotten, subscribers, subscriptions


def forget(book: Database, address: str, at: datetime) -> bool:
    """Erase an address and all that is known of its owner, everywhere; whether it was known.

    The rows of the ledger keep a bare number, so that sums stay; a keyed hash keeps imports from bringing it back.
    """
    one = key(normalised(address))
    with book.transaction() as connection:
        _take_note(connection, book.digest("forgotten", one), at)
        number = connection.scalar(select(subscribers.c.id).where(subscribers.c.key == one))
        if number is None:
            return False
        connection.execute(
            update(deliveries)
            .where(
                deliveries.c.edition.in_(select(editions.c.id)),
                deliveries.c.subscriber == number,
                deliveries.c.state.in_(("planned", "deferred", "unknown")),
            )
            .values(state="skipped", reason="forgotten", due=null())
        )
        connection.execute(delete(subscriptions).where(subscriptions.c.subscriber == number))
        connection.execute(
            update(subscribers)
            .where(subscribers.c.id == number)
            .values(
                address=null(),
                key=null(),
                domain="",
                name="",
                attributes="",
                suppressed="forgotten",
                suppressed_since=at.isoformat(),
                suppressed_why="",
            )
        )
    book.scrub()
    return True


def who_asked(book: Database, connection: Connection, keys: Iterable[str]) -> dict[str, str]:
    """Which of these keys asked to be forgotten, with the hash that says so."""
    if not connection.scalar(select(func.count()).select_from(forgotten)):
        return {}
    digests = {book.digest("forgotten", one): one for one in keys}
    return {
        digests[row.digest]: row.digest
        for some in portions(list(digests))
        for row in connection.execute(
            select(forgotten.c.digest).where(forgotten.c.digest.in_(some))
        )
    }


def take_back(book: Database, connection: Connection, keys: Iterable[str]) -> None:
    """Somebody who was forgotten asked to come back."""
    gone = list(who_asked(book, connection, keys).values())
    for some in portions(gone):
        connection.execute(delete(forgotten).where(forgotten.c.digest.in_(some)))


def _take_note(connection: Connection, digest: str, at: datetime) -> None:
    if connection.scalar(select(forgotten.c.digest).where(forgotten.c.digest == digest)) is None:
        connection.execute(insert(forgotten).values(digest=digest, since=at.isoformat()))
