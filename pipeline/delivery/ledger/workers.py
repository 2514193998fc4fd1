"""Workers: which are alive, and which of them has a chore to itself."""

from __future__ import annotations

from sqlalchemy import delete, insert, select, update

from pipeline.delivery.database import Database
from pipeline.delivery.tables import leases, workers


def seen(book: Database, worker: str, now: float) -> None:
    """A worker says that it is alive."""
    with book.transaction() as connection:
        known = connection.execute(
            update(workers).where(workers.c.name == worker).values(seen=int(now))
        ).rowcount
        if not known:
            connection.execute(insert(workers).values(name=worker, seen=int(now)))


def gone(book: Database, worker: str) -> None:
    """A worker has ended, or another has taken over its work."""
    with book.transaction() as connection:
        connection.execute(delete(workers).where(workers.c.name == worker))


def silent(book: Database, since: float) -> list[str]:
    """The workers that were last heard of before then."""
    query = select(workers.c.name).where(workers.c.seen < int(since)).order_by(workers.c.name)
    with book.transaction() as connection:
        return list(connection.scalars(query))


def lease(book: Database, name: str, holder: str, now: float, seconds: int) -> bool:
    """Whether the holder has a chore to itself for so long."""
    with book.transaction() as connection:
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("LOCK TABLE leases IN EXCLUSIVE MODE")
        found = connection.execute(
            select(leases.c.holder, leases.c.until).where(leases.c.name == name)
        ).one_or_none()
        if found is not None and found.holder != holder and found.until >= now:
            return False
        connection.execute(delete(leases).where(leases.c.name == name))
        row = {"name": name, "holder": holder, "until": int(now) + seconds}
        connection.execute(insert(leases).values(row))
    return True
