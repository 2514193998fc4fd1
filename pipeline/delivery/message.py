"""An edition becomes the message of one recipient: the same bytes every time."""

from __future__ import annotations

import hashlib
import html
import re
from base64 import b64encode
from binascii import b2a_qp
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from email import message_from_bytes, policy
from email.headerregistry import Address, BaseHeader, HeaderRegistry, UnstructuredHeader
from email.message import EmailMessage
from email.policy import Policy
from urllib.parse import quote, unquote

from pipeline.delivery.addresses import mailbox
from pipeline.delivery.dkim import Seal, Signer, canonical_body, canonical_header
from pipeline.delivery.edition import Edition, one_line
from pipeline.delivery.tags import tag
from pipeline.errors import TemplateError, suggestion
from pipeline.templates import SLOT

EXAMPLE_SECRET = b"what build/email shows is nobody's"


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
for _name in ("from", "to", "reply-to", "subject", "list-id", "feedback-id"):
    _HEADERS.map_to_type(_name, _AsGiven)
_POLICY = policy.SMTP.clone(header_factory=_HEADERS)

_LONGEST = 900
"""Characters of a header value that may stand unfolded; a line of a message has 998 (RFC 5322 §2.1.1)."""

_SLOT = re.compile(re.escape(SLOT) + r"([A-Za-z0-9_]+)(?:/([A-Za-z0-9%._~-]*)/)?")
_MAILBOX = re.compile(r"[!#-'*+\-./0-9=?A-Z^-~]+@[A-Za-z0-9.-]+")
_DOTS = re.compile(rb"^\.{1,20}", re.MULTILINE)
_NOT_AN_ATOM = re.compile(r"[^A-Za-z0-9!#$%&'*+/=?^_`{|}~ -]")

Links = Callable[[int], tuple[str, str]]
"""Of a subscriber, by number: where they unsubscribe and where they choose, both behind https."""


@dataclass(frozen=True, slots=True)
class Recipient:
    """Whom a message is for; `subscriber` is their number in the ledger, 0 for who has none."""

    subscriber: int
    address: str
    name: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)


EXAMPLE = Recipient(0, "reader@example.org")
"""Who gets the example of an edition: an address that can never exist (RFC 2606)."""


@dataclass(frozen=True, slots=True)
class Message:
    """A message ready to hand over: the same `id` however often it is made; CRLF ends its lines.

    return_path: where the post brings it back to if it cannot be delivered. undotted: no line of it begins with a
    dot, so that none has to be looked for.
    """

    id: str
    recipient: str
    return_path: str
    date: datetime
    content: bytes
    undotted: bool = False


@dataclass(frozen=True, slots=True)
class _Slot:
    """A place for a value: in which part, and what stands there for who has none."""

    name: str
    otherwise: str | None
    escaped: bool


class Letters:
    """The messages of an edition, whose bytes are frozen: made once, then joined for each recipient.

    number: of the edition in the ledger. secret: the ledger's. links: where the service is, if there is one.
    bounces: the mailbox that gets what cannot be delivered; "" is the sender's own.
    """

    def __init__(
        self,
        edition: Edition,
        number: int,
        secret: bytes,
        links: Links | None = None,
        signers: Sequence[Signer] = (),
        bounces: str = "",
    ) -> None:
        self._number, self._secret, self._links = number, secret, links
        self._date = edition.published
        self._domain = mailbox(edition.sender).domain
        self._bounces = bounces
        self._leave = bounces or mailbox(edition.reply_to or edition.sender).addr_spec
        self._sender = mailbox(edition.sender).addr_spec
        boundary = f"=_{_digest(edition.mailing_list, edition.episode)}"
        same = [*_headers(edition, one_click=links is not None), *_mime(boundary)]
        self._same = b"".join(same)
        self._seals = [
            Seal(signer, same, (b"to", b"message-id", b"list-unsubscribe")) for signer in signers
        ]
        self._body = _Body(
            [
                f"--{boundary}\r\n{_part('plain')}".encode(),
                *_pieces(edition.text, edition.list_title, escaped=False),
                f"\r\n--{boundary}\r\n{_part('html')}".encode(),
                *_pieces(edition.html, edition.list_title, escaped=True),
                f"\r\n--{boundary}--\r\n".encode(),
            ]
        )

    @property
    def slots(self) -> frozenset[str]:
        """The names of the slots in which each recipient's own value stands."""
        return frozenset(slot.name for slot in self._body.slots)

    def message(self, recipient: Recipient) -> Message:
        """The message of one recipient; raises TemplateError where a slot has no value for them."""
        if not _MAILBOX.fullmatch(recipient.address):
            raise TemplateError("the address of a recipient is none that mail can be sent to")
        name = tag(self._secret, "delivery", self._number, recipient.subscriber)
        values = self._values(recipient)
        identity = f"<{name}@{self._domain}>"
        own = (
            f"To: {_written(recipient.name, recipient.address)}\r\n"
            f"Message-ID: {identity}\r\n"
            f"List-Unsubscribe: {self._unsubscribe(values['unsubscribe_url'], recipient)}\r\n"
        ).encode()
        body, digest = self._body.filled(values, sealed=bool(self._seals))
        signatures = []
        if self._seals:
            canonical = b"".join(map(canonical_header, _UNFOLDED.split(own)[:-1]))
            signatures = [seal.header(canonical, digest) for seal in self._seals]
        return Message(
            identity,
            recipient.address,
            self._return_path(name),
            self._date,
            b"".join([*signatures, self._same, own, b"\r\n", body]),
            undotted=True,
        )

    def fault(self, recipient: Recipient) -> str:
        """Why no message can be made for a recipient; "" if one can."""
        try:
            self.message(recipient)
        except TemplateError as error:
            return str(error)
        return ""

    def _values(self, recipient: Recipient) -> dict[str, str]:
        found = {**recipient.attributes}
        if recipient.name:
            found["name"] = recipient.name
        if self._links is None:
            found["unsubscribe_url"] = self._mail_to_leave(recipient)
        else:
            found["unsubscribe_url"], found["preferences_url"] = self._links(recipient.subscriber)
        return found

    def _mail_to_leave(self, recipient: Recipient) -> str:
        """A mail that takes its sender off the list, wherever it comes from: the bounce intake reads the tag."""
        name = tag(self._secret, "leave", self._number, recipient.subscriber)
        return f"mailto:{quote(self._leave, safe='@+')}?subject=unsubscribe%20{name}"

    def _unsubscribe(self, url: str, recipient: Recipient) -> str:
        if self._links is None:
            return f"<{url}>"
        return f"<{url}>,\r\n <{self._mail_to_leave(recipient)}>"

    def _return_path(self, name: str) -> str:
        """A mailbox for this message alone (VERP), where there is one for bounces."""
        if not self._bounces:
            return self._sender
        local, _, domain = self._bounces.partition("@")
        return f"{local}+{name}@{domain}"


_UNFOLDED = re.compile(rb"(?<=\r\n)(?![ \t])")


class _Body:
    """Pieces that all have, and the slots between them; the first piece is hashed once."""

    def __init__(self, found: Sequence[bytes | _Slot]) -> None:
        self.slots = tuple(one for one in found if isinstance(one, _Slot))
        self._pieces = _between_slots(found)
        canonical = [canonical_body(piece) for piece in self._pieces]
        # A body ends in one line end, however many were written (RFC 6376 §3.4.3).
        self._first, *self._rest = canonical
        self._hash = hashlib.sha256(self._first)

    def filled(self, values: Mapping[str, str], *, sealed: bool) -> tuple[bytes, bytes]:
        """The body with a recipient's values, and the SHA-256 of its canonical form if it is `sealed`."""
        written = [_value(slot, values) for slot in self.slots]
        body = _joined(self._pieces, written)
        if not sealed:
            return body, b""
        digest = self._hash.copy()
        digest.update(_joined([b"", *self._rest], written))
        return body, digest.digest()


def _between_slots(found: Sequence[bytes | _Slot]) -> list[bytes]:
    """The constant bytes before, between and after the slots; a slot stands on lines of its own."""
    pieces = [b""]
    for one in found:
        if isinstance(one, _Slot):
            pieces[-1] += b"" if pieces[-1].endswith(b"\r\n") else b"=\r\n"
            pieces.append(b"")
        else:
            # A soft line break ends the slot's own line, unless its part ends there.
            after_slot = len(pieces) > 1 and not pieces[-1] and not one.startswith(b"\r\n")
            pieces[-1] += b"=\r\n" + one if after_slot else one
    return pieces


def _joined(pieces: Sequence[bytes], values: Sequence[bytes]) -> bytes:
    out = [pieces[0]]
    for value, piece in zip(values, pieces[1:], strict=True):
        out += (value, piece)
    return b"".join(out)


def _value(slot: _Slot, values: Mapping[str, str]) -> bytes:
    value = values.get(slot.name) or slot.otherwise
    if value is None:
        known = {*values, "list_title"}
        raise TemplateError(
            f'the email has a slot "{slot.name}", for which a recipient has no value'
            + suggestion(slot.name, known)
            + f'; slot("{slot.name}", "…") says what stands for who has none'
        )
    if not value.isprintable():
        value = one_line(value)
    return _printable(html.escape(value) if slot.escaped else value)


def _printable(text: str) -> bytes:
    """Text in quoted-printable, in lines that end in CRLF, and without two blanks beside each other.

    So no relay has a reason to touch it: lines stay short, every byte is ASCII.
    """
    lines = _constant(text)
    return lines.replace(b"  ", b" =20") if b"  " in lines else lines


def _pieces(part: str, list_title: str, *, escaped: bool) -> Iterator[bytes | _Slot]:
    """A frozen part in quoted-printable, cut at the slots that each recipient fills."""
    text = part.replace("\r\n", "\n").replace("\r", "\n")
    title = html.escape(list_title) if escaped else list_title
    text = _SLOT.sub(lambda slot: title if slot[1] == "list_title" else slot[0], text)
    at = 0
    for slot in _SLOT.finditer(text):
        if slot.start() > at:
            yield _constant(text[at : slot.start()])
        yield _Slot(slot[1], None if slot[2] is None else unquote(slot[2]), escaped)
        at = slot.end()
    if at < len(text):
        yield _constant(text[at:])


def _constant(text: str) -> bytes:
    """Text in quoted-printable; no line begins with a dot, which SMTP would have doubled."""
    lines = b2a_qp(text.encode(), istext=True).replace(b"\n", b"\r\n")
    while lines.startswith(b".") or b"\n." in lines:
        lines = _DOTS.sub(lambda dots: b"=2E" * len(dots[0]) + b"=\r\n", lines)
    return lines


def _headers(edition: Edition, *, one_click: bool) -> list[bytes]:
    """The header lines that all messages of an edition share."""
    out = EmailMessage(_POLICY)
    out["From"] = _mailbox(sender(edition))
    if edition.reply_to:
        out["Reply-To"] = _mailbox(mailbox(edition.reply_to))
    out["Subject"] = _words(edition.subject)
    out["Date"] = edition.published
    out["List-Id"] = list_id(edition)
    if one_click:
        out["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"  # RFC 8058 §3.1
    out["Feedback-ID"] = feedback_id(edition)
    out["Precedence"] = "bulk"  # so that nobody's holiday notice answers
    return _lines(out)


def _mime(boundary: str) -> list[bytes]:
    kind = f'multipart/alternative;\r\n boundary="{boundary}"'
    return [b"MIME-Version: 1.0\r\n", f"Content-Type: {kind}\r\n".encode()]


def _part(kind: str) -> str:
    """Quoted-printable: lines stay short, and no body can hold a boundary that begins with "=_"."""
    return (
        f'Content-Type: text/{kind}; charset="utf-8"\r\n'
        "Content-Transfer-Encoding: quoted-printable\r\n\r\n"
    )


def _lines(message: EmailMessage) -> list[bytes]:
    return _UNFOLDED.split(message.as_bytes().removesuffix(b"\r\n"))[:-1]


def example(edition: Edition, links: Links | None = None, bounces: str = "") -> bytes:
    """The edition as one example reader gets it, for build/email/{slug}.eml."""
    return Letters(edition, 0, EXAMPLE_SECRET, links, bounces=bounces).message(EXAMPLE).content


def example_links(service: str) -> Links | None:
    """The links of that example, below the address of the service, if there is one."""
    links = f"{service}unsubscribe/example", f"{service}preferences/example"
    return (lambda _: links) if service else None


def parts(edition: Edition, links: Links | None = None) -> tuple[str, str]:
    """The HTML and the plain text of that example."""
    found = message_from_bytes(example(edition, links), policy=policy.default)
    text, html_part = (part.get_content().replace("\r\n", "\n") for part in found.iter_parts())
    return html_part, text


def sender(edition: Edition) -> Address:
    """Whom the message is from: the name in the settings, else the title of the list."""
    found = mailbox(edition.sender)
    return (
        found
        if found.display_name
        else Address(one_line(edition.list_title), addr_spec=found.addr_spec)
    )


def list_id(edition: Edition) -> str:
    """The list's name for mail programs to sort by (RFC 2919); ASCII, never a phrase."""
    label = re.sub(r"[^a-z0-9-]+", "-", edition.mailing_list.casefold()).strip("-")
    return f"<{label or _digest(edition.mailing_list)}.{_domain(edition)}>"


def feedback_id(edition: Edition) -> str:
    """What a receiver sums its complaints by: edition, list, kind, and whose mail it is."""
    return f"{edition.slug}:{edition.mailing_list}:edition:{_digest(_domain(edition))[:12]}"


def _written(name: str, address: str) -> str:
    """A mailbox in a header: its name as it is, in quotes, or as encoded words."""
    name = name if name.isprintable() else one_line(name)
    if not name:
        return address
    if not name.isascii() or "=?" in name or len(name) > 60:
        return _encoded(name).replace(" ", "\r\n ") + f"\r\n <{address}>"
    if _NOT_AN_ATOM.search(name):
        escaped = name.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}" <{address}>'
    return f"{name} <{address}>"


def _mailbox(found: Address) -> str:
    plain = _words(found.display_name) == found.display_name
    return str(found) if plain else f"{_words(found.display_name)} <{found.addr_spec}>"


def _words(text: str) -> str:
    """Words in a header: as they are if they are short ASCII, else as encoded words (RFC 2047)."""
    plain = text.isascii() and "=?" not in text and len(text) <= _LONGEST
    return text if plain else _encoded(text)


def _encoded(text: str) -> str:
    some, words = b"", list[bytes]()
    for letter in map(str.encode, text):
        if len(some) + len(letter) > 45:  # 60 in base64, and a word has at most 75 characters
            words.append(some)
            some = b""
        some += letter
    return " ".join(f"=?utf-8?b?{b64encode(word).decode()}?=" for word in [*words, some])


def _domain(edition: Edition) -> str:
    return mailbox(edition.sender).domain


def _digest(*names: str) -> str:
    return hashlib.sha256("\0".join(names).encode()).hexdigest()[:32]
