"""An address is checked and written one way, without asking the network."""

from __future__ import annotations

import re
from email.headerregistry import Address

from pipeline.errors import SimulcastError

_ADDRESS = re.compile(r"<?[^\s<>@;,]+@[^\s<>@;,]+>?")
_NAMED = re.compile(r"(.*)<([^<>]*)>", re.DOTALL)


class AddressError(SimulcastError):
    """An address that no mail can reach; the message says why and never repeats the address."""


def normalised(address: str) -> str:
    """The address as it stands on the wire: no blanks around it, its domain in lower-case ASCII.

    Raises AddressError. The part before the @-sign is ASCII (RFC 6531 mailboxes are not served).
    """
    from email_validator import EmailNotValidError, validate_email

    try:
        found = validate_email(
            address.strip(),
            check_deliverability=False,
            allow_smtputf8=False,
            strict=True,
            test_environment=True,
        )
    except EmailNotValidError as error:
        raise AddressError(_without_quotation(str(error))) from None
    assert found.ascii_email is not None  # so promised where allow_smtputf8 is off
    return found.ascii_email


def _without_quotation(message: str) -> str:
    """The library's sentence without the characters it quotes from the address."""
    return message.partition(": ")[0].partition(" (")[0].rstrip(".")


def key(address: str) -> str:
    """What makes two normalised addresses the same mailbox: their letters, whatever the case."""
    return address.casefold()


def without_addresses(words: str) -> str:
    """What another system says, for the ledger and the terminal: no mailbox is named in it."""
    return _ADDRESS.sub("…", words) if "@" in words else words


def mailbox(written: str) -> Address:
    """The name and the address of `Name <address>` or of a bare address; raises AddressError."""
    named = _NAMED.fullmatch(written.strip())
    name, address = (named[1], named[2]) if named else ("", written)
    return Address(" ".join(name.strip(' "').split()), addr_spec=normalised(address))
