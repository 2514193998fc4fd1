"""An edition becomes the message of one recipient: the same bytes every time."""

from __future__ import annotations

import hashlib
import hmac
import html
import re
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from email import policy
from email.headerregistry import Address, BaseHeader, HeaderRegistry, UnstructuredHeader
from email.message import EmailMessage
from email.policy import Policy
from urllib.parse import quote

from pipeline.delivery.addresses import key, mailbox
from pipeline.delivery.edition import Edition, one_line
from pipeline.errors import TemplateError, suggestion
from pipeline.templates import SLOT

EXAMPLE = "reader@example.org"
"""Who gets the example of an edition: an address that can never exist (RFC 2606)."""


class _AsGiven(UnstructuredHeader, BaseHeader):
    """A header whose value is on the wire already, and is folded between encoded words only.

    The library folds identifiers into encoded words, and loses blanks and "=?" of an author's words.
    """

    @staticmethod
    def parse(value: str, kwds: dict[str, object]) -> None:
        kwds["parse_tree"], kwds["decoded"] = UnstructuredHeader.value_parser(value), value

    def fold(self, *, policy: Policy) -> str:
        value = self.replace("?= =?", f"?={policy.linesep} =?")
        return f"{self.name}: {value}{policy.linesep}"


_HEADERS = HeaderRegistry()
for _name in ("from", "reply-to", "subject", "list-id", "list-unsubscribe"):
    _HEADERS.map_to_type(_name, _AsGiven)
_POLICY = policy.SMTP.clone(header_factory=_HEADERS)

_LONGEST = 900
"""Characters of a header value that may stand unfolded; a line of a message has 998 (RFC 5322 §2.1.1)."""

_SLOT = re.compile(re.escape(SLOT) + r"([A-Za-z0-9_]*)")


@dataclass(frozen=True, slots=True)
class Message:
    """A message ready to hand over: the same `id` however often it is made; CRLF ends its lines."""

    id: str
    recipient: str
    date: datetime
    content: bytes


@dataclass(frozen=True, slots=True)
class Recipient:
    """Who gets a message: a subscriber's number, normalised address and name, and what else is known of them."""

    subscriber: int
    address: str
    name: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)


Links = Callable[[int], tuple[str, str]]
"""Gives a subscriber's addresses for leaving the list and for changing their preferences."""


class Letters:
    """An edition, of which each recipient's message is made."""

    def __init__(
        self, edition: Edition, number: int, secret: bytes, links: Links | None = None
    ) -> None:
        self.edition, self.number, self.secret, self.links = edition, number, secret, links

    def message(self, recipient: Recipient) -> Message:
        """One recipient's message; raises TemplateError where a slot has no value for them."""
        named = f"{self.number}\0{recipient.subscriber}".encode()
        digest = hmac.digest(self.secret, b"message\0" + named, "sha256").hex()[:32]
        return message(
            self.edition,
            recipient.address,
            f"<{self.number}.{recipient.subscriber}.{digest}@{_domain(self.edition)}>",
            dict(recipient.attributes),
        )

    def fault(self, recipient: Recipient) -> str:
        """Why a recipient's message cannot be made; "" if it can."""
        try:
            self.message(recipient)
        except TemplateError as error:
            return str(error)
        return ""


def message(
    edition: Edition, recipient: str, named: str = "", more: Mapping[str, str] | None = None
) -> Message:
    """The message of one normalised address; raises TemplateError where a slot is unknown."""
    html_part, text_part = parts(edition, more)
    out = EmailMessage(_POLICY)
    out["From"] = _mailbox(sender(edition))
    out["To"] = Address(addr_spec=recipient)
    if edition.reply_to:
        out["Reply-To"] = _mailbox(mailbox(edition.reply_to))
    out["Subject"] = _words(edition.subject)
    out["Date"] = edition.published
    out["Message-ID"] = named or message_id(edition, recipient)
    out["List-Id"] = list_id(edition)
    out["List-Unsubscribe"] = f"<{unsubscribe_url(edition)}>"
    # Quoted-printable: lines stay short, and no body can hold a boundary that begins with "=_".
    out.set_content(text_part, cte="quoted-printable")
    out.add_alternative(html_part, subtype="html", cte="quoted-printable")
    out.set_boundary(f"=_{_digest(edition.mailing_list, edition.episode)}")
    return Message(str(out["Message-ID"]), recipient, edition.published, out.as_bytes())


def parts(edition: Edition, more: Mapping[str, str] | None = None) -> tuple[str, str]:
    """The HTML and the plain text with their slots filled; raises TemplateError where a slot is unknown."""
    values = {**(more or {}), **_values(edition)}
    return _filled(edition.html, values, html.escape), _filled(edition.text, values, str)


def example(edition: Edition) -> bytes:
    """The edition as one example reader gets it, for build/email/{slug}.eml."""
    return message(edition, EXAMPLE).content


def sender(edition: Edition) -> Address:
    """Whom the message is from: the name in the settings, else the title of the list."""
    found = mailbox(edition.sender)
    return (
        found
        if found.display_name
        else Address(one_line(edition.list_title), addr_spec=found.addr_spec)
    )


def message_id(edition: Edition, recipient: str) -> str:
    """A function of edition and subscriber, so that a second copy can be known and dropped."""
    return f"<{_digest(edition.mailing_list, edition.episode, key(recipient))}@{_domain(edition)}>"


def list_id(edition: Edition) -> str:
    """The list's name for mail programs to sort by (RFC 2919); ASCII, never a phrase."""
    label = re.sub(r"[^a-z0-9-]+", "-", edition.mailing_list.casefold()).strip("-")
    return f"<{label or _digest(edition.mailing_list)}.{_domain(edition)}>"


def unsubscribe_url(edition: Edition) -> str:
    """A mail to the people behind the list that asks to be taken off it."""
    to = mailbox(edition.reply_to or edition.sender).addr_spec
    return f"mailto:{quote(to, safe='@+')}?subject={quote(f'unsubscribe {edition.mailing_list}')}"


def _mailbox(found: Address) -> str:
    plain = _words(found.display_name) == found.display_name
    return str(found) if plain else f"{_words(found.display_name)} <{found.addr_spec}>"


def _words(text: str) -> str:
    """Words in a header: as they are if they are short ASCII, else as encoded words (RFC 2047)."""
    if text.isascii() and "=?" not in text and len(text) <= _LONGEST:
        return text
    some, words = b"", list[bytes]()
    for letter in map(str.encode, text):
        if len(some) + len(letter) > 45:  # 60 in base64, and a word has at most 75 characters
            words.append(some)
            some = b""
        some += letter
    return " ".join(f"=?utf-8?b?{b64encode(word).decode()}?=" for word in [*words, some])


def _values(edition: Edition) -> Mapping[str, str]:
    return {"unsubscribe_url": unsubscribe_url(edition), "list_title": edition.list_title}


def _filled(part: str, values: Mapping[str, str], escaped: Callable[[str], str]) -> str:
    """A frozen part with the values of one recipient in its slots."""

    def value(slot: re.Match[str]) -> str:
        if slot[1] not in values:
            raise TemplateError(
                f'there is no slot "{slot[1]}" in an email' + suggestion(slot[1], values)
            )
        return escaped(values[slot[1]])

    return _SLOT.sub(value, part)


def _domain(edition: Edition) -> str:
    return mailbox(edition.sender).domain


def _digest(*names: str) -> str:
    return hashlib.sha256("\0".join(names).encode()).hexdigest()[:32]
