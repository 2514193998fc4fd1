"""Mail that comes back is understood: what bounced and why, who complained, who wants to leave."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from email import message_from_bytes
from email.message import Message
from typing import Literal

from pipeline.delivery.addresses import without_addresses
from pipeline.delivery.database import Database
from pipeline.delivery.edition import one_line
from pipeline.delivery.ledger import returned
from pipeline.delivery.severity import STATUS, severity
from pipeline.delivery.tags import Tag, read

Kind = Literal["hard", "soft", "policy", "complaint", "unsubscribe", "delayed", "nothing"]

RECIPIENTS = ("to", "delivered-to", "x-original-to", "envelope-to", "x-envelope-to")
"""Where the mailbox stands that a bounce came to; forwarding leaves one of them."""

LONGEST = 10_000_000
"""Bytes of a message that are read; what came back says why near its beginning."""


@dataclass(frozen=True, slots=True)
class Understood:
    """What a message told us; `tag` names edition and subscriber, `reason` is for the ledger and names no address."""

    kind: Kind
    tag: Tag | None = None
    reason: str = ""


def take_in(ledger: Database, content: bytes, at: datetime) -> Understood:
    """Read a message that came back, and have the ledger act on it: the row says why.

    Raises nothing for what it does not understand: a mailbox for bounces gets anything.
    """
    found = understood(ledger.secret, content)
    if found.tag is None:
        return found
    edition, subscriber = found.tag.edition, found.tag.subscriber
    if found.kind == "unsubscribe":
        returned.unsubscribed(ledger, edition, subscriber, at)
    elif found.kind in ("hard", "soft", "policy", "complaint"):
        returned.bounced(ledger, edition, subscriber, found.kind, found.reason, at)
    return found


def understood(secret: bytes, content: bytes) -> Understood:
    """What a message means; of one that names no delivery of ours, nothing."""
    message = message_from_bytes(content[:LONGEST])
    if leaving := read(secret, "leave", _headers(message, ("subject", *RECIPIENTS))):
        return Understood("unsubscribe", leaving, "asked by mail to be taken off")
    kind, reason = _told(message)
    if kind == "nothing":
        return Understood(kind)
    tag = read(secret, "delivery", _headers(message, RECIPIENTS)) or _inside(secret, message)
    return Understood(kind if tag else "nothing", tag, reason if tag else "")


def _told(message: Message) -> tuple[Kind, str]:
    for part in message.walk():
        if part.get_content_type() == "message/feedback-report":
            return _complaint(part)
    for part in message.walk():
        if part.get_content_type() == "message/delivery-status":
            return _report(part)
    return _guessed(message)


def _complaint(part: Message) -> tuple[Kind, str]:
    """A report in Abuse Reporting Format (RFC 5965); "not-spam" takes one back, and is nothing to us."""
    said = _fields(part)
    kind = said.get("feedback-type", "").lower()
    if kind in ("abuse", "fraud", "opt-out", "opt-out-list"):
        by = one_line(said.get("reporting-mta", "") or said.get("user-agent", ""))
        return "complaint", without_addresses(f"complaint ({kind}) {by}".strip())[:300]
    return "nothing", ""


def _report(part: Message) -> tuple[Kind, str]:
    """A delivery status notification (RFC 3464), which is of one recipient, as our messages are."""
    said = _fields(part)
    action = said.get("action", "").strip().lower()
    status, diagnostic = said.get("status", ""), said.get("diagnostic-code", "")
    # What the other server said itself is nearer to the truth than how a relay sums it up.
    found = STATUS.search(diagnostic) or STATUS.search(status)
    diagnostic = diagnostic.partition(";")[2] or diagnostic
    reason = _reason(found[0] if found else status.strip(), diagnostic)
    if action == "delayed":
        return "delayed", reason
    if action in ("delivered", "relayed", "expanded") or (found and found[1] == "2"):
        return "nothing", ""
    return severity(found[0] if found else ""), reason


def _fields(part: Message) -> dict[str, str]:
    """The fields of a report, of all its groups; the first of a name is kept."""
    groups = part.get_payload() if part.is_multipart() else [part]
    found: dict[str, str] = {}
    for group in groups if isinstance(groups, list) else []:
        assert isinstance(group, Message)
        lines = group.items() or _written_fields(group)
        for name, value in lines:
            found.setdefault(name.lower(), " ".join(str(value).split()))
    return found


def _written_fields(group: Message) -> list[tuple[str, str]]:
    """The fields of a report that the parser took for text."""
    text = group.get_payload(decode=True) or b""
    inner = message_from_bytes(text if isinstance(text, bytes) else b"")
    return [(name, str(value)) for name, value in inner.items()]


def _guessed(message: Message) -> tuple[Kind, str]:
    """What one of the older kinds of bounce says, as far as somebody has met it before."""
    from flufl.bounce import all_failures

    logging.getLogger("flufl.bounce").disabled = True  # it shows mail that it fails on
    try:
        temporary, permanent = all_failures(message)
    except Exception:  # its detectors expect headers that odd mail lacks
        return "nothing", ""
    if not temporary and not permanent:
        return "nothing", ""
    text = "\n".join(_texts(message))
    found = STATUS.search(text)
    reason = _reason(found[0] if found else "", "came back" if permanent else "came back for now")
    if permanent:
        return severity(found[0]) if found else "hard", reason
    return "soft", reason


def _texts(message: Message) -> Iterator[str]:
    for part in message.walk():
        if part.get_content_maintype() == "text":
            payload = part.get_payload(decode=True)
            yield payload.decode("utf-8", "replace")[:20_000] if isinstance(payload, bytes) else ""


def _reason(status: str, words: str) -> str:
    words = words if status in words or not status else f"{status} {words}"
    return without_addresses(one_line(words))[:300]


def _headers(message: Message, names: tuple[str, ...]) -> str:
    return "\n".join(str(value) for name in names for value in message.get_all(name, []))


def _inside(secret: bytes, message: Message) -> Tag | None:
    """The delivery that a returned message, or what is left of it, was: its Message-ID says so."""
    for part in message.walk():
        if part is not message:
            names = ("message-id", "return-path", "original-mail-from", "original-envelope-id")
            if found := read(secret, "delivery", _headers(part, names)):
                return found
    for part in message.walk():
        if part.get_content_type() in ("text/rfc822-headers", "message/feedback-report"):
            payload = part.as_bytes()
            if found := read(secret, "delivery", payload.decode("ascii", "replace")):
                return found
    return None
