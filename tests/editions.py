"""Editions, subscribers and transports for tests of delivery."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Self

from pipeline.delivery import people
from pipeline.delivery.database import Database
from pipeline.delivery.edition import Edition, edition
from pipeline.delivery.ledger import editions
from pipeline.delivery.message import Message
from pipeline.delivery.pace import UNLIMITED, Paces
from pipeline.delivery.people import Added, Entry
from pipeline.delivery.sender import Clock, Dispatch
from pipeline.delivery.tokens import Tokens
from pipeline.delivery.transport import Outcome
from pipeline.model import Email, Listing, MailingList, Person, Podcast, Publication, Series

NOW = datetime(2026, 6, 3, 9, tzinfo=UTC)
HTML = (
    '<p>Grüße 🚀</p><p><a href="https://slot.invalid/unsubscribe_url">Leave</a> '
    "https://slot.invalid/list_title</p>"
)
TEXT = "Grüße 🚀\nFrom here on.\n.\nLeave https://slot.invalid/list_title: https://slot.invalid/unsubscribe_url"


def listing(number: int, **changes: object) -> Listing:
    values: dict[str, object] = {
        "number": number,
        "title": f"Episode {number}",
        "published": datetime(2026, 6, number, 8, tzinfo=UTC),
        "summary": "What happened",
        "slug": f"{number:02}-episode",
        "guid": f"guid-{number}",
    }
    return Listing(**(values | changes))  # type: ignore[arg-type]


def publication(seeds: tuple[str, ...] = (), **changes: object) -> Publication:
    values: dict[str, object] = {
        "title": "Ground Truth",
        "url": "https://ground.example/",
        "description": "News",
        "people": (Person("neal", "Neal"),),
        "series": Series("Ground Truth"),
        "podcast": Podcast("Neal", "neal@ground.example", "artwork/cover.png"),
        "email": Email("Ground Truth <post@ground.example>"),
        "lists": {"readers": MailingList("Readers & friends", seeds=seeds)},
    }
    return Publication(**(values | changes))  # type: ignore[arg-type]


def frozen(**changes: Any) -> Edition:
    return replace(edition(publication(), "readers", listing(6), HTML, TEXT), **changes)


def parts(_: Listing) -> tuple[str, str]:
    return HTML, TEXT


def readers(count: int) -> list[str]:
    return [f"reader{n:04}@example.org" for n in range(count)]


def subscribed(book: Database, addresses: Iterable[str], name: str = "readers") -> Added:
    return people.add(book, name, map(Entry, addresses), NOW)


def plan(
    book: Database, edition: Edition, seeds: Iterable[str], at: datetime, paces: Paces = UNLIMITED
) -> int | None:
    """Freeze an edition and let it out at once; its number, or None if it is for nobody."""
    number = editions.freeze(book, edition, seeds, at)
    if not editions.start(book, number, paces):
        return None
    editions.run(book, number)
    return number


def planned(book: Database, count: int) -> int:
    """The number of an edition for so many readers, let out."""
    subscribed(book, readers(count))
    number = plan(book, frozen(), (), NOW)
    assert number is not None
    return number


class Time:
    """A clock that goes on when somebody waits, and when it is told to."""

    def __init__(self) -> None:
        self.at = NOW.timestamp()

    @property
    def moment(self) -> datetime:
        return datetime.fromtimestamp(self.at, UTC)

    def now(self) -> float:
        return self.at

    def wait(self, seconds: float) -> None:
        self.at += seconds


class Answering:
    """A transport that answers as it is told to, in turn, and keeps what it was given."""

    leaves = True

    def __init__(
        self,
        *answers: Outcome | BaseException,
        repeatable: bool = False,
        window: int = 3,
        connections: int = 1,
    ) -> None:
        self.answers, self.repeatable = list(answers), repeatable
        self.window, self.connections = window, connections
        self.given: list[Message] = []
        self.opened = 0

    def connect(self) -> Self:
        self.opened += 1
        return self

    def close(self) -> None:
        pass

    def deliver(self, messages: Iterable[Message]) -> Iterator[Outcome]:
        for message in messages:
            answer = self.answers.pop(0) if self.answers else Outcome("accepted")
            if isinstance(answer, BaseException):
                raise answer
            self.given.append(message)
            yield answer


def dispatch(transport: Any, book: Database, time: Time | None = None, **more: Any) -> Dispatch:
    clock = time or Time()
    return Dispatch(transport, Tokens(book.secret), Clock(clock.now, clock.wait), **more)
