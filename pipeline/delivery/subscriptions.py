"""What a reader does about their own subscriptions, by a form or by a link that was mailed to them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import Connection, delete, select, update

from pipeline.delivery import forgetting, people
from pipeline.delivery.addresses import key, normalised
from pipeline.delivery.database import Database
from pipeline.delivery.people import Consent, Entry, Subscription
from pipeline.delivery.tables import forgotten, lists, subscribers, subscriptions
from pipeline.delivery.tokens import TokenError, Tokens, lasting

GOOD_FOR = timedelta(days=7)
"""How long a reader may take to confirm."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What mail an address is to be sent, and the token of its link.

    confirm: a token to confirm with. welcome, already: a token for preferences. The page shows the same words for all
    three, so that nobody learns from it who is subscribed.
    """

    mail: Literal["confirm", "welcome", "already"]
    subscriber: int
    address: str
    token: str


@dataclass(frozen=True, slots=True)
class Preferences:
    """What one reader may change: their name, and the state of their subscription to each list they were ever on."""

    subscriber: int
    name: str
    lists: Mapping[str, str]


def subscribe(
    book: Database,
    tokens: Tokens,
    name: str,
    address: str,
    consent: Consent,
    *,
    called: str = "",
    opt_in: Literal["single", "double"] = "double",
) -> Asked:
    """Somebody asks for a list by giving an address, which may not be theirs; raises AddressError.

    name: of the list; called: what they call themselves. With double opt-in nobody is mailed but to ask whether they
    meant it. So it is asked, whatever the list says, of an address that mail came back from.
    """
    one = normalised(address)

    def chosen(number: int) -> str:
        return tokens.token("preferences", number, name, lasting(consent.at))

    with book.transaction() as connection:
        digest = book.digest("forgotten", key(one))
        connection.execute(delete(forgotten).where(forgotten.c.digest == digest))
        (number,) = people.known_as(connection, [(one, Entry(one))])
        mailing_list = people.list_id(connection, name)
        state = _state(connection, mailing_list, number)
        barred = connection.scalar(
            select(subscribers.c.suppressed).where(subscribers.c.id == number)
        )
        if state == "confirmed" and not barred:
            return Asked("already", number, one, chosen(number))
        now: Literal["confirmed", "unconfirmed"] = (
            "confirmed" if opt_in == "single" and not barred else "unconfirmed"
        )
        people.put(connection, mailing_list, number, now, consent)
        if called:
            _call(connection, number, called, unnamed=True)
    if now == "confirmed":
        return Asked("welcome", number, one, chosen(number))
    expires = consent.at + GOOD_FOR
    return Asked("confirm", number, one, tokens.token("confirm", number, name, expires))


def confirm(book: Database, tokens: Tokens, token: str, at: datetime) -> str:
    """A reader says that they meant it; the list they are on now. Raises TokenError.

    Mail reached them, so what came back before counts no more.
    """
    named = tokens.read("confirm", token, at)
    with book.transaction() as connection:
        mailing_list = people.list_id(connection, named.mailing_list)
        state = _state(connection, mailing_list, named.subscriber)
        if state not in ("unconfirmed", "confirmed"):
            raise TokenError("spent")
        if state == "unconfirmed":
            people.set_subscription(
                connection,
                mailing_list,
                named.subscriber,
                state="confirmed",
                since=at.isoformat(),
            )
            connection.execute(
                update(subscribers)
                .where(subscribers.c.id == named.subscriber, subscribers.c.address.is_not(None))
                .values(suppressed="", suppressed_since="", suppressed_why="")
            )
    return named.mailing_list


def unsubscribe(book: Database, tokens: Tokens, token: str, at: datetime) -> str:
    """A reader leaves a list, and gets nothing more of what is going out to it; the list. Raises TokenError.

    A second time changes nothing.
    """
    named = tokens.read("unsubscribe", token, at)
    with book.transaction() as connection:
        mailing_list = people.list_id(connection, named.mailing_list)
        people.take_off(connection, mailing_list, named.subscriber, at)
    return named.mailing_list


def preferences(book: Database, tokens: Tokens, token: str, at: datetime) -> Preferences:
    """What a reader's page of preferences shows; raises TokenError."""
    named = tokens.read("preferences", token, at)
    with book.transaction() as connection:
        called = connection.scalar(
            select(subscribers.c.name).where(
                subscribers.c.id == named.subscriber, subscribers.c.address.is_not(None)
            )
        )
        if called is None:
            raise TokenError("erased")
        rows = connection.execute(
            select(lists.c.name, subscriptions.c.state)
            .join(subscriptions, subscriptions.c.list == lists.c.id)
            .where(subscriptions.c.subscriber == named.subscriber)
            .order_by(lists.c.name)
        ).all()
    return Preferences(named.subscriber, called, {row.name: row.state for row in rows})


def prefer(
    book: Database,
    tokens: Tokens,
    token: str,
    wanted: Mapping[str, bool],
    consent: Consent,
    *,
    called: str | None = None,
) -> None:
    """A reader chooses their lists, all in one go: which they want, and which not; raises TokenError.

    The link was mailed to them, so no list needs to ask again whether they meant it.
    """
    named = tokens.read("preferences", token, consent.at)
    with book.transaction() as connection:
        for name, yes in wanted.items():
            mailing_list = people.list_id(connection, name)
            state = _state(connection, mailing_list, named.subscriber)
            if yes and state != "confirmed":
                people.put(connection, mailing_list, named.subscriber, "confirmed", consent)
            elif not yes and state:
                people.take_off(connection, mailing_list, named.subscriber, consent.at)
        if called is not None:
            _call(connection, named.subscriber, called)


def forget(book: Database, tokens: Tokens, token: str, at: datetime) -> None:
    """A reader asks, by the link to their preferences, to be erased; raises TokenError."""
    named = tokens.read("preferences", token, at)
    with book.transaction() as connection:
        address = connection.scalar(
            select(subscribers.c.address).where(subscribers.c.id == named.subscriber)
        )
    if address is not None:
        forgetting.forget(book, address, at)


def known(book: Database, address: str) -> list[Subscription]:
    """All that is known of an address; raises AddressError."""
    return people.known(book, address)


def _state(connection: Connection, mailing_list: int, subscriber: int) -> str:
    return (
        connection.scalar(
            select(subscriptions.c.state).where(
                subscriptions.c.list == mailing_list, subscriptions.c.subscriber == subscriber
            )
        )
        or ""
    )


def _call(connection: Connection, subscriber: int, name: str, *, unnamed: bool = False) -> None:
    """Keep what somebody calls themselves; only if they had no name, where it may be a stranger who says so."""
    one = update(subscribers).where(subscribers.c.id == subscriber)
    if unnamed:
        one = one.where(subscribers.c.name == "")
    connection.execute(one.values(name=name))
