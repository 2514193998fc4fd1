"""The tables of the ledger, the same on SQLite and on PostgreSQL."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)

VERSION = 2
"""Of the tables; a ledger of a later version is refused, never misread."""

SUBSCRIPTION_STATES = ("unconfirmed", "confirmed", "unsubscribed")

EDITION_STATES = ("scheduled", "planned", "running", "paused", "finished", "cancelled")
"""scheduled: its bytes are frozen. planned: so is its audience. running: every message of it can be made."""

STATES = ("planned", "sending", "accepted", "refused", "deferred", "unknown", "skipped")
"""What a delivery can be: planned → sending → accepted | refused | deferred | unknown.

deferred is tried again later; unknown is tried again where the publication says `ambiguous = "resend"`, and is held for
a person where it says "hold"; skipped was planned, and its subscriber left, or the edition was cancelled, in time.
"""


PUBLISHING_STATES = ("scheduled", "begun", "cancelled")


def utc(at: datetime) -> str:
    """A moment as a text that sorts by time."""
    return at.astimezone(UTC).isoformat(timespec="seconds")


def _one_of(column: str, allowed: tuple[str, ...]) -> CheckConstraint:
    return CheckConstraint(f"{column} IN {allowed}")


# SQLite's only number of 64 bits that counts upwards by itself is called INTEGER.
_number = BigInteger().with_variant(Integer, "sqlite")

metadata = MetaData()

versions = Table("versions", metadata, Column("version", Integer, primary_key=True))

settings = Table(
    "settings",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
)

lists = Table(
    "lists",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
)

subscribers = Table(
    "subscribers",
    metadata,
    Column("id", _number, primary_key=True),
    # Both are empty once the subscriber asked to be forgotten; the number stays, so that sums do.
    Column("address", Text),
    Column("key", Text, unique=True),
    Column("domain", Text, nullable=False),
    Column("name", Text, nullable=False),
    # A JSON object with its keys in order, so that equal ones are equal texts; empty where there are none.
    Column("attributes", Text, nullable=False),
    # Why no list may mail them: bounced, complained; empty where any may.
    Column("suppressed", Text, nullable=False),
    Column("suppressed_since", Text, nullable=False),
    Column("suppressed_why", Text, nullable=False),
)

forgotten = Table(
    "forgotten",
    metadata,
    # Keyed hashes of addresses, so that no import brings back whom we promised to forget.
    Column("digest", Text, primary_key=True),
    Column("since", Text, nullable=False),
)

consents = Table(
    "consents",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("source", Text, nullable=False),
    Column("text", Text, nullable=False),
    UniqueConstraint("source", "text"),
)

subscriptions = Table(
    "subscriptions",
    metadata,
    Column("list", ForeignKey("lists.id"), primary_key=True),
    Column("subscriber", ForeignKey("subscribers.id"), primary_key=True),
    Column("state", Text, _one_of("state", SUBSCRIPTION_STATES), nullable=False),
    Column("since", Text, nullable=False),
    Column("consent", ForeignKey("consents.id")),
    Column("consented", Text, nullable=False),
    Index("subscriptions_by_subscriber", "subscriber"),
    sqlite_with_rowid=False,
)

private_feeds = Table(
    "private_feeds",
    metadata,
    # What a token hashes to; the token itself is in no database.
    Column("digest", Text, primary_key=True),
    Column("subscriber", ForeignKey("subscribers.id"), nullable=False, index=True),
    # Counts a subscriber's tokens: each revoked one is followed by another that nobody can tell from it.
    Column("serial", Integer, nullable=False),
    Column("since", Text, nullable=False),
    Column("revoked", Text, nullable=False),
    UniqueConstraint("subscriber", "serial"),
)

editions = Table(
    "editions",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("list", ForeignKey("lists.id"), nullable=False),
    Column("episode", Text, nullable=False),
    # 0 is the episode; corrections of it count upwards.
    Column("revision", Integer, nullable=False),
    Column("slug", Text, nullable=False),
    Column("number", Integer, nullable=False),
    Column("published", Text, nullable=False),
    # All that is the same for every reader, as JSON: the bytes of verify and correct.
    Column("content", LargeBinary, nullable=False),
    Column("frozen", Text, nullable=False),
    Column("starts", Text, nullable=False),
    Column("aimed", JSON, nullable=False),
    Column("audience", Integer, nullable=False),
    Column("state", Text, _one_of("state", EDITION_STATES), nullable=False),
    # How often its sending was taken up; names the engine's work for it.
    Column("round", Integer, nullable=False),
    UniqueConstraint("list", "episode", "revision"),
)

lanes = Table(
    "lanes",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    # When the next message is due by the pace (GCRA's theoretical arrival time), µs since 1970.
    Column("due", BigInteger, nullable=False),
)

days = Table(
    "days",
    metadata,
    Column("lane", ForeignKey("lanes.id"), primary_key=True),
    Column("day", Text, primary_key=True),
    Column("used", Integer, nullable=False),
)

exchanges = Table(
    "exchanges",
    metadata,
    Column("domain", Text, primary_key=True),
    # The server that takes its mail; empty where none does.
    Column("host", Text, nullable=False),
    # When it is to be asked again, seconds since 1970.
    Column("until", BigInteger, nullable=False),
)

slots = Table(
    "slots",
    metadata,
    Column("id", _number, primary_key=True),
    Column("edition", ForeignKey("editions.id"), nullable=False),
    Column("worker", Text, nullable=False),
    # When others may take it for dead, seconds since 1970.
    Column("until", BigInteger, nullable=False),
    sqlite_autoincrement=True,  # a number is never used twice, so that it can be a fence
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("edition", ForeignKey("editions.id"), primary_key=True),
    Column("subscriber", ForeignKey("subscribers.id"), primary_key=True),
    Column("lane", Integer, nullable=False),
    Column("state", Text, _one_of("state", STATES), nullable=False),
    # When it may be tried, seconds since 1970; empty where it is not to be tried.
    Column("due", BigInteger),
    # Who has it, or had it when its outcome became uncertain.
    Column("slot", BigInteger),
    Column("attempt", Integer, nullable=False),
    # How often its outcome was uncertain: the only ones that can have arrived twice.
    Column("uncertain", Integer, nullable=False),
    # When its state was last settled, seconds since 1970.
    Column("at", BigInteger),
    Column("reason", Text, nullable=False),
    sqlite_with_rowid=False,
)
Index(
    "deliveries_to_try",
    deliveries.c.edition,
    deliveries.c.lane,
    deliveries.c.due,
    deliveries.c.subscriber,
    sqlite_where=deliveries.c.due.is_not(None),
    postgresql_where=deliveries.c.due.is_not(None),
)

publishings = Table(
    "publishings",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("episode", Text, nullable=False),
    Column("starts", Text, nullable=False),
    Column("state", Text, _one_of("state", PUBLISHING_STATES), nullable=False),
)

workers = Table(
    "workers",
    metadata,
    Column("name", Text, primary_key=True),
    # When it was last heard of, seconds since 1970.
    Column("seen", BigInteger, nullable=False),
)

leases = Table(
    "leases",
    metadata,
    Column("name", Text, primary_key=True),
    Column("holder", Text, nullable=False),
    Column("until", BigInteger, nullable=False),
)

asked = Table(
    "asked",
    metadata,
    # A keyed hash of an address that somebody gave on a form; gone once it may be written to as often as ever.
    Column("digest", Text, primary_key=True),
    Column("until", Double, nullable=False, index=True),
)
