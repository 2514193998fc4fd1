"""How often strangers may have one address written to, by all who serve and through every restart."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import delete, insert, select

from pipeline.delivery.addresses import key
from pipeline.delivery.database import Database
from pipeline.delivery.tables import asked


def may_be_asked(book: Database, address: str, at: datetime, at_once: int, per_hour: float) -> bool:
    """Count one more message to a normalised address, if that many at once and in an hour leave room for it."""
    step, now = 3600 / per_hour, at.timestamp()
    digest = book.digest("asked", key(address))
    with book.transaction() as connection:
        connection.execute(delete(asked).where(asked.c.until <= now))
        one = asked.c.digest == digest
        until = connection.scalar(select(asked.c.until).where(one).with_for_update()) or now
        if until + step - now > at_once * step:
            return False
        connection.execute(delete(asked).where(one))
        connection.execute(insert(asked).values(digest=digest, until=until + step))
    return True
