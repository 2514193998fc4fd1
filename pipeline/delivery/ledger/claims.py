"""Claims: each row of an edition is planned → sending → accepted | refused | deferred | unknown, in somebody's slot.

A row is `sending` on the disk before its message is handed over; what became of one batch and the claim of the next are
one commit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, and_, delete, func, insert, null, or_, select, update
from sqlalchemy.sql import ColumnElement

from pipeline.delivery.database import Database
from pipeline.delivery.ledger.audience import RECIPIENT, recipient
from pipeline.delivery.ledger.editions import change, state_of
from pipeline.delivery.ledger.lanes import all_lanes, charge
from pipeline.delivery.ledger.returned import came_back
from pipeline.delivery.message import Recipient
from pipeline.delivery.pace import UNLIMITED, Paces
from pipeline.delivery.severity import severity
from pipeline.delivery.tables import deliveries, slots, subscribers
from pipeline.delivery.transport import Outcome

LEASE = 300
"""Seconds a slot may be silent before others take it for dead; longer than any server is waited for."""

AGAIN = (300, 900, 3_600, 14_400, 43_200, 86_400)
"""Seconds until a deferred message is tried again, after its first try, its second, …; after the last it is refused."""


@dataclass(frozen=True, slots=True)
class Slot:
    """One sender of an edition, with one connection: its row is its lease, and its number the fence."""

    id: int
    edition: int


@dataclass(frozen=True, slots=True)
class Claim:
    """A delivery that is `sending` in somebody's slot."""

    recipient: Recipient
    attempt: int


@dataclass(frozen=True, slots=True)
class Turn:
    """What a slot is to do next: hand over its claims; without any, ask again after `wait` seconds, or stop."""

    claims: tuple[Claim, ...] = ()
    wait: float | None = None


def enter(book: Database, number: int, worker: str, now: float) -> Slot:
    """A new sender of an edition, of the worker of that name."""
    row = insert(slots).values(edition=number, worker=worker, until=int(now) + LEASE)
    with book.transaction() as connection:
        return Slot(int(connection.execute(row.returning(slots.c.id)).scalar_one()), number)


def advance(
    book: Database,
    slot: Slot,
    settled: Sequence[tuple[Claim, Outcome]],
    now: float,
    *,
    batch: int,
    paces: Paces = UNLIMITED,
    hold: bool = False,
) -> Turn:
    """Settle the last batch and claim the next, committed before anything of it is handed over.

    A slot whose lease was taken can still say what became of its messages, and gets no more.
    """
    with book.transaction() as connection:
        held = _renewed(connection, slot, now)
        _settle(connection, slot, settled, int(now), hold)
        if not held or state_of(connection, slot.edition) != "running":
            return Turn()
        return _claimed(connection, slot, now, batch, paces)


def renew(book: Database, slot: Slot, now: float) -> bool:
    """Say that a slot is alive; whether it still holds its lease."""
    with book.transaction() as connection:
        return _renewed(connection, slot, now)


def leave(
    book: Database,
    slot: Slot,
    settled: Sequence[tuple[Claim, Outcome]],
    untried: Sequence[Claim],
    now: float,
    *,
    hold: bool = False,
) -> None:
    """Give a slot up: settle what is known, put back what was not handed over, and call the rest unknown."""
    with book.transaction() as connection:
        _settle(connection, slot, settled, int(now), hold)
        if untried:
            connection.execute(
                update(deliveries)
                .where(_in_hand(slot, [one.recipient.subscriber for one in untried]))
                .values(state="planned", due=0, slot=null())
            )
        _reaped(connection, [(slot.id, slot.edition)], int(now), hold)


def reap(book: Database, now: float, *, worker: str = "", hold: bool = False) -> int:
    """Take the slots of senders that are dead, by their lease or because they were of `worker`, which is beginning
    anew; how many. What they were handing over is unknown: nobody can say if it arrived."""
    dead = slots.c.until < int(now)
    if worker:
        dead = or_(dead, slots.c.worker == worker)
    with book.transaction() as connection:
        query = select(slots.c.id, slots.c.edition).where(dead).with_for_update()
        found = [(row.id, row.edition) for row in connection.execute(query)]
        _reaped(connection, found, int(now), hold)
    return len(found)


def retry(book: Database, number: int, now: float) -> None:
    """Let what was deferred be tried now, because somebody asked."""
    with book.transaction() as connection:
        connection.execute(
            update(deliveries)
            .where(
                deliveries.c.edition == number,
                deliveries.c.state.in_(("deferred", "unknown")),
                deliveries.c.due > int(now),
            )
            .values(due=int(now))
        )


def decide(book: Database, number: int, *, resend: bool) -> int:
    """What a person decided of the messages that are held: send them again, or take them as accepted; how many."""
    with book.transaction() as connection:
        held = and_(
            deliveries.c.edition == number,
            deliveries.c.state == "unknown",
            deliveries.c.due.is_(None),
        )
        values: dict[str, Any] = (
            {"due": 0} if resend else {"state": "accepted", "reason": "taken as accepted"}
        )
        count = connection.execute(update(deliveries).where(held).values(**values)).rowcount
        if count and resend:
            change(connection, number, of=("finished",), state="running")
    return int(count)


# --- a slot and what it has, inside a transaction -----------------------------------------------------


def _renewed(connection: Connection, slot: Slot, now: float) -> bool:
    """Whether a slot holds its lease. It is written only when some of it is used up: a turn without claims costs no
    write then."""
    until = connection.scalar(select(slots.c.until).where(slots.c.id == slot.id).with_for_update())
    if until is None:
        return False
    if until - now < LEASE * 0.9:
        longer = update(slots).where(slots.c.id == slot.id).values(until=int(now) + LEASE)
        connection.execute(longer)
    return True


def _in_hand(slot: Slot, numbers: Sequence[int]) -> ColumnElement[bool]:
    """Rows that a slot has, or had when they became unknown, and that nobody claimed since."""
    return and_(
        deliveries.c.edition == slot.edition,
        deliveries.c.subscriber.in_(numbers),
        deliveries.c.slot == slot.id,
        deliveries.c.state.in_(("sending", "unknown")),
    )


def _settle(
    connection: Connection,
    slot: Slot,
    settled: Sequence[tuple[Claim, Outcome]],
    now: int,
    hold: bool,
) -> None:
    alike: dict[tuple[Outcome, int], list[int]] = {}
    for claim, outcome in settled:
        attempt = claim.attempt if outcome.state in ("deferred", "unknown") else 0
        alike.setdefault((outcome, attempt), []).append(claim.recipient.subscriber)
    for (outcome, attempt), numbers in alike.items():
        connection.execute(
            update(deliveries)
            .where(_in_hand(slot, numbers))
            .values(**_became(outcome, attempt, now, hold))
        )
        if outcome.state == "refused":
            at = datetime.fromtimestamp(now, UTC)
            for subscriber in numbers:
                came_back(connection, subscriber, severity(outcome.reason), outcome.reason, at)


def _became(outcome: Outcome, attempt: int, now: int, hold: bool) -> dict[str, Any]:
    """What a row says of an outcome: whether it is tried again, and when."""
    state, reason, due = outcome.state, outcome.reason, None
    values: dict[str, Any] = {}
    if state == "deferred" and attempt > len(AGAIN):
        state, reason = "refused", f"given up after {attempt} attempts: {reason}"
    elif state == "deferred":
        due = now + AGAIN[attempt - 1]
    elif state == "unknown":
        values["uncertain"] = deliveries.c.uncertain + 1
        due = None if hold else now + AGAIN[min(attempt, len(AGAIN)) - 1]
    return {"state": state, "reason": reason, "due": due, "at": now, "slot": None, **values}


def _reaped(connection: Connection, found: Sequence[tuple[int, int]], now: int, hold: bool) -> None:
    """Name `unknown` what these slots leave `sending`, and take the slots away. Their rows keep the slot's number, so
    that one which only stalled may still say what it knows."""
    if not found:
        return
    connection.execute(
        update(deliveries)
        .where(
            deliveries.c.edition.in_({edition for _, edition in found}),
            deliveries.c.state == "sending",
            deliveries.c.slot.in_([slot for slot, _ in found]),
        )
        .values(
            state="unknown",
            reason="interrupted",
            uncertain=deliveries.c.uncertain + 1,
            due=null() if hold else 0,
            at=now,
        )
    )
    connection.execute(delete(slots).where(slots.c.id.in_([slot for slot, _ in found])))


# --- the next claims, inside a transaction ------------------------------------------------------------


def _claimed(connection: Connection, slot: Slot, now: float, batch: int, paces: Paces) -> Turn:
    """The next rows of the lane that waited longest and whose pace allows some; else how long to wait."""
    waits: list[float] = []
    for lane in all_lanes(connection, now, paces):
        most = min(batch, lane.allowed)
        rows = _due_rows(connection, slot.edition, lane.id, now, most) if most else []
        if rows:
            charge(connection, lane, len(rows), now)
            return Turn(_taken(connection, slot, rows))
        wait = _next(connection, slot.edition, lane.id, now)
        if wait is not None:
            waits.append(max(wait, 0 if most else lane.wait))
    return Turn(wait=min(waits) if waits else None)


def _due_rows(
    connection: Connection, number: int, lane: int, now: float, most: int
) -> Sequence[Any]:
    return connection.execute(
        select(*RECIPIENT, deliveries.c.attempt)
        .join(deliveries, deliveries.c.subscriber == subscribers.c.id)
        .where(
            deliveries.c.edition == number,
            deliveries.c.lane == lane,
            deliveries.c.due <= int(now),
        )
        .order_by(deliveries.c.due, deliveries.c.subscriber)
        .limit(most)
        .with_for_update(skip_locked=True, of=deliveries)
    ).all()


def _taken(connection: Connection, slot: Slot, rows: Sequence[Any]) -> tuple[Claim, ...]:
    connection.execute(
        update(deliveries)
        .where(
            deliveries.c.edition == slot.edition,
            deliveries.c.subscriber.in_([row.id for row in rows]),
        )
        .values(
            state="sending", due=null(), slot=slot.id, attempt=deliveries.c.attempt + 1, reason=""
        )
    )
    return tuple(Claim(recipient(row), row.attempt + 1) for row in rows)


def _next(connection: Connection, number: int, lane: int, now: float) -> float | None:
    """Seconds until something of a lane is due; None where nothing waits in it."""
    due = connection.scalar(
        select(func.min(deliveries.c.due)).where(
            deliveries.c.edition == number,
            deliveries.c.lane == lane,
            deliveries.c.due.is_not(None),
        )
    )
    return None if due is None else max(float(due) - now, 0.0)
