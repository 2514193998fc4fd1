"""What holds for every test: nothing leaves this machine, and a ledger is tried on both databases."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pipeline.delivery.database import Database
    from tests.databases import Server


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test that reaches for another machine fails and says so."""
    connect = socket.socket.connect

    def checked(self: socket.socket, address: Any) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6) and not _here(address[0]):
            raise AssertionError(f"a test reached for {address[0]}")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", checked)


def _here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Server]:
    """A PostgreSQL server of this run of tests."""
    from tests.databases import server

    with server() as found:
        yield found


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Path | str:
    """Where an empty ledger may be made: what holds for the one database holds for the other."""
    if request.param == "sqlite":
        return tmp_path / ".simulcast" / "ledger.db"
    found = request.getfixturevalue("postgresql")
    return str(found.fresh())


@pytest.fixture
def ledger(database: Path | str) -> Iterator[Database]:
    """An empty ledger, on each database."""
    from pipeline.delivery.database import Database

    with Database.open(database) as found:
        yield found
