"""Private feeds: a token for each subscriber, which opens the feeds to them alone until it is revoked."""

from __future__ import annotations

import hashlib
from datetime import datetime

from sqlalchemy import Connection, func, insert, select, update

from pipeline.delivery.addresses import key
from pipeline.delivery.database import Database
from pipeline.delivery.tables import private_feeds, subscribers


def token(book: Database, address: str, at: datetime) -> str:
    """A subscriber's own token, the same each time until it is revoked; "" where nobody has that address.

    128 bits under the ledger's secret; the database keeps only what it hashes to.
    """
    with book.transaction() as connection:
        subscriber = _subscriber(connection, address)
        if subscriber is None:
            return ""
        last = connection.execute(
            select(private_feeds.c.serial, private_feeds.c.revoked)
            .where(private_feeds.c.subscriber == subscriber)
            .order_by(private_feeds.c.serial.desc())
            .limit(1)
        ).first()
        if last is not None and not last.revoked:
            return _token(book, subscriber, last.serial)
        serial = last.serial + 1 if last else 1
        made = _token(book, subscriber, serial)
        connection.execute(
            insert(private_feeds).values(
                digest=_digest(made),
                subscriber=subscriber,
                serial=serial,
                since=at.isoformat(),
                revoked="",
            )
        )
    return made


def revoke(book: Database, address: str, at: datetime) -> bool:
    """Close a subscriber's private feeds; False where none was open. Another token may be had later."""
    with book.transaction() as connection:
        subscriber = _subscriber(connection, address)
        closed = connection.execute(
            update(private_feeds)
            .where(private_feeds.c.subscriber == subscriber, private_feeds.c.revoked == "")
            .values(revoked=at.isoformat())
        )
    return closed.rowcount > 0


def holder(book: Database, token: str) -> int | None:
    """Whose token this is, by number; None where it is nobody's, was revoked, or its subscriber left us."""
    with book.transaction() as connection:
        found = connection.scalar(
            select(private_feeds.c.subscriber)
            .join(subscribers, subscribers.c.id == private_feeds.c.subscriber)
            .where(
                private_feeds.c.digest == _digest(token),
                private_feeds.c.revoked == "",
                subscribers.c.address.is_not(None),
            )
        )
    return None if found is None else int(found)


def count(book: Database) -> int:
    """How many private feeds are open."""
    with book.transaction() as connection:
        open_ones = select(func.count()).where(private_feeds.c.revoked == "")
        return int(connection.scalar(open_ones) or 0)


def _subscriber(connection: Connection, address: str) -> int | None:
    found = connection.scalar(select(subscribers.c.id).where(subscribers.c.key == key(address)))
    return None if found is None else int(found)


def _token(book: Database, subscriber: int, serial: int) -> str:
    return book.digest("private feed", f"{subscriber} {serial}")


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8")).hexdigest()
