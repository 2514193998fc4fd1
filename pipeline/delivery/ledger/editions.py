"""Frozen editions: what each list is mailed, and how far each of them is: scheduled → planned → running → finished."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Connection,
    and_,
    case,
    delete,
    func,
    insert,
    literal,
    null,
    or_,
    select,
    update,
)

from pipeline.delivery.addresses import key, normalised
from pipeline.delivery.database import Database
from pipeline.delivery.edition import Edition, Mailed
from pipeline.delivery.ledger.audience import chosen
from pipeline.delivery.ledger.lanes import lane_of
from pipeline.delivery.pace import UNLIMITED, Paces
from pipeline.delivery.people import list_id, numbered
from pipeline.delivery.tables import deliveries, editions, lists, utc


def freeze(
    book: Database,
    edition: Edition,
    seeds: Iterable[str],
    at: datetime,
    *,
    starts: datetime | None = None,
    received: Sequence[int] = (),
) -> int:
    """Keep an edition's bytes; its number. One frozen before is left as it is.

    starts: before then it is not planned, and nobody is mailed. received: it goes only to those to whom one of
    these editions was delivered (or may have been), and who still want the list.
    """
    aimed = {"seeds": [normalised(seed) for seed in seeds], "received": list(received)}
    with book.transaction() as connection:
        return _insert(connection, edition, aimed, at, starts or at)


def thawed(book: Database, number: int) -> Edition:
    """A frozen edition, as it was."""
    query = select(editions.c.content).where(editions.c.id == number)
    with book.transaction() as connection:
        return _unpacked(connection.execute(query).scalar_one())


def start(book: Database, number: int, paces: Paces = UNLIMITED) -> int:
    """Freeze a scheduled edition's audience: its list's confirmed subscribers, and the seeds; how many they are.

    An edition that was started is left as it is; one for nobody is taken back.
    """
    with book.transaction() as connection:
        row = connection.execute(
            select(editions.c.list, editions.c.aimed, editions.c.state, editions.c.audience)
            .where(editions.c.id == number)
            .with_for_update()
        ).one_or_none()
        if row is None or row.state != "scheduled":
            return row.audience if row else 0
        audience = _plan(connection, number, row.list, row.aimed, paces)
        if not audience:
            connection.execute(delete(editions).where(editions.c.id == number))
            return 0
        change(connection, number, state="planned", audience=audience)
    return audience


def run(book: Database, number: int) -> bool:
    """Let a planned edition go out; whether it was planned, and had not begun."""
    return _turn(book, number, ("planned",), "running")


def withdraw(book: Database, number: int) -> None:
    """Take back an edition that was never let out: its bytes, its audience, all of it."""
    unborn = select(editions.c.id).where(
        editions.c.id == number, editions.c.state.in_(("scheduled", "planned"))
    )
    with book.transaction() as connection:
        connection.execute(delete(deliveries).where(deliveries.c.edition.in_(unborn)))
        connection.execute(delete(editions).where(editions.c.id.in_(unborn)))


def pause(book: Database, number: int) -> bool:
    """Stop an edition after what is being handed over; whether it was under way."""
    return _turn(book, number, ("scheduled", "planned", "running"), "paused")


def resume(book: Database, number: int) -> bool:
    """Let a paused edition go on; whether it was paused."""
    with book.transaction() as connection:
        tried = select(deliveries.c.edition).where(
            deliveries.c.edition == number, deliveries.c.attempt > 0
        )
        state = case(
            (tried.exists(), "running"), (editions.c.audience > 0, "planned"), else_="scheduled"
        )
        return bool(
            connection.execute(
                update(editions)
                .where(editions.c.id == number, editions.c.state == "paused")
                .values(state=state)
            ).rowcount
        )


def cancel(book: Database, number: int) -> bool:
    """Skip all that were not handed over; whether the edition had not ended before."""
    with book.transaction() as connection:
        changed = change(
            connection,
            number,
            of=("scheduled", "planned", "running", "paused"),
            state="cancelled",
        )
        connection.execute(
            update(deliveries)
            .where(
                deliveries.c.edition == number,
                deliveries.c.state.in_(("planned", "deferred")),
            )
            .values(state="skipped", reason="cancelled", due=null())
        )
    return bool(changed)


def end_round(book: Database, number: int, which: int) -> None:
    """Let the sending of an edition be taken up anew, once for each round; close it if nothing is left to try."""
    with book.transaction() as connection:
        connection.execute(
            update(editions)
            .where(editions.c.id == number, editions.c.round == which)
            .values(round=which + 1)
        )
        _finish(connection, number)


def finish(book: Database, number: int) -> None:
    """Close an edition of which nothing is left to try."""
    with book.transaction() as connection:
        _finish(connection, number)


def _turn(book: Database, number: int, of: Sequence[str], to: str) -> bool:
    with book.transaction() as connection:
        return bool(change(connection, number, of=of, state=to))


def mailed(book: Database, name: str) -> list[Mailed]:
    """The episodes of which the list has an edition that was not cancelled before anyone had it."""
    query = (
        select(editions.c.episode, editions.c.published, editions.c.number)
        .join(lists, lists.c.id == editions.c.list)
        .where(lists.c.name == name, editions.c.revision == 0)
        .order_by(editions.c.id)
    )
    with book.transaction() as connection:
        return [
            Mailed(row.episode, datetime.fromisoformat(row.published), row.number)
            for row in connection.execute(query)
        ]


def unfinished(book: Database) -> list[int]:
    """The numbers of the editions that are under way."""
    query = select(editions.c.id).where(editions.c.state == "running").order_by(editions.c.id)
    with book.transaction() as connection:
        return list(connection.scalars(query))


def to_send(book: Database, at: datetime) -> list[int]:
    """The numbers of the editions of which something can be sent now: their time came, or something is due."""
    due = select(deliveries.c.edition).where(
        deliveries.c.edition == editions.c.id, deliveries.c.due <= int(at.timestamp())
    )
    query = (
        select(editions.c.id)
        .where(
            or_(
                editions.c.state == "planned",
                and_(editions.c.state == "scheduled", editions.c.starts <= utc(at)),
                and_(editions.c.state == "running", due.exists()),
            )
        )
        .order_by(editions.c.id)
    )
    with book.transaction() as connection:
        return list(connection.scalars(query))


def round_of(book: Database, number: int) -> int:
    """How often the sending of an edition was taken up before."""
    query = select(editions.c.round).where(editions.c.id == number)
    with book.transaction() as connection:
        return int(connection.scalar(query) or 0)


# --- inside a transaction -----------------------------------------------------------------------------


def change(connection: Connection, number: int, of: Sequence[str] = (), **values: Any) -> int:
    """Set columns of an edition, where its state is one of these, if any are given; how many rows were changed."""
    query = update(editions).where(editions.c.id == number)
    if of:
        query = query.where(editions.c.state.in_(of))
    return int(connection.execute(query.values(**values)).rowcount)


def state_of(connection: Connection, number: int) -> str:
    return str(connection.scalar(select(editions.c.state).where(editions.c.id == number)))


def _finish(connection: Connection, number: int) -> None:
    left = select(deliveries.c.edition).where(
        deliveries.c.edition == number,
        or_(deliveries.c.due.is_not(None), deliveries.c.state == "sending"),
    )
    connection.execute(
        update(editions)
        .where(editions.c.id == number, editions.c.state == "running", ~left.exists())
        .values(state="finished")
    )


def _insert(
    connection: Connection,
    edition: Edition,
    aimed: Mapping[str, Any],
    at: datetime,
    starts: datetime,
) -> int:
    mailing_list = list_id(connection, edition.mailing_list)
    had = connection.scalar(
        select(editions.c.id).where(
            editions.c.list == mailing_list,
            editions.c.episode == edition.episode,
            editions.c.revision == edition.revision,
        )
    )
    if had is not None:
        return int(had)
    values = {
        "list": mailing_list,
        "episode": edition.episode,
        "revision": edition.revision,
        "slug": edition.slug,
        "number": edition.number,
        "published": edition.published.isoformat(),
        "content": _packed(edition),
        "frozen": utc(at),
        "starts": utc(starts),
        "aimed": aimed,
        "audience": 0,
        "state": "scheduled",
        "round": 0,
    }
    return int(
        connection.execute(insert(editions).values(values).returning(editions.c.id)).scalar_one()
    )


def _packed(edition: Edition) -> bytes:
    import zlib

    values = {**asdict(edition), "published": edition.published.isoformat()}
    return zlib.compress(json.dumps(values, ensure_ascii=False, sort_keys=True).encode())


def _unpacked(content: bytes) -> Edition:
    import zlib

    values = json.loads(zlib.decompress(content))
    return Edition(**{**values, "published": datetime.fromisoformat(values["published"])})


def _plan(
    connection: Connection, number: int, mailing_list: int, aimed: Mapping[str, Any], paces: Paces
) -> int:
    """One planned row for everyone the edition is aimed at; how many there are."""
    seeded = list(numbered(connection, {key(seed): seed for seed in aimed["seeds"]}).values())
    these = chosen(mailing_list, seeded, aimed["received"]).subquery()
    columns = ["edition", "subscriber", "lane", "state", "due", "attempt", "uncertain", "reason"]
    rows = select(
        literal(number),
        these.c.id,
        lane_of(connection, these.c.domain, paces),
        literal("planned"),
        literal(0),
        literal(0),
        literal(0),
        literal(""),
    )
    connection.execute(insert(deliveries).from_select(columns, rows))
    counted = select(func.count()).select_from(deliveries).where(deliveries.c.edition == number)
    return int(connection.scalar(counted) or 0)
