"""Whom an edition goes to, and what a message needs to know of each."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Select, and_, func, literal, or_, select

from pipeline.delivery.addresses import key, normalised
from pipeline.delivery.database import Database
from pipeline.delivery.message import Recipient
from pipeline.delivery.people import ids_of, list_id
from pipeline.delivery.tables import deliveries, subscribers, subscriptions

RECIPIENT = (
    subscribers.c.id,
    subscribers.c.address,
    subscribers.c.name,
    subscribers.c.attributes,
)
"""The columns of which `recipient` makes one."""


def recipient(row: Any) -> Recipient:
    attributes = json.loads(row.attributes) if row.attributes else {}
    return Recipient(row.id, row.address or "", row.name, attributes)


def chosen(
    mailing_list: int, seeded: Sequence[int], received: Sequence[int]
) -> Select[tuple[int, str]]:
    """The number and domain of everyone an edition goes to."""
    subscribed = select(subscriptions.c.subscriber).where(
        subscriptions.c.list == mailing_list, subscriptions.c.state == "confirmed"
    )
    left = select(subscriptions.c.subscriber).where(
        subscriptions.c.list == mailing_list, subscriptions.c.state == "unsubscribed"
    )
    wanted = or_(
        subscribers.c.id.in_(subscribed),
        subscribers.c.id.in_(seeded) if seeded else literal(False),
    )
    if received:
        had = select(deliveries.c.subscriber).where(
            deliveries.c.edition.in_(received), deliveries.c.state.in_(("accepted", "unknown"))
        )
        wanted = and_(subscribers.c.id.in_(had), subscribers.c.id.not_in(left))
    return select(subscribers.c.id, subscribers.c.domain).where(
        wanted, subscribers.c.suppressed == "", subscribers.c.address.is_not(None)
    )


def first(book: Database, name: str, seeds: Sequence[str] = (), count: int = 3) -> list[Recipient]:
    """The first few to whom an edition for a list would go now."""
    with book.transaction() as connection:
        seeded = ids_of(connection, map(normalised, seeds))
        these = chosen(list_id(connection, name), seeded, ()).subquery()
        query = (
            select(*RECIPIENT)
            .where(subscribers.c.id.in_(select(these.c.id)))
            .order_by(subscribers.c.id)
            .limit(count)
        )
        found = [recipient(row) for row in connection.execute(query)]
    unknown = [Recipient(0, normalised(seed)) for seed in seeds]
    have = {key(one.address) for one in found}
    return [*found, *(one for one in unknown if key(one.address) not in have)][:count]


def received(book: Database, name: str, numbers: Sequence[int]) -> int:
    """How many of a list a correction of these editions would go to now."""
    with book.transaction() as connection:
        these = chosen(list_id(connection, name), (), numbers).subquery()
        return int(connection.scalar(select(func.count()).select_from(these)) or 0)


def distinct(book: Database, number: int) -> Iterator[Recipient]:
    """One recipient of a planned edition for each name and attributes there are among them."""
    one_each = (
        select(func.min(subscribers.c.id))
        .join(deliveries, deliveries.c.subscriber == subscribers.c.id)
        .where(deliveries.c.edition == number)
        .group_by(subscribers.c.name, subscribers.c.attributes)
    )
    with book.transaction() as connection:
        ids = list(connection.scalars(one_each))
    for start in range(0, len(ids), 1_000):
        some = select(*RECIPIENT).where(subscribers.c.id.in_(ids[start : start + 1_000]))
        with book.transaction() as connection:
            rows = connection.execute(some).all()
        yield from map(recipient, rows)


def one(book: Database, address: str) -> Recipient | None:
    """The subscriber of a normalised address, if there is one."""
    query = select(*RECIPIENT).where(subscribers.c.key == key(address))
    with book.transaction() as connection:
        row = connection.execute(query).one_or_none()
    return None if row is None else recipient(row)
