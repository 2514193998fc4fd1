"""Messages to one address are taken out of a Maildir, when its owner asks to be forgotten."""

from __future__ import annotations

from email import policy
from email.parser import BytesHeaderParser
from pathlib import Path

from pipeline.delivery.addresses import key
from pipeline.errors import OutsideError

_PARSER = BytesHeaderParser(policy=policy.default)


def erase(folder: Path, address: str) -> int:
    """Remove every message to a normalised address; how many there were. Raises OutsideError."""
    gone = 0
    try:
        for name in ("tmp", "new", "cur"):
            for file in (folder / name).glob("*"):
                if _is_to(file, address):
                    file.unlink()
                    gone += 1
    except OSError as error:
        raise OutsideError(f"the Maildir {folder} cannot be used: {error.strerror}") from error
    return gone


def _is_to(file: Path, address: str) -> bool:
    with file.open("rb") as stream:
        to = _PARSER.parse(stream)["To"]
    return to is not None and any(key(one.addr_spec) == key(address) for one in to.addresses)
