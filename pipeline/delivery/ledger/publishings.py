"""Episodes that are to be published at a time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import insert, select, update

from pipeline.delivery.database import Database
from pipeline.delivery.tables import publishings, utc


@dataclass(frozen=True, slots=True)
class Publishing:
    """An episode that is to be published at a time."""

    id: int
    slug: str
    starts: str


def schedule(book: Database, slug: str, starts: datetime) -> int:
    """Have some worker publish an episode when its time comes; the number of this wish."""
    row = {"episode": slug, "starts": utc(starts), "state": "scheduled"}
    with book.transaction() as connection:
        query = insert(publishings).values(row).returning(publishings.c.id)
        return int(connection.execute(query).scalar_one())


def to_publish(book: Database, at: datetime | None = None) -> list[Publishing]:
    """The episodes that wait to be published; `at`: those whose time has come by then."""
    query = (
        select(publishings.c.id, publishings.c.episode, publishings.c.starts)
        .where(publishings.c.state == "scheduled")
        .order_by(publishings.c.starts, publishings.c.id)
    )
    if at is not None:
        query = query.where(publishings.c.starts <= utc(at))
    with book.transaction() as connection:
        return [Publishing(*row) for row in connection.execute(query)]


def published(book: Database, number: int, *, cancelled: bool = False) -> bool:
    """Take a wish to publish off the list, once it was begun or is no more wanted; whether it was on it."""
    with book.transaction() as connection:
        changed = connection.execute(
            update(publishings)
            .where(publishings.c.id == number, publishings.c.state == "scheduled")
            .values(state="cancelled" if cancelled else "begun")
        )
        return bool(changed.rowcount)
