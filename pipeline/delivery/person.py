"""All that is known of one reader, for themselves to have."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import select

from pipeline.delivery.addresses import key, normalised
from pipeline.delivery.database import Database
from pipeline.delivery.tables import (
    consents,
    deliveries,
    editions,
    lists,
    private_feeds,
    subscribers,
    subscriptions,
)
from pipeline.delivery.tokens import Tokens
from pipeline.errors import SimulcastError


def about(book: Database, address: str) -> dict[str, Any]:
    """Everything that any table holds of an address; empty where nothing does. Raises AddressError."""
    with book.transaction() as connection:
        one = key(normalised(address))
        number = connection.scalar(select(subscribers.c.id).where(subscribers.c.key == one))
    return _about(book, number) if number is not None else {}


def of_token(book: Database, tokens: Tokens, token: str, at: Any) -> dict[str, Any]:
    """The same, for who brings the link to their preferences; raises TokenError."""
    return _about(book, tokens.read("preferences", token, at).subscriber)


def address_of(book: Database, subscriber: int) -> str:
    """The address of a subscriber; raises SimulcastError where they asked to be forgotten."""
    with book.transaction() as connection:
        query = select(subscribers.c.address).where(subscribers.c.id == subscriber)
        found = connection.scalar(query)
    if found is None:
        raise SimulcastError("this address was forgotten, as was asked")
    return str(found)


def _about(book: Database, number: int) -> dict[str, Any]:
    subscribed = (
        select(
            lists.c.name.label("list"),
            subscriptions.c.state,
            subscriptions.c.since,
            subscriptions.c.consented,
            consents.c.source,
            consents.c.text,
        )
        .join(lists, lists.c.id == subscriptions.c.list)
        .outerjoin(consents, consents.c.id == subscriptions.c.consent)
        .where(subscriptions.c.subscriber == number)
        .order_by(lists.c.name)
    )
    mailed = (
        select(
            lists.c.name.label("list"),
            editions.c.slug.label("episode"),
            editions.c.revision,
            deliveries.c.state,
            deliveries.c.at,
            deliveries.c.reason,
        )
        .join(editions, editions.c.id == deliveries.c.edition)
        .join(lists, lists.c.id == editions.c.list)
        .where(deliveries.c.subscriber == number)
        .order_by(editions.c.id)
    )
    feeds = (
        select(private_feeds.c.since, private_feeds.c.revoked)
        .where(private_feeds.c.subscriber == number)
        .order_by(private_feeds.c.serial)
    )
    with book.transaction() as connection:
        person = connection.execute(select(subscribers).where(subscribers.c.id == number)).one()
        found = {
            name: [dict(row._mapping) for row in connection.execute(query)]
            for name, query in (
                ("subscriptions", subscribed),
                ("deliveries", mailed),
                ("private_feeds", feeds),
            )
        }
    kept = person._mapping
    return {
        "number": number,
        "address": kept["address"],
        "name": kept["name"],
        "attributes": json.loads(kept["attributes"] or "{}"),
        "suppressed": kept["suppressed"],
        "suppressed_since": kept["suppressed_since"],
        "suppressed_why": kept["suppressed_why"],
        **found,
    }
