"""What a refusal says of the address: whether anybody is there."""

from __future__ import annotations

import re
from typing import Literal

Severity = Literal["hard", "soft", "policy"]
"""hard: nobody is there. soft: not now, or for reasons that nobody gave. policy: we are not wanted (5.7)."""

STATUS = re.compile(r"(?<![\d.])([245])\.(\d{1,3})\.(\d{1,3})(?![\d.])")
"""An enhanced status such as 5.1.1 (RFC 3463), wherever it stands in a text."""

_GONE = {"1.0", "1.1", "1.2", "1.3", "1.6", "1.10", "2.1"}
"""Subjects and details of a status that say that nobody can be reached there."""


def severity(said: str) -> Severity:
    """What a server's words say of the address, by the first status in them."""
    found = STATUS.search(said)
    if found is None or found[1] != "5":
        return "soft"
    if found[2] == "7":
        return "policy"
    return "hard" if f"{found[2]}.{found[3]}" in _GONE else "soft"
