"""The ledger: what was frozen, and what became of every message.

Every subscriber in the frozen audience ends sent (accepted), failed (refused), held (unknown) or skipped, unless the
edition is cancelled. A subscriber is sent an edition again only if the worker or its database connection died between
the server's acceptance and the next ledger commit, or the worker stalled past its lease; at most `batch` messages per
connection are in that state; they are marked (`uncertain`). `ambiguous = "hold"` never repeats an uncertain message; it
waits for a person. Durable with `synchronous=FULL` (SQLite) and `synchronous_commit=on` (PostgreSQL).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from typing import Any, Literal

from sqlalchemy import (
    Connection,
    Integer,
    Select,
    and_,
    case,
    cast,
    delete,
    func,
    insert,
    literal,
    null,
    or_,
    select,
    update,
)
from sqlalchemy.sql import ColumnElement

from pipeline.delivery.addresses import key, normalised
from pipeline.delivery.database import Database
from pipeline.delivery.edition import Edition, Mailed
from pipeline.delivery.message import Recipient
from pipeline.delivery.pace import UNLIMITED, Pace, Paces
from pipeline.delivery.people import ids_of, list_id, numbered, portions, suppress, take_off
from pipeline.delivery.severity import Severity, severity
from pipeline.delivery.tables import (
    days,
    deliveries,
    editions,
    exchanges,
    lanes,
    leases,
    lists,
    publishings,
    slots,
    subscribers,
    subscriptions,
    workers,
)
from pipeline.delivery.transport import Outcome

LEASE = 300
"""Seconds a slot may be silent before others take it for dead; longer than any server is waited for."""

REMEMBERED = 7 * 86_400
"""Seconds for which it is remembered who takes a domain's mail."""

ASKED = 2_000
"""Domains that are asked about for one edition, those with the most readers first."""

AGAIN = (300, 900, 3_600, 14_400, 43_200, 86_400)
"""Seconds until a deferred message is tried again, after its first try, its second, …; after the last it is refused."""

SOFT_BOUNCES = 5
"""Editions in a row that came back for now, after which an address is taken for dead."""


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


@dataclass(frozen=True, slots=True)
class Publishing:
    """An episode that is to be published at a time."""

    id: int
    slug: str
    starts: str


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


class Ledger(Database):
    """Editions and deliveries, and each change to them in one transaction; errors as Database raises them.

    `now` is in seconds since 1970 wherever it is a number.
    """

    # --- editions ---------------------------------------------------------------------------------

    def freeze(
        self,
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
        with self.transaction() as connection:
            return _frozen(connection, edition, aimed, at, starts or at)

    def start(self, number: int, paces: Paces = UNLIMITED) -> int:
        """Freeze a scheduled edition's audience: its list's confirmed subscribers, and the seeds; how many they are.

        An edition that was started is left as it is; one for nobody is taken back.
        """
        with self.transaction() as connection:
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
            _set_edition(connection, number, state="planned", audience=audience)
        return audience

    def unknown_domains(self, number: int, now: float, paces: Paces) -> list[str]:
        """The domains of a scheduled edition's audience whose mail nobody knows who takes, the largest first."""
        known = select(exchanges.c.domain).where(exchanges.c.until > int(now))
        named = {domain for domains in paces.domains.values() for domain in domains}
        with self.transaction() as connection:
            row = connection.execute(
                select(editions.c.list, editions.c.aimed).where(
                    editions.c.id == number, editions.c.state == "scheduled"
                )
            ).one_or_none()
            if row is None:
                return []
            chosen = _audience(row.list, (), row.aimed["received"]).subquery()
            query = (
                select(chosen.c.domain)
                .where(chosen.c.domain.not_in(known), chosen.c.domain.not_in(named))
                .group_by(chosen.c.domain)
                .order_by(func.count().desc(), chosen.c.domain)
                .limit(ASKED)
            )
            return list(connection.scalars(query))

    def learned(self, hosts: Mapping[str, str], now: float) -> None:
        """Remember who takes the mail of some domains."""
        until = int(now) + REMEMBERED
        rows = [{"domain": one, "host": host, "until": until} for one, host in hosts.items()]
        with self.transaction() as connection:
            for some in portions(rows):
                gone = exchanges.c.domain.in_([row["domain"] for row in some])
                connection.execute(delete(exchanges).where(gone))
                connection.execute(insert(exchanges), list(some))

    def run(self, number: int) -> bool:
        """Let a planned edition go out; whether it was planned, and had not begun."""
        return self._turn(number, ("planned",), "running")

    def withdraw(self, number: int) -> None:
        """Take back an edition that was never let out: its bytes, its audience, all of it."""
        unborn = select(editions.c.id).where(
            editions.c.id == number, editions.c.state.in_(("scheduled", "planned"))
        )
        with self.transaction() as connection:
            connection.execute(delete(deliveries).where(deliveries.c.edition.in_(unborn)))
            connection.execute(delete(editions).where(editions.c.id.in_(unborn)))

    def plan(
        self, edition: Edition, seeds: Iterable[str], at: datetime, paces: Paces = UNLIMITED
    ) -> int | None:
        """Freeze an edition and let it out at once; its number, or None if it is for nobody."""
        number = self.freeze(edition, seeds, at)
        if not self.start(number, paces):
            return None
        self.run(number)
        return number

    def edition(self, number: int) -> Edition:
        """A frozen edition, as it was."""
        query = select(editions.c.content).where(editions.c.id == number)
        with self.transaction() as connection:
            return _thawed(connection.execute(query).scalar_one())

    def aimed_at(self, number: int) -> int:
        """How many a scheduled edition would go to now."""
        with self.transaction() as connection:
            row = connection.execute(
                select(editions.c.list, editions.c.aimed).where(editions.c.id == number)
            ).one()
            seeded = ids_of(connection, row.aimed["seeds"])
            chosen = _audience(row.list, seeded, row.aimed["received"]).subquery()
            return int(connection.scalar(select(func.count()).select_from(chosen)) or 0)

    def received(self, name: str, numbers: Sequence[int]) -> int:
        """How many of a list a correction of these editions would go to now."""
        with self.transaction() as connection:
            chosen = _audience(list_id(connection, name), (), numbers).subquery()
            return int(connection.scalar(select(func.count()).select_from(chosen)) or 0)

    def mailed(self, name: str) -> list[Mailed]:
        """The episodes of which the list has an edition that was not cancelled before anyone had it."""
        query = (
            select(editions.c.episode, editions.c.published, editions.c.number)
            .join(lists, lists.c.id == editions.c.list)
            .where(lists.c.name == name, editions.c.revision == 0)
            .order_by(editions.c.id)
        )
        with self.transaction() as connection:
            return [
                Mailed(row.episode, datetime.fromisoformat(row.published), row.number)
                for row in connection.execute(query)
            ]

    def unfinished(self) -> list[int]:
        """The numbers of the editions that are under way."""
        query = select(editions.c.id).where(editions.c.state == "running").order_by(editions.c.id)
        with self.transaction() as connection:
            return list(connection.scalars(query))

    def to_send(self, at: datetime) -> list[int]:
        """The numbers of the editions of which something can be sent now: their time came, or something is due."""
        due = select(deliveries.c.edition).where(
            deliveries.c.edition == editions.c.id, deliveries.c.due <= int(at.timestamp())
        )
        query = (
            select(editions.c.id)
            .where(
                or_(
                    editions.c.state == "planned",
                    and_(editions.c.state == "scheduled", editions.c.starts <= _utc(at)),
                    and_(editions.c.state == "running", due.exists()),
                )
            )
            .order_by(editions.c.id)
        )
        with self.transaction() as connection:
            return list(connection.scalars(query))

    def round(self, number: int) -> int:
        """How often the sending of an edition was taken up before."""
        query = select(editions.c.round).where(editions.c.id == number)
        with self.transaction() as connection:
            return int(connection.scalar(query) or 0)

    def end_round(self, number: int, which: int) -> None:
        """Let the sending of an edition be taken up anew, once for each round; close it if nothing is left to try."""
        with self.transaction() as connection:
            connection.execute(
                update(editions)
                .where(editions.c.id == number, editions.c.round == which)
                .values(round=which + 1)
            )
            _finish(connection, number)

    def finish(self, number: int) -> None:
        """Close an edition of which nothing is left to try."""
        with self.transaction() as connection:
            _finish(connection, number)

    def pause(self, number: int) -> bool:
        """Stop an edition after what is being handed over; whether it was under way."""
        return self._turn(number, ("scheduled", "planned", "running"), "paused")

    def resume(self, number: int) -> bool:
        """Let a paused edition go on; whether it was paused."""
        with self.transaction() as connection:
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

    def cancel(self, number: int) -> bool:
        """Skip all that were not handed over; whether the edition had not ended before."""
        with self.transaction() as connection:
            changed = _set_edition(
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

    def _turn(self, number: int, of: Sequence[str], to: str) -> bool:
        with self.transaction() as connection:
            return bool(_set_edition(connection, number, of=of, state=to))

    # --- sums -------------------------------------------------------------------------------------

    def editions(self, slug: str | None = None) -> list[Sums]:
        """The sums of every edition, or of those of one episode."""
        return self._sums(None if slug is None else editions.c.slug == slug)

    def sums(self, number: int) -> Sums:
        """What became of one edition."""
        return self._sums(editions.c.id == number)[0]

    def _sums(self, which: ColumnElement[bool] | None) -> list[Sums]:
        chosen = (
            select(editions, lists.c.name)
            .join(lists, lists.c.id == editions.c.list)
            .order_by(editions.c.id)
        )
        counted = select(
            deliveries.c.edition, deliveries.c.state, func.count(), _uncertain()
        ).group_by(deliveries.c.edition, deliveries.c.state)
        if which is not None:
            chosen = chosen.where(which)
            counted = counted.where(deliveries.c.edition.in_(select(editions.c.id).where(which)))
        with self.transaction() as connection:
            found = [_sums_of(row) for row in connection.execute(chosen)]
            counts: dict[int, dict[str, Any]] = {one.edition: {"uncertain": 0} for one in found}
            for number, state, count, uncertain in connection.execute(counted):
                counts[number][state] = count
                counts[number]["uncertain"] += uncertain
        return [replace(one, **counts[one.edition]) for one in found]

    def by_domain(self, number: int) -> dict[str, Counts]:
        """The sums of an edition by the domain of the address, the largest first."""
        counted = (
            select(subscribers.c.domain, deliveries.c.state, func.count())
            .join(subscribers, subscribers.c.id == deliveries.c.subscriber)
            .where(deliveries.c.edition == number)
            .group_by(subscribers.c.domain, deliveries.c.state)
        )
        found: dict[str, dict[str, int]] = {}
        with self.transaction() as connection:
            for domain, state, count in connection.execute(counted):
                found.setdefault(domain, {})[state] = count
        largest = sorted(found, key=lambda domain: (-sum(found[domain].values()), domain))
        return {domain: Counts(**found[domain]) for domain in largest}

    def by_minute(self, number: int) -> dict[datetime, Counts]:
        """How many messages of an edition came to which state in each minute, in order."""
        minute = cast(deliveries.c.at / 60, Integer)
        counted = (
            select(minute, deliveries.c.state, func.count())
            .where(deliveries.c.edition == number, deliveries.c.at.is_not(None))
            .group_by(minute, deliveries.c.state)
        )
        found: dict[int, dict[str, int]] = {}
        with self.transaction() as connection:
            for when, state, count in connection.execute(counted):
                found.setdefault(when, {})[state] = count
        return {
            datetime.fromtimestamp(when * 60, UTC): Counts(**found[when]) for when in sorted(found)
        }

    def reasons(self, number: int) -> dict[str, int]:
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
        with self.transaction() as connection:
            return {row.reason: row[1] for row in connection.execute(counted)}

    def next_due(self, number: int) -> datetime | None:
        """When something of an edition is to be tried next."""
        query = select(func.min(deliveries.c.due)).where(deliveries.c.edition == number)
        with self.transaction() as connection:
            found = connection.scalar(query)
        return None if found is None else datetime.fromtimestamp(found, UTC)

    def distinct(self, number: int) -> Iterator[Recipient]:
        """One recipient of an edition for each name and attributes there are among them."""
        first = (
            select(func.min(subscribers.c.id))
            .join(deliveries, deliveries.c.subscriber == subscribers.c.id)
            .where(deliveries.c.edition == number)
            .group_by(subscribers.c.name, subscribers.c.attributes)
        )
        with self.transaction() as connection:
            ids = list(connection.scalars(first))
        for start in range(0, len(ids), 1_000):
            some = select(*_RECIPIENT).where(subscribers.c.id.in_(ids[start : start + 1_000]))
            with self.transaction() as connection:
                rows = connection.execute(some).all()
            yield from map(_recipient, rows)

    def first(self, name: str, seeds: Sequence[str] = (), count: int = 3) -> list[Recipient]:
        """The first few to whom an edition for a list would go now."""
        with self.transaction() as connection:
            seeded = ids_of(connection, map(normalised, seeds))
            chosen = _audience(list_id(connection, name), seeded, ()).subquery()
            query = (
                select(*_RECIPIENT)
                .where(subscribers.c.id.in_(select(chosen.c.id)))
                .order_by(subscribers.c.id)
                .limit(count)
            )
            found = [_recipient(row) for row in connection.execute(query)]
        unknown = [Recipient(0, normalised(seed)) for seed in seeds]
        have = {key(one.address) for one in found}
        return [*found, *(one for one in unknown if key(one.address) not in have)][:count]

    def one(self, address: str) -> Recipient | None:
        """The subscriber of a normalised address, if there is one."""
        query = select(*_RECIPIENT).where(subscribers.c.key == key(address))
        with self.transaction() as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else _recipient(row)

    # --- slots ------------------------------------------------------------------------------------

    def enter(self, number: int, worker: str, now: float) -> Slot:
        """A new sender of an edition, of the worker of that name."""
        row = insert(slots).values(edition=number, worker=worker, until=int(now) + LEASE)
        with self.transaction() as connection:
            return Slot(int(connection.execute(row.returning(slots.c.id)).scalar_one()), number)

    def advance(
        self,
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
        with self.transaction() as connection:
            held = _renewed(connection, slot, now)
            _settle(connection, slot, settled, int(now), hold)
            if not held or _state(connection, slot.edition) != "running":
                return Turn()
            return _claimed(connection, slot, now, batch, paces)

    def renew(self, slot: Slot, now: float) -> bool:
        """Say that a slot is alive; whether it still holds its lease."""
        with self.transaction() as connection:
            return _renewed(connection, slot, now)

    def leave(
        self,
        slot: Slot,
        settled: Sequence[tuple[Claim, Outcome]],
        untried: Sequence[Claim],
        now: float,
        *,
        hold: bool = False,
    ) -> None:
        """Give a slot up: settle what is known, put back what was not handed over, and call the rest unknown."""
        with self.transaction() as connection:
            _settle(connection, slot, settled, int(now), hold)
            if untried:
                connection.execute(
                    update(deliveries)
                    .where(_in_hand(slot, [one.recipient.subscriber for one in untried]))
                    .values(state="planned", due=0, slot=null())
                )
            _reaped(connection, [(slot.id, slot.edition)], int(now), hold)

    def reap(self, now: float, *, worker: str = "", hold: bool = False) -> int:
        """Take the slots of senders that are dead, by their lease or because they were of `worker`, which is beginning
        anew; how many. What they were handing over is unknown: nobody can say if it arrived."""
        dead = slots.c.until < int(now)
        if worker:
            dead = or_(dead, slots.c.worker == worker)
        with self.transaction() as connection:
            query = select(slots.c.id, slots.c.edition).where(dead).with_for_update()
            found = [(row.id, row.edition) for row in connection.execute(query)]
            _reaped(connection, found, int(now), hold)
        return len(found)

    def retry(self, number: int, now: float) -> None:
        """Let what was deferred be tried now, because somebody asked."""
        with self.transaction() as connection:
            connection.execute(
                update(deliveries)
                .where(
                    deliveries.c.edition == number,
                    deliveries.c.state.in_(("deferred", "unknown")),
                    deliveries.c.due > int(now),
                )
                .values(due=int(now))
            )

    def decide(self, number: int, *, resend: bool) -> int:
        """What a person decided of the messages that are held: send them again, or take them as accepted; how many."""
        with self.transaction() as connection:
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
                _set_edition(connection, number, of=("finished",), state="running")
        return int(count)

    # --- what comes back ----------------------------------------------------------------------------

    def bounced(
        self,
        number: int,
        subscriber: int,
        kind: Literal["hard", "soft", "policy", "complaint"],
        reason: str,
        at: datetime,
    ) -> None:
        """A message came back: the row says why. hard and complaint suppress the address, and so does soft when
        SOFT_BOUNCES editions in a row came back; policy says nothing of the address, and never does."""
        with self.transaction() as connection:
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
                _came_back(connection, subscriber, kind, reason, at)

    def unsubscribed(self, number: int, subscriber: int, at: datetime) -> bool:
        """Take a subscriber off the list of an edition; whether they were on it."""
        with self.transaction() as connection:
            mailing_list = connection.scalar(select(editions.c.list).where(editions.c.id == number))
            return mailing_list is not None and take_off(connection, mailing_list, subscriber, at)

    # --- publishing at a time -----------------------------------------------------------------------

    def schedule(self, slug: str, starts: datetime) -> int:
        """Have some worker publish an episode when its time comes; the number of this wish."""
        row = {"episode": slug, "starts": _utc(starts), "state": "scheduled"}
        with self.transaction() as connection:
            query = insert(publishings).values(row).returning(publishings.c.id)
            return int(connection.execute(query).scalar_one())

    def to_publish(self, at: datetime | None = None) -> list[Publishing]:
        """The episodes that wait to be published; `at`: those whose time has come by then."""
        query = (
            select(publishings.c.id, publishings.c.episode, publishings.c.starts)
            .where(publishings.c.state == "scheduled")
            .order_by(publishings.c.starts, publishings.c.id)
        )
        if at is not None:
            query = query.where(publishings.c.starts <= _utc(at))
        with self.transaction() as connection:
            return [Publishing(*row) for row in connection.execute(query)]

    def published(self, number: int, *, cancelled: bool = False) -> bool:
        """Take a wish to publish off the list, once it was begun or is no more wanted; whether it was on it."""
        with self.transaction() as connection:
            changed = connection.execute(
                update(publishings)
                .where(publishings.c.id == number, publishings.c.state == "scheduled")
                .values(state="cancelled" if cancelled else "begun")
            )
            return bool(changed.rowcount)

    # --- workers ----------------------------------------------------------------------------------

    def seen(self, worker: str, now: float) -> None:
        """A worker says that it is alive."""
        with self.transaction() as connection:
            known = connection.execute(
                update(workers).where(workers.c.name == worker).values(seen=int(now))
            ).rowcount
            if not known:
                connection.execute(insert(workers).values(name=worker, seen=int(now)))

    def gone(self, worker: str) -> None:
        """A worker has ended, or another has taken over its work."""
        with self.transaction() as connection:
            connection.execute(delete(workers).where(workers.c.name == worker))

    def silent(self, since: float) -> list[str]:
        """The workers that were last heard of before then."""
        query = select(workers.c.name).where(workers.c.seen < int(since)).order_by(workers.c.name)
        with self.transaction() as connection:
            return list(connection.scalars(query))

    def alive(self, since: float) -> list[str]:
        """The workers that were heard of since then."""
        query = select(workers.c.name).where(workers.c.seen >= int(since)).order_by(workers.c.name)
        with self.transaction() as connection:
            return list(connection.scalars(query))

    def lease(self, name: str, holder: str, now: float, seconds: int) -> bool:
        """Whether the holder has a chore to itself for so long."""
        with self.transaction() as connection:
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


# --- editions, inside a transaction ------------------------------------------------------------------


def _frozen(
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
        "content": _kept(edition),
        "frozen": _utc(at),
        "starts": _utc(starts),
        "aimed": aimed,
        "audience": 0,
        "state": "scheduled",
        "round": 0,
    }
    return int(
        connection.execute(insert(editions).values(values).returning(editions.c.id)).scalar_one()
    )


def _kept(edition: Edition) -> bytes:
    import zlib

    values = {**asdict(edition), "published": edition.published.isoformat()}
    return zlib.compress(json.dumps(values, ensure_ascii=False, sort_keys=True).encode())


def _thawed(content: bytes) -> Edition:
    import zlib

    values = json.loads(zlib.decompress(content))
    return Edition(**{**values, "published": datetime.fromisoformat(values["published"])})


def _utc(at: datetime) -> str:
    """A moment as a text that sorts by time."""
    return at.astimezone(UTC).isoformat(timespec="seconds")


def _plan(
    connection: Connection, number: int, mailing_list: int, aimed: Mapping[str, Any], paces: Paces
) -> int:
    """One planned row for everyone the edition is aimed at; how many there are."""
    seeded = list(numbered(connection, {key(seed): seed for seed in aimed["seeds"]}).values())
    chosen = _audience(mailing_list, seeded, aimed["received"]).subquery()
    columns = ["edition", "subscriber", "lane", "state", "due", "attempt", "uncertain", "reason"]
    rows = select(
        literal(number),
        chosen.c.id,
        _lane_of(connection, chosen.c.domain, paces),
        literal("planned"),
        literal(0),
        literal(0),
        literal(0),
        literal(""),
    )
    connection.execute(insert(deliveries).from_select(columns, rows))
    counted = select(func.count()).select_from(deliveries).where(deliveries.c.edition == number)
    return int(connection.scalar(counted) or 0)


def _audience(
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


def _lane_of(
    connection: Connection, domain: ColumnElement[str], paces: Paces
) -> ColumnElement[int]:
    """The lane of an address: by its domain where a lane names it, else by who takes its mail."""
    ids = _lane_ids(connection, ["", *paces.lanes])
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


def _lane_ids(connection: Connection, names: Sequence[str]) -> dict[str, int]:
    query = select(lanes.c.name, lanes.c.id).where(lanes.c.name.in_(names))
    known = {row.name: row.id for row in connection.execute(query)}
    for name in names:
        if name not in known:
            row = insert(lanes).values(name=name, due=0).returning(lanes.c.id)
            known[name] = connection.execute(row).scalar_one()
    return known


def _set_edition(connection: Connection, number: int, of: Sequence[str] = (), **values: Any) -> int:
    query = update(editions).where(editions.c.id == number)
    if of:
        query = query.where(editions.c.state.in_(of))
    return int(connection.execute(query.values(**values)).rowcount)


def _state(connection: Connection, number: int) -> str:
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


def _uncertain() -> ColumnElement[int]:
    return func.sum(case((deliveries.c.uncertain > 0, 1), else_=0))


def _sums_of(row: Any) -> Sums:
    return Sums(
        edition=row.id,
        slug=row.slug,
        mailing_list=row.name,
        revision=row.revision,
        state=row.state,
        starts=row.starts,
        audience=row.audience,
    )


def _came_back(
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


# --- slots, inside a transaction ----------------------------------------------------------------------

_RECIPIENT = (
    subscribers.c.id,
    subscribers.c.address,
    subscribers.c.name,
    subscribers.c.attributes,
)


def _recipient(row: Any) -> Recipient:
    attributes = json.loads(row.attributes) if row.attributes else {}
    return Recipient(row.id, row.address or "", row.name, attributes)


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
                _came_back(connection, subscriber, severity(outcome.reason), outcome.reason, at)


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


def _claimed(connection: Connection, slot: Slot, now: float, batch: int, paces: Paces) -> Turn:
    """The next rows of the lane that waited longest and whose pace allows some; else how long to wait."""
    waits: list[float] = []
    for lane in _lanes(connection, slot.edition, now, paces):
        most = min(batch, lane.allowed)
        rows = _due_rows(connection, slot.edition, lane.id, now, most) if most else []
        if rows:
            _charge(connection, lane, len(rows), now)
            return Turn(_taken(connection, slot, rows))
        wait = _next(connection, slot.edition, lane.id, now)
        if wait is not None:
            waits.append(max(wait, 0 if most else lane.wait))
    return Turn(wait=min(waits) if waits else None)


def _due_rows(
    connection: Connection, number: int, lane: int, now: float, most: int
) -> Sequence[Any]:
    return connection.execute(
        select(*_RECIPIENT, deliveries.c.attempt)
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
    return tuple(Claim(_recipient(row), row.attempt + 1) for row in rows)


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


# --- the pace, inside a transaction -------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Lane:
    """A lane as it is now: how many messages its pace and that of all mail allow, and how long until the next.

    charged: what a grant is booked to.
    """

    id: int
    allowed: int
    wait: float
    charged: tuple[tuple[int, int, Pace], ...] = ()


_ANY = 1_000_000


def _lanes(connection: Connection, number: int, now: float, paces: Paces) -> list[_Lane]:
    """All lanes, the one that waited longest first; one that is set no more goes at the pace of all."""
    query = select(lanes).order_by(lanes.c.due, lanes.c.id)
    if not paces.limit:
        return [_Lane(row.id, _ANY, 0.0) for row in connection.execute(query)]
    _lane_ids(connection, ["", *paces.lanes])
    rows = connection.execute(query.with_for_update()).all()
    overall = next(row for row in rows if row.name == "")
    return [_lane(connection, row, overall, now, paces) for row in rows]


def _lane(connection: Connection, row: Any, overall: Any, now: float, paces: Paces) -> _Lane:
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
    return _Lane(
        row.id, allowed, wait, tuple((one.id, one.due, pace) for one, pace in booked if pace.limits)
    )


def _charge(connection: Connection, lane: _Lane, number: int, now: float) -> None:
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
