"""The sums that prove it: what became of every message of an edition."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Integer, case, cast, func, or_, select
from sqlalchemy.sql import ColumnElement

from pipeline.delivery.database import Database
from pipeline.delivery.tables import deliveries, editions, lists, subscribers


@dataclass(frozen=True, slots=True)
class Counts:
    """How many messages are in which state."""

    planned: int = 0
    sending: int = 0
    accepted: int = 0
    refused: int = 0
    deferred: int = 0
    unknown: int = 0
    skipped: int = 0

    @property
    def open(self) -> int:
        """How many have not had their final answer."""
        return self.planned + self.sending + self.deferred + self.unknown


@dataclass(frozen=True, slots=True)
class Sums(Counts):
    """What became of an edition. `audience` was counted when it was planned, the states just now.

    revision: 0 is the episode, later ones are its corrections. uncertain: may have arrived twice.
    """

    edition: int = 0
    slug: str = ""
    mailing_list: str = ""
    revision: int = 0
    state: str = ""
    starts: str = ""
    audience: int = 0
    uncertain: int = 0

    @property
    def hold(self) -> bool:
        """Whether everyone in the audience is accounted for."""
        return self.audience == self.open + self.accepted + self.refused + self.skipped


def all_sums(book: Database, slug: str | None = None) -> list[Sums]:
    """The sums of every edition, or of those of one episode."""
    return _sums(book, None if slug is None else editions.c.slug == slug)


def sums_of(book: Database, number: int) -> Sums:
    """What became of one edition."""
    return _sums(book, editions.c.id == number)[0]


def _sums(book: Database, which: ColumnElement[bool] | None) -> list[Sums]:
    chosen = (
        select(editions, lists.c.name)
        .join(lists, lists.c.id == editions.c.list)
        .order_by(editions.c.id)
    )
    counted = select(deliveries.c.edition, deliveries.c.state, func.count(), _uncertain()).group_by(
        deliveries.c.edition, deliveries.c.state
    )
    if which is not None:
        chosen = chosen.where(which)
        counted = counted.where(deliveries.c.edition.in_(select(editions.c.id).where(which)))
    with book.transaction() as connection:
        found = [_uncounted(row) for row in connection.execute(chosen)]
        counts: dict[int, dict[str, Any]] = {one.edition: {"uncertain": 0} for one in found}
        for number, state, count, uncertain in connection.execute(counted):
            counts[number][state] = count
            counts[number]["uncertain"] += uncertain
    return [replace(one, **counts[one.edition]) for one in found]


def _uncertain() -> ColumnElement[int]:
    return func.sum(case((deliveries.c.uncertain > 0, 1), else_=0))


def _uncounted(row: Any) -> Sums:
    return Sums(
        edition=row.id,
        slug=row.slug,
        mailing_list=row.name,
        revision=row.revision,
        state=row.state,
        starts=row.starts,
        audience=row.audience,
    )


def by_domain(book: Database, number: int) -> dict[str, Counts]:
    """The sums of an edition by the domain of the address, the largest first."""
    counted = (
        select(subscribers.c.domain, deliveries.c.state, func.count())
        .join(subscribers, subscribers.c.id == deliveries.c.subscriber)
        .where(deliveries.c.edition == number)
        .group_by(subscribers.c.domain, deliveries.c.state)
    )
    found: dict[str, dict[str, int]] = {}
    with book.transaction() as connection:
        for domain, state, count in connection.execute(counted):
            found.setdefault(domain, {})[state] = count
    largest = sorted(found, key=lambda domain: (-sum(found[domain].values()), domain))
    return {domain: Counts(**found[domain]) for domain in largest}


def by_minute(book: Database, number: int) -> dict[datetime, Counts]:
    """How many messages of an edition came to which state in each minute, in order."""
    minute = cast(deliveries.c.at / 60, Integer)
    counted = (
        select(minute, deliveries.c.state, func.count())
        .where(deliveries.c.edition == number, deliveries.c.at.is_not(None))
        .group_by(minute, deliveries.c.state)
    )
    found: dict[int, dict[str, int]] = {}
    with book.transaction() as connection:
        for when, state, count in connection.execute(counted):
            found.setdefault(when, {})[state] = count
    return {datetime.fromtimestamp(when * 60, UTC): Counts(**found[when]) for when in sorted(found)}


def reasons(book: Database, number: int) -> dict[str, int]:
    """Why messages of an edition were refused, deferred or skipped, the commonest first."""
    counted = (
        select(deliveries.c.reason, func.count())
        .where(
            deliveries.c.edition == number,
            # Servers say a word of its own to each message that they take.
            or_(deliveries.c.state != "accepted", deliveries.c.reason.startswith("complaint")),
            deliveries.c.reason != "",
        )
        .group_by(deliveries.c.reason)
        .order_by(func.count().desc(), deliveries.c.reason)
    )
    with book.transaction() as connection:
        return {row.reason: row[1] for row in connection.execute(counted)}
