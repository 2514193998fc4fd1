"""A tag names one delivery, and only we can have written it."""

from __future__ import annotations

import hmac
import re
from dataclasses import dataclass
from typing import Literal

Purpose = Literal["delivery", "leave"]
"""delivery: in a Message-ID and a return path, to know a bounce by; leave: in a mail that unsubscribes."""

_TAG = re.compile(r"(?<![0-9A-Za-z])(\d{1,15})-(\d{1,15})-([0-9a-f]{20})(?![0-9A-Za-z])", re.I)


@dataclass(frozen=True, slots=True)
class Tag:
    """An edition and one of its recipients, by their numbers in the ledger."""

    edition: int
    subscriber: int


def tag(secret: bytes, purpose: Purpose, edition: int, subscriber: int) -> str:
    """`12-4821-0f3a…`: no case to lose, safe in an address, a Message-ID and a subject."""
    return f"{edition}-{subscriber}-{_mark(secret, purpose, edition, subscriber)}"


def read(secret: bytes, purpose: Purpose, text: str) -> Tag | None:
    """The first tag in a text that we wrote for that purpose."""
    for edition, subscriber, mark in _TAG.findall(text):
        found = Tag(int(edition), int(subscriber))
        true = _mark(secret, purpose, found.edition, found.subscriber)
        if hmac.compare_digest(true, mark.lower()):
            return found
    return None


def _mark(secret: bytes, purpose: Purpose, edition: int, subscriber: int) -> str:
    """80 bits: mail that guesses them does not arrive fast enough."""
    seal = hmac.digest(secret, f"{purpose} {edition} {subscriber}".encode(), "sha256")
    return seal[:10].hex()
