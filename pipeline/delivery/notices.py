"""A notice is mail to one reader about their own subscription: confirm it, you are on it, you are on it already."""

from __future__ import annotations

import hashlib
import html
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from email import policy
from email.headerregistry import Address
from email.message import EmailMessage

from pipeline.delivery.addresses import mailbox
from pipeline.delivery.dkim import Seal, Signer, canonical_body
from pipeline.delivery.edition import one_line
from pipeline.delivery.message import Message
from pipeline.model import Email
from pipeline.templates import SLOT

_FOLDED = re.compile(rb"\r\n(?![ \t])")


@dataclass(frozen=True, slots=True)
class Notice:
    """What is written, with slots still open: `link` stands where the reader's own address of the service goes."""

    subject: str
    html: str
    text: str


def message(
    notice: Notice,
    email: Email,
    title: str,
    to: str,
    link: str,
    digest: str,
    at: datetime,
    signers: Sequence[Signer] = (),
) -> Message:
    """The message for one normalised address. title: of the list; digest: makes its Message-ID.

    Nothing that a stranger typed into a form stands in it, except the address itself.
    """
    sender = mailbox(email.sender)
    out = EmailMessage(policy.SMTP)
    out["From"] = Address(sender.display_name or one_line(title), addr_spec=sender.addr_spec)
    out["To"] = Address(addr_spec=to)
    if email.reply_to:
        out["Reply-To"] = email.reply_to
    out["Subject"] = one_line(notice.subject)
    out["Date"] = at
    out["Message-ID"] = f"<{digest}@{sender.domain}>"
    out["Auto-Submitted"] = "auto-generated"
    values = {"link": link}
    out.set_content(_filled(notice.text, values), cte="quoted-printable")
    escaped = {name: html.escape(value) for name, value in values.items()}
    out.add_alternative(_filled(notice.html, escaped), subtype="html", cte="quoted-printable")
    out.set_boundary(f"=_{digest}")
    content = signed(out.as_bytes(), signers)
    return Message(str(out["Message-ID"]), to, email.bounces or sender.addr_spec, at, content)


def signed(content: bytes, signers: Sequence[Signer]) -> bytes:
    """A message with a DKIM signature of each signer in front."""
    head, _, body = content.partition(b"\r\n\r\n")
    lines = [line + b"\r\n" for line in _FOLDED.split(head)]
    digest = hashlib.sha256(canonical_body(body).rstrip(b"\r\n") + b"\r\n").digest()
    return b"".join(Seal(one, lines, ()).header(b"", digest) for one in signers) + content


def _filled(part: str, values: Mapping[str, str]) -> str:
    for name, value in values.items():
        part = part.replace(SLOT + name, value)
    return part
