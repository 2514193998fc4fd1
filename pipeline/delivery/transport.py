"""What carries a message away, and what came of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, Protocol

from pipeline.delivery.message import Message


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a message; `reason` is the other side's answer and names no address."""

    state: Literal["accepted", "refused", "deferred", "unknown"]
    reason: str = ""


class Connection(Protocol):
    """One way to the other side, for one thread."""

    def deliver(self, messages: Iterable[Message]) -> Iterator[Outcome]:
        """One outcome for each message, in order, as soon as it is known; a dropped connection is made again inside.

        A message caught between hand-over and answer yields "unknown". Raises OutsideError where no more can be
        delivered: whatever had no outcome by then was certainly not handed over.
        """
        ...

    def close(self) -> None: ...


class Transport(Protocol):
    """Carries messages away.

    repeatable: delivering again makes no second copy. leaves: mail leaves this machine. window: most messages under
    way on one connection, which are claimed, and settled, in one commit. connections: how many it bears at once.
    """

    @property
    def repeatable(self) -> bool: ...

    @property
    def leaves(self) -> bool: ...

    @property
    def window(self) -> int: ...

    @property
    def connections(self) -> int: ...

    def connect(self) -> Connection: ...
