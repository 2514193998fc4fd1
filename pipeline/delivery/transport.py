"""What carries a message away, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

from pipeline.delivery.message import Message


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a message; `reason` is the other side's answer and names no address."""

    state: Literal["accepted", "refused", "deferred", "unknown"]
    reason: str = ""


class Transport(Protocol):
    """Carries messages away.

    repeatable: delivering again makes no second copy, so a row that is `unknown` is retried.
    batch: how many rows are claimed, and settled, in one commit.
    deliver: raises OutsideError when no further message can be delivered.
    """

    @property
    def repeatable(self) -> bool: ...

    @property
    def batch(self) -> int: ...

    def deliver(self, message: Message) -> Outcome: ...
