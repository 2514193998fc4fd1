"""Lanes: by which of them an address goes, and how many messages each may carry now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import (
    Connection,
    Select,
    and_,
    case,
    delete,
    func,
    insert,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy.sql import ColumnElement

from pipeline.delivery.database import Database, portions
from pipeline.delivery.ledger.audience import chosen
from pipeline.delivery.pace import Pace, Paces
from pipeline.delivery.tables import days, editions, exchanges, lanes

REMEMBERED = 7 * 86_400
"""Seconds for which it is remembered who takes a domain's mail."""

ASKED = 2_000
"""Domains that are asked about for one edition, those with the most readers first."""

_ANY = 1_000_000

# --- which lane an address goes by --------------------------------------------------------------------


def unknown_domains(book: Database, number: int, now: float, paces: Paces) -> list[str]:
    """The domains of a scheduled edition's audience whose mail nobody knows who takes, the largest first."""
    known = select(exchanges.c.domain).where(exchanges.c.until > int(now))
    named = {domain for domains in paces.domains.values() for domain in domains}
    with book.transaction() as connection:
        row = connection.execute(
            select(editions.c.list, editions.c.aimed).where(
                editions.c.id == number, editions.c.state == "scheduled"
            )
        ).one_or_none()
        if row is None:
            return []
        these = chosen(row.list, (), row.aimed["received"]).subquery()
        query = (
            select(these.c.domain)
            .where(these.c.domain.not_in(known), these.c.domain.not_in(named))
            .group_by(these.c.domain)
            .order_by(func.count().desc(), these.c.domain)
            .limit(ASKED)
        )
        return list(connection.scalars(query))


def learned(book: Database, hosts: Mapping[str, str], now: float) -> None:
    """Remember who takes the mail of some domains."""
    until = int(now) + REMEMBERED
    rows = [{"domain": one, "host": host, "until": until} for one, host in hosts.items()]
    with book.transaction() as connection:
        for some in portions(rows):
            gone = exchanges.c.domain.in_([row["domain"] for row in some])
            connection.execute(delete(exchanges).where(gone))
            connection.execute(insert(exchanges), list(some))


def lane_of(connection: Connection, domain: ColumnElement[str], paces: Paces) -> ColumnElement[int]:
    """The lane of an address: by its domain where a lane names it, else by who takes its mail."""
    ids = _ids(connection, ["", *paces.lanes])
    served = [
        (domain.in_(domains), literal(ids[name]))
        for name, domains in paces.domains.items()
        if domains
    ]
    served += [
        (domain.in_(_served_by(servers)), literal(ids[name]))
        for name, servers in paces.servers.items()
    ]
    return case(*served, else_=literal(ids[""])) if served else literal(ids[""])


def _served_by(servers: Sequence[str]) -> Select[tuple[str]]:
    host = exchanges.c.host
    these = or_(*(or_(host == one, host.endswith(f".{one}", autoescape=True)) for one in servers))
    return select(exchanges.c.domain).where(these)


def _ids(connection: Connection, names: Sequence[str]) -> dict[str, int]:
    query = select(lanes.c.name, lanes.c.id).where(lanes.c.name.in_(names))
    known = {row.name: row.id for row in connection.execute(query)}
    for name in names:
        if name not in known:
            row = insert(lanes).values(name=name, due=0).returning(lanes.c.id)
            known[name] = connection.execute(row).scalar_one()
    return known


# --- how much of a lane may leave now -------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Allowance:
    """A lane as it is now: how many messages its pace and that of all mail allow, and how long until the next.

    charged: what a grant is booked to.
    """

    id: int
    allowed: int
    wait: float
    charged: tuple[tuple[int, int, Pace], ...] = ()


def all_lanes(connection: Connection, now: float, paces: Paces) -> list[Allowance]:
    """All lanes, the one that waited longest first; one that is set no more goes at the pace of all."""
    query = select(lanes).order_by(lanes.c.due, lanes.c.id)
    if not paces.limit:
        return [Allowance(row.id, _ANY, 0.0) for row in connection.execute(query)]
    _ids(connection, ["", *paces.lanes])
    rows = connection.execute(query.with_for_update()).all()
    overall = next(row for row in rows if row.name == "")
    return [_allowed(connection, row, overall, now, paces) for row in rows]


def _allowed(connection: Connection, row: Any, overall: Any, now: float, paces: Paces) -> Allowance:
    booked = [(overall, paces.overall)]
    if row.name in paces.lanes:
        booked.append((row, paces.lanes[row.name]))
    allowed, wait = _ANY, 0.0
    for one, pace in booked:
        number, due = pace.granted(one.due, _micro(now), _ANY)
        if not number:
            wait = max(wait, (due - _micro(now)) / 1_000_000)
        left = _left_today(connection, one.id, pace, now)
        if not left:
            wait = max(wait, _until_tomorrow(now))
        allowed = min(allowed, number, left)
    return Allowance(
        row.id, allowed, wait, tuple((one.id, one.due, pace) for one, pace in booked if pace.limits)
    )


def charge(connection: Connection, lane: Allowance, number: int, now: float) -> None:
    """Book so many messages to a lane, and to all mail."""
    for one, was_due, pace in lane.charged:
        if pace.per_second:
            _, due = pace.granted(was_due, _micro(now), number)
            connection.execute(update(lanes).where(lanes.c.id == one).values(due=due))
        if pace.daily:
            _use(connection, one, _day(now), number)


def _use(connection: Connection, lane: int, day: str, number: int) -> None:
    one = and_(days.c.lane == lane, days.c.day == day)
    if not connection.execute(update(days).where(one).values(used=days.c.used + number)).rowcount:
        connection.execute(insert(days).values(lane=lane, day=day, used=number))


def _left_today(connection: Connection, lane: int, pace: Pace, now: float) -> int:
    if not pace.daily:
        return _ANY
    today = _day(now)
    used = connection.scalar(select(days.c.used).where(days.c.lane == lane, days.c.day == today))
    before = connection.scalar(
        select(func.count()).select_from(days).where(days.c.lane == lane, days.c.day < today)
    )
    most = pace.today(before or 0)
    return max(most - (used or 0), 0) if most else _ANY


def _micro(now: float) -> int:
    return round(now * 1_000_000)


def _day(now: float) -> str:
    return datetime.fromtimestamp(now, UTC).date().isoformat()


def _until_tomorrow(now: float) -> float:
    here = datetime.fromtimestamp(now, UTC)
    midnight = datetime(here.year, here.month, here.day, tzinfo=UTC) + timedelta(days=1)
    return (midnight - here).total_seconds()
