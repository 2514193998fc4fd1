"""One database, SQLite or PostgreSQL, in which every change is whole and on the disk, or did not happen."""

from __future__ import annotations

import hmac
import os
import secrets
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import quote, urlsplit

from sqlalchemy import (
    URL,
    Connection,
    Engine,
    create_engine,
    event,
    func,
    insert,
    make_url,
    select,
)
from sqlalchemy.exc import DisconnectionError, OperationalError, SQLAlchemyError

from pipeline.delivery.tables import VERSION, metadata, settings, versions
from pipeline.errors import OutsideError, SimulcastError

_T = TypeVar("_T")

PATIENCE = 30.0
"""Seconds to wait for a database that others use."""

AT_ONCE = 500
"""How many stand in one query; databases limit the parameters of a statement."""


class Database:
    """The rows, and each change to them in one transaction.

    Every transaction raises OutsideError where the database is locked, away or out of disk, and SimulcastError where it
    is broken; neither repeats a row.
    """

    secret: bytes
    """What signs links and names messages."""

    def __init__(self, engine: Engine, name: str, patience: float = PATIENCE) -> None:
        self.engine, self.name, self._patience = engine, name, patience
        # SQLite has one writer, and who waits for it sleeps longer and longer; our own threads wait in line instead.
        self._line = Lock() if engine.dialect.name == "sqlite" else None

    @classmethod
    def open(cls, where: Path | str, secret: str = "", patience: float = PATIENCE) -> Self:
        """The ledger in a file, made if it is not there and readable by its owner alone, or at a postgresql:// address.

        secret: signs links and names messages; without one, a random one is made once and kept in the database.
        patience: seconds to wait for a database that is in use or does not answer.
        """
        name = str(where) if isinstance(where, Path) else _without_password(where)
        found = cls(engine_at(where, patience), name, patience)
        try:
            kept = found._prepare()
            found.secret = (secret or kept).encode()
        except BaseException:
            found.close()
            raise
        return found

    def close(self) -> None:
        self.engine.dispose()

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
    def transaction(self) -> Iterator[Connection]:
        """All that happens inside, or nothing; committed to the disk when it is left."""
        try:
            with self._alone(), self.engine.begin() as connection:
                yield connection
        except OperationalError as error:
            raise OutsideError(f"the ledger {self.name} failed: {error.orig}") from None
        except SQLAlchemyError as error:
            cause = getattr(error, "orig", None)
            # PostgreSQL says in further lines which values were at fault; they may be addresses.
            told = str(cause).partition("\n")[0] if cause else type(error).__name__
            raise SimulcastError(f"the ledger {self.name} is broken: {told}") from None

    @contextmanager
    def _alone(self) -> Iterator[None]:
        if self._line is None:
            yield
            return
        if not self._line.acquire(timeout=self._patience):
            raise OutsideError(f"the ledger {self.name} failed: it is in use")
        try:
            yield
        finally:
            self._line.release()

    def scrub(self) -> None:
        """Leave nothing of what was erased in SQLite's log, though others have the file open."""
        if self.engine.dialect.name != "sqlite":
            return
        with self._alone(), closing(self.engine.raw_connection()) as connection:
            connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def digest(self, purpose: str, words: str) -> str:
        """A keyed hash: who has the database without the secret cannot find the words by guessing."""
        return hmac.digest(self.secret, f"{purpose}\0{words}".encode(), "sha256").hex()[:32]

    def _prepare(self) -> str:
        """Make the tables where they are not there; the secret that is kept in them."""
        with self.transaction() as connection:
            if (
                connection.dialect.name == "postgresql"
            ):  # two that begin together make the tables once
                connection.exec_driver_sql("SELECT pg_advisory_xact_lock(731955140)")
            metadata.create_all(connection)
            found = connection.scalar(select(func.max(versions.c.version)))
            if found is None:
                connection.execute(insert(versions).values(version=VERSION))
                made = insert(settings).values(name="secret", value=secrets.token_urlsafe(32))
                connection.execute(made)
            kept = connection.scalar(select(settings.c.value).where(settings.c.name == "secret"))
        if found is not None and found != VERSION:
            raise SimulcastError(
                f"the ledger {self.name} is of version {found}; "
                f"this Simulcast knows version {VERSION}: update the older of them"
            )
        return str(kept)


def portions(whole: Sequence[_T]) -> Iterator[Sequence[_T]]:
    """Some at a time, as many as stand in one query."""
    for start in range(0, len(whole), AT_ONCE):
        yield whole[start : start + AT_ONCE]


def engine_at(where: Path | str, patience: float = PATIENCE) -> Engine:
    """What speaks to the database in a file, which is made if it is not there, or at a postgresql:// address."""
    return _sqlite(where, patience) if isinstance(where, Path) else _postgresql(where, patience)


def _sqlite(path: Path, patience: float) -> Engine:
    engine = durable(path, patience)

    @event.listens_for(engine, "connect")
    def _plain(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # else the driver begins transactions where it likes

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def durable(path: Path, patience: float = PATIENCE) -> Engine:
    """A SQLite file that keeps what is committed through a loss of power, and lets readers read meanwhile.

    One that was taken away fails, rather than begin anew empty; one that was put in its place is opened.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
    except OSError as error:
        raise OutsideError(f"the ledger {path} cannot be opened: {error.strerror}") from error
    url = URL.create(
        "sqlite", database=f"file:{quote(os.fsencode(path))}", query={"mode": "rw", "uri": "true"}
    )
    engine = create_engine(url, connect_args={"timeout": patience}, hide_parameters=True)

    @event.listens_for(engine, "checkout")
    def _still_there(_connection: Any, record: Any, _proxy: Any) -> None:
        if record.info["file"] != _identity(path):
            raise DisconnectionError

    @event.listens_for(engine, "connect")
    def _durable(connection: Any, record: Any) -> None:
        record.info["file"] = _identity(path)
        cursor = connection.cursor()
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.execute("PRAGMA secure_delete=ON")  # who asked to be forgotten is not in a free page
        cursor.close()

    return engine


def _identity(path: Path) -> int:
    """What a file keeps while it is the same one; 0 where there is none."""
    try:
        return path.stat().st_ino
    except OSError:
        return 0


def _postgresql(address: str, patience: float) -> Engine:
    if not address.startswith(("postgresql://", "postgres://")):
        raise SimulcastError(
            "the database is none that is known; write postgresql://user@host/name, or leave it out"
        )
    try:
        url = make_url("postgresql+psycopg://" + address.partition("://")[2])
        # A commit is on the server's disk when it is told, whatever the server's own setting.
        told = [*url.normalized_query.get("options", ()), "-c synchronous_commit=on"]
        url = url.update_query_dict({"options": " ".join(told)})
        wait = {"connect_timeout": max(2, int(patience))}  # libpq takes 1 for 2
        return create_engine(url, connect_args=wait, hide_parameters=True, pool_pre_ping=True)
    except (SQLAlchemyError, ValueError):
        raise SimulcastError(
            f"the address of the database, {_without_password(address)}, will not do"
        ) from None


def _without_password(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.hostname or ''}{parts.path}"
