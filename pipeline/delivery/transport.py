"""What carries messages away, and what came of each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Literal, Protocol

from pipeline.delivery.message import Message
from pipeline.errors import SimulcastError, suggestion

GROUP = "simulcast.transports"
"""The entry-point group: each value is a function that makes a Transport of a Place."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a message; `reason` is the other side's answer and names no address."""

    state: Literal["accepted", "refused", "deferred", "unknown"]
    reason: str = ""


class Connection(Protocol):
    """One way to the other side, used by one thread."""

    def deliver(self, messages: Iterable[Message]) -> Iterator[Outcome]:
        """One outcome for each message, in order, as soon as it is known.

        A message is taken from `messages` shortly before it goes out, so that composing overlaps with sending. What
        breaks off between hand-over and answer is `unknown`; a connection that was lost is made again. Raises
        OutsideError where no more can be delivered: what had no outcome by then was not handed over.
        """

    def close(self) -> None: ...


class Transport(Protocol):
    """Carries messages away; a frozen value, so that every process can connect for itself.

    repeatable: delivering again makes no second copy, so a row that is `unknown` is retried.
    leaves: messages leave this machine.
    window: how many messages are in flight on one connection, claimed and settled together.
    connections: how many of them the other side bears at once.
    """

    @property
    def repeatable(self) -> bool: ...

    @property
    def leaves(self) -> bool: ...

    @property
    def window(self) -> int: ...

    @property
    def connections(self) -> int: ...

    def connect(self) -> Connection:
        """Raises OutsideError where that can be told at once; else the first message tells."""


@dataclass(frozen=True, slots=True)
class Place:
    """What a transport is made of: a folder of the publication's for mail, and the environment, where secrets stand."""

    outbox: Path
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)


Made = Callable[[Place], Transport]


def chosen(name: str, place: Place, points: Iterable[EntryPoint] | None = None) -> Transport:
    """The transport of that name; without one, SMTP where SIMULCAST_SMTP_URL is set, else the Maildir.

    Raises SimulcastError: there is none of the name, or what it needs is missing or wrong.
    """
    name = name or ("smtp" if place.environment.get("SIMULCAST_SMTP_URL") else "maildir")
    installed = {point.name: point for point in points or entry_points(group=GROUP)}
    if name not in installed:
        raise SimulcastError(f'there is no transport "{name}"' + suggestion(name, installed))
    try:
        made: Made = installed[name].load()
    except Exception as error:  # a third party's module may fail in any way
        raise SimulcastError(
            f"transport {name} ({installed[name].value}) does not load: {error}"
        ) from error
    return made(place)
