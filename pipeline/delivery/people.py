"""Who is subscribed to what, since when and by what consent, and whom no list may mail any more."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Literal, TypeVar

from sqlalchemy import Connection, func, insert, null, or_, select, update

from pipeline.delivery.addresses import key, normalised
from pipeline.delivery.database import Database, portions
from pipeline.delivery.edition import one_line
from pipeline.delivery.forgetting import take_back, who_asked
from pipeline.delivery.tables import (
    consents,
    deliveries,
    editions,
    lists,
    subscribers,
    subscriptions,
)

_T = TypeVar("_T")

PAGE = 5_000
"""How many subscriptions are read at a time."""


@dataclass(frozen=True, slots=True)
class Consent:
    """Who allowed us to mail them: when, by what way, and to what words."""

    at: datetime
    source: str
    text: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """An address to put on a list, normalised or not, with what is known of its owner."""

    address: str
    name: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)
    consent: Consent | None = None


@dataclass(frozen=True, slots=True)
class Subscription:
    """A subscription as the author sees it; `since` is when its state last changed, times are ISO 8601."""

    address: str
    mailing_list: str
    state: str
    since: str
    name: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)
    consented: str = ""
    source: str = ""
    text: str = ""
    suppressed: str = ""


@dataclass(frozen=True, slots=True)
class Added:
    """How many addresses were new to a list, were on it already, had left it and stay off, asked to be forgotten, or
    may not be mailed because mail came back or was complained of."""

    added: int = 0
    already: int = 0
    left: int = 0
    forgotten: int = 0
    suppressed: int = 0

    def __add__(self, other: Added) -> Added:
        return Added(
            self.added + other.added,
            self.already + other.already,
            self.left + other.left,
            self.forgotten + other.forgotten,
            self.suppressed + other.suppressed,
        )


def add(
    book: Database,
    name: str,
    entries: Iterable[Entry],
    at: datetime,
    *,
    again: bool = False,
    state: Literal["confirmed", "unconfirmed"] = "confirmed",
) -> Added:
    """Put addresses on a list, each once, all in one transaction; raises AddressError, and then adds none.

    Who has left the list or was forgotten stays off it, unless `again` says that they asked to come back.
    """
    good = [replace(entry, address=normalised(entry.address)) for entry in entries]
    return enter(book, name, good, at, again=again, state=state)


def enter(
    book: Database,
    name: str,
    entries: Iterable[Entry],
    at: datetime,
    *,
    again: bool = False,
    state: Literal["confirmed", "unconfirmed"] = "confirmed",
) -> Added:
    """As `add`, of addresses that are normalised: to find that out takes longer than to write them down."""
    wanted = {key(entry.address): (entry.address, entry) for entry in entries}
    with book.transaction() as connection:
        mailing_list = list_id(connection, name)
        gone = {} if again else who_asked(book, connection, wanted)
        ids = _people(connection, {one: wanted[one] for one in wanted if one not in gone})
        if again:
            take_back(book, connection, wanted)
        states = _states(connection, mailing_list, list(ids.values()))
        consented = _consented(connection, [entry for _, entry in wanted.values()])
        fresh = [one for one, number in ids.items() if number not in states]
        rows = [
            _subscription(mailing_list, ids[one], state, at, consented(wanted[one][1].consent))
            for one in fresh
        ]
        for some in portions(rows):
            connection.execute(insert(subscriptions), list(some))
        left = [one for one, number in ids.items() if states.get(number) == "unsubscribed"]
        if again:
            for one in left:
                values = {"state": "confirmed", "since": at.isoformat()}
                agreed = consented(wanted[one][1].consent)
                set_subscription(connection, mailing_list, ids[one], **values, **agreed)
        bad = _suppressed(connection, list(ids.values()))
    added = len(fresh) + (len(left) if again else 0)
    stay = 0 if again else len(left)
    return Added(added, len(ids) - added - stay, stay, len(gone), bad)


def remove(book: Database, name: str, address: str, at: datetime) -> bool:
    """Take an address off a list, and out of what is still going to it; whether it was on it."""
    with book.transaction() as connection:
        found = connection.execute(
            select(subscriptions.c.list, subscriptions.c.subscriber)
            .join(lists, lists.c.id == subscriptions.c.list)
            .join(subscribers, subscribers.c.id == subscriptions.c.subscriber)
            .where(
                lists.c.name == name,
                subscribers.c.key == key(normalised(address)),
                subscriptions.c.state != "unsubscribed",
            )
        ).one_or_none()
        return found is not None and take_off(connection, found.list, found.subscriber, at)


def leave(book: Database, name: str, entries: Iterable[Entry], at: datetime) -> int:
    """Note who has left a list, known or not, by normalised address; how many they are."""
    wanted = {key(entry.address): (entry.address, entry) for entry in entries}
    with book.transaction() as connection:
        mailing_list = list_id(connection, name)
        gone = who_asked(book, connection, wanted)
        ids = _people(connection, {one: wanted[one] for one in wanted if one not in gone})
        states = _states(connection, mailing_list, list(ids.values()))
        consented = _consented(connection, [entry for _, entry in wanted.values()])
        rows = [
            _subscription(
                mailing_list, number, "unsubscribed", at, consented(wanted[one][1].consent)
            )
            for one, number in ids.items()
            if number not in states
        ]
        for some in portions(rows):
            connection.execute(insert(subscriptions), list(some))
        for number in ids.values():
            if states.get(number, "unsubscribed") != "unsubscribed":
                take_off(connection, mailing_list, number, at)
    return len(wanted)


def known(book: Database, address: str) -> list[Subscription]:
    """All that is known of an address: its subscription to each list."""
    one = key(normalised(address))
    query = _subscriptions().where(subscribers.c.key == one).order_by(lists.c.name)
    with book.transaction() as connection:
        return [_told(row) for row in connection.execute(query)]


def each(book: Database, name: str | None = None) -> Iterator[Subscription]:
    """The subscriptions of a list, or of all, in order of list and address; a page is read at a time."""
    for mailing_list in [name] if name is not None else list_names(book):
        last = ""
        while True:
            query = (
                _subscriptions()
                .where(lists.c.name == mailing_list, subscribers.c.key > last)
                .order_by(subscribers.c.key)
                .limit(PAGE)
            )
            with book.transaction() as connection:
                rows = connection.execute(query).all()
            yield from map(_told, rows)
            if len(rows) < PAGE:
                break
            last = rows[-1].key


def list_names(book: Database) -> list[str]:
    """The lists that anybody was ever on, by name."""
    with book.transaction() as connection:
        return list(connection.scalars(select(lists.c.name).order_by(lists.c.name)))


def attribute_names(book: Database) -> list[str]:
    """The names of all attributes that any subscriber has."""
    query = select(subscribers.c.attributes).where(subscribers.c.attributes != "").distinct()
    with book.transaction() as connection:
        return sorted({name for text in connection.scalars(query) for name in json.loads(text)})


def count(book: Database, name: str, seeds: Iterable[str] = ()) -> int:
    """How many an edition frozen now would go to."""
    keys = {key(normalised(seed)) for seed in seeds}
    confirmed = select(subscriptions.c.subscriber).where(
        subscriptions.c.list == select(lists.c.id).where(lists.c.name == name).scalar_subquery(),
        subscriptions.c.state == "confirmed",
    )
    may = select(func.count()).select_from(subscribers).where(subscribers.c.suppressed == "")
    with book.transaction() as connection:
        on_it = connection.scalar(may.where(subscribers.c.id.in_(confirmed))) or 0
        seeded = select(subscribers.c.id).where(
            subscribers.c.key.in_(keys),
            or_(subscribers.c.id.in_(confirmed), subscribers.c.suppressed != ""),
        )
        both = connection.scalar(select(func.count()).select_from(seeded.subquery())) or 0
    return on_it + len(keys) - both


# --- inside a transaction -----------------------------------------------------------------------------


def list_id(connection: Connection, name: str) -> int:
    """The number of a list, which is made where it is not there."""
    found = connection.scalar(select(lists.c.id).where(lists.c.name == name))
    if found is None:
        found = connection.scalar(insert(lists).values(name=name).returning(lists.c.id))
    return int(found or 0)


def numbered(connection: Connection, wanted: Mapping[str, str]) -> dict[str, int]:
    """The numbers of addresses by key, in that order; who is not known yet becomes known."""
    return _people(connection, {one: (wanted[one], Entry(wanted[one])) for one in wanted})


def known_as(connection: Connection, entries: Iterable[tuple[str, Entry]]) -> list[int]:
    """The numbers of normalised addresses, in that order; who is not known yet becomes known."""
    return list(_people(connection, {key(one): (one, entry) for one, entry in entries}).values())


def put(
    connection: Connection,
    mailing_list: int,
    subscriber: int,
    state: Literal["confirmed", "unconfirmed"],
    consent: Consent,
) -> None:
    """Put somebody on a list by their own consent, whatever they were to it before."""
    agreed = _consented(connection, [Entry("", consent=consent)])(consent)
    row = _subscription(mailing_list, subscriber, state, consent.at, agreed)
    there = (subscriptions.c.list == mailing_list) & (subscriptions.c.subscriber == subscriber)
    if not connection.execute(update(subscriptions).where(there).values(**row)).rowcount:
        connection.execute(insert(subscriptions).values(**row))


def ids_of(connection: Connection, addresses: Iterable[str]) -> list[int]:
    """The numbers of those addresses that are known."""
    query = select(subscribers.c.id).where(subscribers.c.key.in_(list(map(key, addresses))))
    return list(connection.scalars(query))


def take_off(connection: Connection, mailing_list: int, subscriber: int, at: datetime) -> bool:
    """Unsubscribe somebody from a list, and from its editions still going to them; whether they were on it."""
    changed = connection.execute(
        update(subscriptions)
        .where(
            subscriptions.c.list == mailing_list,
            subscriptions.c.subscriber == subscriber,
            subscriptions.c.state != "unsubscribed",
        )
        .values(state="unsubscribed", since=at.isoformat())
    ).rowcount
    _skip(connection, subscriber, "unsubscribed", editions.c.list == mailing_list)
    return bool(changed)


def suppress(connection: Connection, subscriber: int, reason: str, why: str, at: datetime) -> None:
    """Let no list mail somebody any more; the first reason stays, except that a complaint outweighs a bounce."""
    weaker = ("", "bounced") if reason == "complained" else ("",)
    connection.execute(
        update(subscribers)
        .where(subscribers.c.id == subscriber, subscribers.c.suppressed.in_(weaker))
        .values(suppressed=reason, suppressed_since=at.isoformat(), suppressed_why=why)
    )
    _skip(connection, subscriber, reason)


def _skip(connection: Connection, subscriber: int, reason: str, *more: Any) -> None:
    """Take somebody out of what is still going to them. Their rows are found by edition: there are few under way."""
    under_way = select(editions.c.id).where(editions.c.state.not_in(("finished", "cancelled")))
    connection.execute(
        update(deliveries)
        .where(
            deliveries.c.edition.in_(under_way.where(*more)),
            deliveries.c.subscriber == subscriber,
            deliveries.c.state.in_(("planned", "deferred")),
        )
        .values(state="skipped", reason=reason, due=null())
    )


def written(attributes: Mapping[str, str]) -> str:
    """Attributes as the table holds them: equal ones are equal texts."""
    if not attributes:
        return ""
    return json.dumps(dict(attributes), ensure_ascii=False, sort_keys=True)


def _people(connection: Connection, wanted: Mapping[str, tuple[str, Entry]]) -> dict[str, int]:
    """The numbers of people by key, in that order. Who is not known becomes known; what is newly known is kept."""
    found: dict[str, int] = {}
    for some in portions(list(wanted)):
        have = select(
            subscribers.c.key, subscribers.c.id, subscribers.c.name, subscribers.c.attributes
        ).where(subscribers.c.key.in_(some))
        here = {row.key: row for row in connection.execute(have)}
        for one, row in here.items():
            _learn(connection, row, wanted[one][1])
        fresh = [_person(one, *wanted[one]) for one in some if one not in here]
        if fresh:
            connection.execute(insert(subscribers), fresh)
            numbers = select(subscribers.c.key, subscribers.c.id).where(
                subscribers.c.key.in_([row["key"] for row in fresh])
            )
            found.update((row.key, row.id) for row in connection.execute(numbers))
        found.update((one, row.id) for one, row in here.items())
    return {one: found[one] for one in wanted}


def _person(one: str, address: str, entry: Entry) -> dict[str, Any]:
    return {
        "address": address,
        "key": one,
        "domain": one.rpartition("@")[2],
        "name": one_line(entry.name),
        "attributes": written(entry.attributes),
        "suppressed": "",
        "suppressed_since": "",
        "suppressed_why": "",
    }


def _learn(connection: Connection, row: Any, entry: Entry) -> None:
    """Keep a name and attributes that were not known before, or are others now."""
    had = json.loads(row.attributes) if row.attributes else {}
    name, attributes = one_line(entry.name) or row.name, written({**had, **entry.attributes})
    if (name, attributes) != (row.name, row.attributes):
        connection.execute(
            update(subscribers)
            .where(subscribers.c.id == row.id)
            .values(name=name, attributes=attributes)
        )


_NOT_CONSENTED: Mapping[str, Any] = {"consent": None, "consented": ""}


def _subscription(
    mailing_list: int, subscriber: int, state: str, at: datetime, consented: Mapping[str, Any]
) -> dict[str, Any]:
    return {
        "list": mailing_list,
        "subscriber": subscriber,
        "state": state,
        "since": at.isoformat(),
        **consented,
    }


def _consented(
    connection: Connection, entries: Iterable[Entry]
) -> Callable[[Consent | None], Mapping[str, Any]]:
    """Gives what a subscription says of a consent; each way and wording of it is kept once."""
    numbers: dict[tuple[str, str], int] = {}
    for source, text in {(one.consent.source, one.consent.text) for one in entries if one.consent}:
        found = connection.scalar(
            select(consents.c.id).where(consents.c.source == source, consents.c.text == text)
        )
        if found is None:
            row = insert(consents).values(source=source, text=text).returning(consents.c.id)
            found = connection.execute(row).scalar_one()
        numbers[source, text] = int(found)

    def of(consent: Consent | None) -> Mapping[str, Any]:
        if consent is None:
            return _NOT_CONSENTED
        at = consent.at.astimezone(UTC).isoformat()
        return {"consent": numbers[consent.source, consent.text], "consented": at}

    return of


def set_subscription(
    connection: Connection, mailing_list: int, subscriber: int, **values: Any
) -> None:
    connection.execute(
        update(subscriptions)
        .where(subscriptions.c.list == mailing_list, subscriptions.c.subscriber == subscriber)
        .values(**values)
    )


def _states(connection: Connection, mailing_list: int, ids: Sequence[int]) -> dict[int, str]:
    """The state of each of these subscribers who is, or was, on a list."""
    return {
        row.subscriber: row.state
        for some in portions(ids)
        for row in connection.execute(
            select(subscriptions.c.subscriber, subscriptions.c.state).where(
                subscriptions.c.list == mailing_list, subscriptions.c.subscriber.in_(some)
            )
        )
    }


def _suppressed(connection: Connection, ids: Sequence[int]) -> int:
    return sum(
        connection.scalar(
            select(func.count())
            .select_from(subscribers)
            .where(subscribers.c.id.in_(some), subscribers.c.suppressed != "")
        )
        or 0
        for some in portions(ids)
    )


def _subscriptions() -> Any:
    return (
        select(
            subscribers.c.address,
            lists.c.name.label("mailing_list"),
            subscriptions.c.state,
            subscriptions.c.since,
            subscribers.c.name,
            subscribers.c.attributes,
            subscriptions.c.consented,
            consents.c.source,
            consents.c.text,
            subscribers.c.suppressed,
            subscribers.c.key,
            subscribers.c.id,
        )
        .select_from(subscriptions)
        .join(subscribers, subscribers.c.id == subscriptions.c.subscriber)
        .join(lists, lists.c.id == subscriptions.c.list)
        .join(consents, consents.c.id == subscriptions.c.consent, isouter=True)
    )


def _told(row: Any) -> Subscription:
    return Subscription(
        row.address,
        row.mailing_list,
        row.state,
        row.since,
        row.name,
        json.loads(row.attributes) if row.attributes else {},
        row.consented,
        row.source or "",
        row.text or "",
        row.suppressed,
    )
