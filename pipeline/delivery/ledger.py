"""The ledger: who is subscribed, what was frozen, and what became of every message."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from sqlalchemy import (
    CheckConstraint,
    Column,
    Connection,
    Engine,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    bindparam,
    create_engine,
    delete,
    event,
    func,
    insert,
    literal,
    select,
    update,
)
from sqlalchemy.exc import OperationalError, SQLAlchemyError
from sqlalchemy.sql import ColumnElement

from pipeline.delivery.addresses import key, normalised
from pipeline.delivery.edition import Edition, Mailed
from pipeline.delivery.transport import Outcome
from pipeline.errors import OutsideError, SimulcastError

_T = TypeVar("_T")

VERSION = 1
"""Of the tables; a ledger of a later version is refused, never misread."""

STATES = ("planned", "sending", "accepted", "refused", "deferred", "unknown", "skipped")
"""What a delivery can be: planned → sending → accepted | refused | deferred | unknown.

deferred and unknown are tried again; skipped was planned, and its subscriber left in time.
"""

_AT_ONCE = 400
"""How many keys stand in one query; databases limit the parameters of a statement."""


def _one_of(column: str, *allowed: str) -> CheckConstraint:
    return CheckConstraint(f"{column} IN {allowed}")


metadata = MetaData()
versions = Table("versions", metadata, Column("version", Integer, primary_key=True))
lists = Table(
    "lists",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
)
subscribers = Table(
    "subscribers",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("address", Text, nullable=False),
    Column("key", Text, nullable=False, unique=True),
)
subscriptions = Table(
    "subscriptions",
    metadata,
    Column("list", ForeignKey("lists.id"), primary_key=True),
    Column("subscriber", ForeignKey("subscribers.id"), primary_key=True),
    Column(
        "state", Text, _one_of("state", "unconfirmed", "confirmed", "unsubscribed"), nullable=False
    ),
    Column("since", Text, nullable=False),
)
editions = Table(
    "editions",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("list", ForeignKey("lists.id"), nullable=False),
    Column("episode", Text, nullable=False),
    Column("slug", Text, nullable=False),
    Column("number", Integer, nullable=False),
    Column("published", Text, nullable=False),
    Column("list_title", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("sender", Text, nullable=False),
    Column("reply_to", Text, nullable=False),
    Column("html", LargeBinary, nullable=False),
    Column("text", LargeBinary, nullable=False),
    Column("frozen", Text, nullable=False),
    Column("audience", Integer, nullable=False),
    Column("state", Text, _one_of("state", "running", "finished"), nullable=False),
    UniqueConstraint("list", "episode"),
)
deliveries = Table(
    "deliveries",
    metadata,
    Column("edition", ForeignKey("editions.id"), primary_key=True),
    Column("subscriber", ForeignKey("subscribers.id"), primary_key=True),
    Column("state", Text, _one_of("state", *STATES), nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("reason", Text, nullable=False),
    sqlite_with_rowid=False,
)
Index("deliveries_by_subscriber", deliveries.c.subscriber)


@dataclass(frozen=True, slots=True)
class Subscriber:
    """A subscription as the author sees it; `since` is when its state last changed."""

    address: str
    mailing_list: str
    state: str
    since: str


@dataclass(frozen=True, slots=True)
class Added:
    """How many addresses were new to a list, were on it already, and had left it and stay off."""

    added: int = 0
    already: int = 0
    left: int = 0


@dataclass(frozen=True, slots=True)
class Claim:
    """A delivery that is `sending`; `attempt` is the fence: only the latest can be settled."""

    subscriber: int
    address: str
    attempt: int


@dataclass(frozen=True, slots=True)
class Sums:
    """What became of an edition. `audience` was counted when it was frozen, the states just now."""

    edition: int
    slug: str
    mailing_list: str
    audience: int
    planned: int = 0
    sending: int = 0
    accepted: int = 0
    refused: int = 0
    deferred: int = 0
    unknown: int = 0
    skipped: int = 0

    @property
    def hold(self) -> bool:
        """Whether everyone in the audience is accounted for."""
        return self.audience == self.open + self.accepted + self.refused + self.skipped

    @property
    def open(self) -> int:
        """How many have not had their final answer."""
        return self.planned + self.sending + self.deferred + self.unknown


class Ledger:
    """The rows, and each change to them in one transaction.

    Every method raises OutsideError where the database is locked or its disk fails, and
    SimulcastError where it is broken; neither repeats a row.
    """

    def __init__(self, engine: Engine, name: str) -> None:
        self._engine, self._name = engine, name

    @classmethod
    def open(cls, path: Path) -> Self:
        """The ledger in that file, made if it is not there, readable by its owner alone."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch(mode=0o600)
        except OSError as error:
            raise OutsideError(f"the ledger {path} cannot be opened: {error.strerror}") from error
        ledger = cls(_engine(path), str(path))
        try:
            ledger._prepare()
        except BaseException:
            ledger.close()
            raise
        return ledger

    def close(self) -> None:
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        """All that happens inside, or nothing; committed to the disk when it is left."""
        try:
            with self._engine.begin() as connection:
                yield connection
        except OperationalError as error:
            raise OutsideError(f"the ledger {self._name} failed: {error.orig}") from None
        except SQLAlchemyError as error:
            cause = getattr(error, "orig", None) or type(error).__name__
            raise SimulcastError(f"the ledger {self._name} is broken: {cause}") from None

    def _prepare(self) -> None:
        with self._transaction() as connection:
            metadata.create_all(connection)
            found = connection.scalar(select(func.max(versions.c.version)))
            if found is None:
                connection.execute(insert(versions).values(version=VERSION))
        if found is not None and found > VERSION:
            raise SimulcastError(
                f"the ledger {self._name} is of version {found}; "
                f"this Simulcast knows up to {VERSION}: update it"
            )

    # --- subscribers ------------------------------------------------------------------------------

    def add(
        self,
        name: str,
        addresses: Iterable[str],
        at: datetime,
        *,
        again: bool = False,
        state: str = "confirmed",
    ) -> Added:
        """Put addresses on a list, each once; raises AddressError, and then adds none.

        Who has left the list stays off it, unless `again` says that they asked to come back.
        state: of those who are new to it, confirmed or unconfirmed.
        """
        wanted = {key(address): address for address in map(normalised, addresses)}
        added = already = left = 0
        with self._transaction() as connection:
            mailing_list = _list_id(connection, name)
            ids = _subscriber_ids(connection, wanted)
            states = _states(connection, mailing_list, ids)
            fresh = [one for one in ids if one not in states]
            gone = [one for one in ids if states.get(one) == "unsubscribed"]
            _subscribe(connection, mailing_list, fresh, state, at)
            if again:
                for one in gone:
                    _set_subscription(connection, mailing_list, one, "confirmed", at)
            added = len(fresh) + (len(gone) if again else 0)
            left = 0 if again else len(gone)
            already = len(ids) - added - left
        return Added(added, already, left)

    def leave(self, name: str, addresses: Iterable[str], at: datetime) -> int:
        """Note that addresses have left a list, known on it or not; how many, each once.

        Raises AddressError, and then notes none.
        """
        wanted = {key(address): address for address in map(normalised, addresses)}
        with self._transaction() as connection:
            mailing_list = _list_id(connection, name)
            ids = _subscriber_ids(connection, wanted)
            states = _states(connection, mailing_list, ids)
            fresh = [one for one in ids if one not in states]
            _subscribe(connection, mailing_list, fresh, "unsubscribed", at)
            for one in ids:
                if states.get(one, "unsubscribed") != "unsubscribed":
                    _take_off(connection, mailing_list, one, at)
        return len(ids)

    def remove(self, name: str, address: str, at: datetime) -> bool:
        """Take an address off a list and out of editions still going to it; whether it was on."""
        with self._transaction() as connection:
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
            if found is None:
                return False
            _take_off(connection, found.list, found.subscriber, at)
        return True

    def subscribers(self, name: str | None = None) -> list[Subscriber]:
        """The subscriptions of a list, or of all, in order of list and address."""
        query = (
            select(
                subscribers.c.address, lists.c.name, subscriptions.c.state, subscriptions.c.since
            )
            .join(subscriptions, subscriptions.c.subscriber == subscribers.c.id)
            .join(lists, lists.c.id == subscriptions.c.list)
            .order_by(lists.c.name, subscribers.c.key)
        )
        if name is not None:
            query = query.where(lists.c.name == name)
        with self._transaction() as connection:
            return [Subscriber(*row) for row in connection.execute(query)]

    def audience(self, name: str, seeds: Iterable[str] = ()) -> int:
        """How many an edition frozen now would go to."""
        keys = {key(normalised(seed)) for seed in seeds}
        with self._transaction() as connection:
            confirmed = connection.scalar(
                select(func.count())
                .select_from(subscriptions)
                .join(lists, lists.c.id == subscriptions.c.list)
                .where(lists.c.name == name, subscriptions.c.state == "confirmed")
            )
            both = connection.scalar(
                select(func.count())
                .select_from(subscriptions)
                .join(lists, lists.c.id == subscriptions.c.list)
                .join(subscribers, subscribers.c.id == subscriptions.c.subscriber)
                .where(
                    lists.c.name == name,
                    subscriptions.c.state == "confirmed",
                    subscribers.c.key.in_(keys),
                )
            )
        return (confirmed or 0) + len(keys) - (both or 0)

    # --- editions ---------------------------------------------------------------------------------

    def plan(self, edition: Edition, seeds: Iterable[str], at: datetime) -> int | None:
        """Freeze an edition with its audience: the list's confirmed subscribers, and the seeds.

        Returns its number. One frozen before is left as it is; for nobody, none is made.
        """
        wanted = {key(seed): seed for seed in map(normalised, seeds)}
        with self._transaction() as connection:
            mailing_list = _list_id(connection, edition.mailing_list)
            had = connection.scalar(
                select(editions.c.id).where(
                    editions.c.list == mailing_list, editions.c.episode == edition.episode
                )
            )
            if had is not None:
                return int(had)
            seed_ids = _subscriber_ids(connection, wanted)
            number = _insert_edition(connection, mailing_list, edition, at)
            audience = _freeze_audience(connection, mailing_list, number, seed_ids)
            if not audience:
                connection.execute(delete(editions).where(editions.c.id == number))
                return None
            connection.execute(
                update(editions).where(editions.c.id == number).values(audience=audience)
            )
        return number

    def edition(self, number: int) -> Edition:
        """A frozen edition, as it was."""
        query = (
            select(editions, lists.c.name)
            .join(lists, lists.c.id == editions.c.list)
            .where(editions.c.id == number)
        )
        with self._transaction() as connection:
            row = connection.execute(query).one()
        return Edition(
            mailing_list=row.name,
            list_title=row.list_title,
            episode=row.episode,
            slug=row.slug,
            number=row.number,
            published=datetime.fromisoformat(row.published),
            subject=row.subject,
            sender=row.sender,
            reply_to=row.reply_to,
            html=row.html.decode(),
            text=row.text.decode(),
        )

    def mailed(self, name: str) -> list[Mailed]:
        """The episodes of which the list has an edition."""
        query = (
            select(editions.c.episode, editions.c.published, editions.c.number)
            .join(lists, lists.c.id == editions.c.list)
            .where(lists.c.name == name)
            .order_by(editions.c.id)
        )
        with self._transaction() as connection:
            return [
                Mailed(row.episode, datetime.fromisoformat(row.published), row.number)
                for row in connection.execute(query)
            ]

    def unfinished(self) -> list[int]:
        """The numbers of the editions that have not reached everyone yet."""
        query = select(editions.c.id).where(editions.c.state == "running").order_by(editions.c.id)
        with self._transaction() as connection:
            return list(connection.scalars(query))

    def editions(self, slug: str | None = None) -> list[Sums]:
        """The sums of every edition, or of those of one episode."""
        return self._sums(None if slug is None else editions.c.slug == slug)

    def sums(self, number: int) -> Sums:
        """What became of one edition."""
        return self._sums(editions.c.id == number)[0]

    def _sums(self, which: ColumnElement[bool] | None) -> list[Sums]:
        chosen = (
            select(editions.c.id, editions.c.slug, lists.c.name, editions.c.audience)
            .join(lists, lists.c.id == editions.c.list)
            .order_by(editions.c.id)
        )
        counted = select(deliveries.c.edition, deliveries.c.state, func.count()).group_by(
            deliveries.c.edition, deliveries.c.state
        )
        if which is not None:
            chosen = chosen.where(which)
            counted = counted.where(deliveries.c.edition.in_(select(editions.c.id).where(which)))
        with self._transaction() as connection:
            found = [Sums(*row) for row in connection.execute(chosen)]
            counts: dict[int, dict[str, Any]] = {one.edition: {} for one in found}
            for number, state, count in connection.execute(counted):
                counts[number][state] = count
        return [replace(one, **counts[one.edition]) for one in found]

    # --- deliveries -------------------------------------------------------------------------------

    def recover(self, number: int) -> None:
        """Name `unknown` what a run that broke off left `sending`: nobody can say if it arrived."""
        with self._transaction() as connection:
            connection.execute(
                update(deliveries)
                .where(deliveries.c.edition == number, deliveries.c.state == "sending")
                .values(state="unknown", reason="interrupted")
            )

    def advance(
        self,
        number: int,
        settled: Sequence[tuple[Claim, Outcome]],
        *,
        after: int,
        batch: int,
        repeat: bool,
    ) -> list[Claim]:
        """Settle the last batch and claim the next, committed before anything is handed over.

        The next are at most `batch` rows of subscribers whose id is above `after`: so a run tries
        each row once. With `repeat`, rows that are `unknown` are among them.
        """
        waiting = ("planned", "deferred", "unknown") if repeat else ("planned", "deferred")
        with self._transaction() as connection:
            _settle(connection, number, settled)
            rows = connection.execute(
                select(subscribers.c.id, subscribers.c.address, deliveries.c.attempt)
                .join(deliveries, deliveries.c.subscriber == subscribers.c.id)
                .where(
                    deliveries.c.edition == number,
                    deliveries.c.subscriber > after,
                    deliveries.c.state.in_(waiting),
                )
                .order_by(deliveries.c.subscriber)
                .limit(batch)
            ).all()
            claims = [Claim(row.id, row.address, row.attempt + 1) for row in rows]
            if claims:
                connection.execute(
                    _of_row(number).values(state="sending", attempt=bindparam("n"), reason=""),
                    [{"row": claim.subscriber, "n": claim.attempt} for claim in claims],
                )
        return claims

    def release(
        self, number: int, settled: Sequence[tuple[Claim, Outcome]], untried: Sequence[Claim]
    ) -> None:
        """Settle what is known of a batch that broke off; put back what was not handed over."""
        with self._transaction() as connection:
            _settle(connection, number, settled)
            if untried:
                connection.execute(
                    _of_row(number, bindparam("n"))
                    .where(deliveries.c.state == "sending")
                    .values(state="planned"),
                    [{"row": claim.subscriber, "n": claim.attempt} for claim in untried],
                )

    def finish(self, number: int) -> None:
        """Close an edition of which nothing is left to try."""
        left = select(deliveries.c.edition).where(
            deliveries.c.edition == number,
            deliveries.c.state.in_(("planned", "sending", "deferred", "unknown")),
        )
        with self._transaction() as connection:
            connection.execute(
                update(editions)
                .where(editions.c.id == number, ~left.exists())
                .values(state="finished")
            )


def _engine(path: Path) -> Engine:
    engine = create_engine(f"sqlite:///{path}", connect_args={"timeout": 30}, hide_parameters=True)

    @event.listens_for(engine, "connect")
    def _durable(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # else the driver begins transactions where it likes
        cursor = connection.cursor()
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def _portions(whole: Sequence[_T]) -> Iterator[Sequence[_T]]:
    for start in range(0, len(whole), _AT_ONCE):
        yield whole[start : start + _AT_ONCE]


def _list_id(connection: Connection, name: str) -> int:
    found = connection.scalar(select(lists.c.id).where(lists.c.name == name))
    if found is None:
        found = connection.scalar(insert(lists).values(name=name).returning(lists.c.id))
    return int(found or 0)


def _subscriber_ids(connection: Connection, wanted: dict[str, str]) -> list[int]:
    """The ids of addresses by key, in that order; who is not known yet becomes known."""
    known: dict[str, int] = {}
    for some in _portions(list(wanted)):
        have = select(subscribers.c.key, subscribers.c.id).where(subscribers.c.key.in_(some))
        known.update((row.key, row.id) for row in connection.execute(have))
        fresh = [{"key": one, "address": wanted[one]} for one in some if one not in known]
        if fresh:
            connection.execute(insert(subscribers), fresh)
            known.update((row.key, row.id) for row in connection.execute(have))
    return [known[one] for one in wanted]


def _set_subscription(
    connection: Connection, mailing_list: int, subscriber: int, state: str, at: datetime
) -> None:
    connection.execute(
        update(subscriptions)
        .where(subscriptions.c.list == mailing_list, subscriptions.c.subscriber == subscriber)
        .values(state=state, since=at.isoformat())
    )


def _states(connection: Connection, mailing_list: int, ids: Sequence[int]) -> dict[int, str]:
    """The state of each of these subscribers who is, or was, on a list."""
    return {
        row.subscriber: row.state
        for some in _portions(ids)
        for row in connection.execute(
            select(subscriptions.c.subscriber, subscriptions.c.state).where(
                subscriptions.c.list == mailing_list, subscriptions.c.subscriber.in_(some)
            )
        )
    }


def _subscribe(
    connection: Connection, mailing_list: int, ids: Sequence[int], state: str, at: datetime
) -> None:
    rows = [
        {"list": mailing_list, "subscriber": one, "state": state, "since": at.isoformat()}
        for one in ids
    ]
    if rows:
        connection.execute(insert(subscriptions), rows)


def _take_off(connection: Connection, mailing_list: int, subscriber: int, at: datetime) -> None:
    """Unsubscribe somebody from a list, and from its editions still going to them."""
    _set_subscription(connection, mailing_list, subscriber, "unsubscribed", at)
    connection.execute(
        update(deliveries)
        .where(
            deliveries.c.subscriber == subscriber,
            deliveries.c.state.in_(("planned", "deferred")),
            deliveries.c.edition.in_(select(editions.c.id).where(editions.c.list == mailing_list)),
        )
        .values(state="skipped", reason="unsubscribed")
    )


def _insert_edition(
    connection: Connection, mailing_list: int, edition: Edition, at: datetime
) -> int:
    values = {
        "list": mailing_list,
        "episode": edition.episode,
        "slug": edition.slug,
        "number": edition.number,
        "published": edition.published.isoformat(),
        "list_title": edition.list_title,
        "subject": edition.subject,
        "sender": edition.sender,
        "reply_to": edition.reply_to,
        "html": edition.html.encode(),
        "text": edition.text.encode(),
        "frozen": at.isoformat(),
        "audience": 0,
        "state": "running",
    }
    return int(connection.scalar(insert(editions).values(values).returning(editions.c.id)) or 0)


def _freeze_audience(
    connection: Connection, mailing_list: int, number: int, seeds: Sequence[int]
) -> int:
    """One planned row for each confirmed subscriber and each seed; how many there are."""
    columns = ["edition", "subscriber", "state", "attempt", "reason"]
    fixed = (literal("planned"), literal(0), literal(""))
    confirmed = select(literal(number), subscriptions.c.subscriber, *fixed).where(
        subscriptions.c.list == mailing_list, subscriptions.c.state == "confirmed"
    )
    seeded = select(literal(number), subscribers.c.id, *fixed).where(subscribers.c.id.in_(seeds))
    return connection.execute(
        insert(deliveries).from_select(columns, confirmed.union(seeded))
    ).rowcount


def _of_row(number: int, attempt: ColumnElement[int] | None = None) -> Any:
    """An UPDATE of one row of an edition, of one attempt if that is given."""
    one = update(deliveries).where(
        deliveries.c.edition == number, deliveries.c.subscriber == bindparam("row")
    )
    return one if attempt is None else one.where(deliveries.c.attempt == attempt)


def _settle(connection: Connection, number: int, settled: Sequence[tuple[Claim, Outcome]]) -> None:
    if settled:
        connection.execute(
            _of_row(number, bindparam("n"))
            .where(deliveries.c.state == "sending")
            .values(state=bindparam("became"), reason=bindparam("why")),
            [
                {
                    "row": claim.subscriber,
                    "n": claim.attempt,
                    "became": outcome.state,
                    "why": outcome.reason,
                }
                for claim, outcome in settled
            ],
        )
