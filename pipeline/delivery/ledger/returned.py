"""What comes back: the row says why, and an address where nobody is, or whose owner complained, is mailed no more."""

from __future__ import annotations

from datetime import datetime
from itertools import takewhile
from typing import Literal

from sqlalchemy import Connection, null, select, update

from pipeline.delivery.database import Database
from pipeline.delivery.people import suppress, take_off
from pipeline.delivery.severity import Severity
from pipeline.delivery.tables import deliveries, editions

SOFT_BOUNCES = 5
"""Editions in a row that came back for now, after which an address is taken for dead."""


def bounced(
    book: Database,
    number: int,
    subscriber: int,
    kind: Literal["hard", "soft", "policy", "complaint"],
    reason: str,
    at: datetime,
) -> None:
    """A message came back: the row says why. hard and complaint suppress the address, and so does soft when
    SOFT_BOUNCES editions in a row came back; policy says nothing of the address, and never does."""
    with book.transaction() as connection:
        connection.execute(
            update(deliveries)
            .where(
                deliveries.c.edition == number,
                deliveries.c.subscriber == subscriber,
                deliveries.c.state.in_(("accepted", "unknown", "refused")),
            )
            .values(
                state="accepted" if kind == "complaint" else "refused",
                reason=reason,
                due=null(),
                at=int(at.timestamp()),
            )
        )
        if kind == "complaint":
            suppress(connection, subscriber, "complained", reason, at)
        else:
            came_back(connection, subscriber, kind, reason, at)


def unsubscribed(book: Database, number: int, subscriber: int, at: datetime) -> bool:
    """Take a subscriber off the list of an edition; whether they were on it."""
    with book.transaction() as connection:
        mailing_list = connection.scalar(select(editions.c.list).where(editions.c.id == number))
        return mailing_list is not None and take_off(connection, mailing_list, subscriber, at)


def came_back(
    connection: Connection, subscriber: int, how: Severity, reason: str, at: datetime
) -> None:
    """Mail an address no more where nobody is, or where mail came back too often: in the session, or later."""
    soft = how == "soft" and _soft_in_a_row(connection, subscriber) >= SOFT_BOUNCES
    if how == "hard" or soft:
        suppress(connection, subscriber, "bounced", reason, at)


def _soft_in_a_row(connection: Connection, subscriber: int) -> int:
    """How many of a subscriber's latest editions came back, one after another."""
    latest = connection.scalars(
        select(deliveries.c.state)
        .where(
            deliveries.c.edition.in_(select(editions.c.id)),  # so that rows are found by their key
            deliveries.c.subscriber == subscriber,
            deliveries.c.state.in_(("accepted", "refused")),
            deliveries.c.reason.not_like("%5.7.%"),
        )
        .order_by(deliveries.c.edition.desc())
        .limit(SOFT_BOUNCES)
    )
    return len(list(takewhile(lambda state: state == "refused", latest)))
