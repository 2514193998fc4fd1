"""What stands in the address of a server, in a variable of the environment: nothing of it is ever shown."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl

from pipeline.errors import SimulcastError, suggestion

MOST = 10_000


def read(variable: str, query: str, known: Mapping[str, Callable[[str], Any]]) -> dict[str, Any]:
    """The options behind the "?" of an address; numbers are above 0. Raises SimulcastError, which shows no value."""
    found: dict[str, Any] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name not in known:
            raise SimulcastError(f'{variable} has no option "{name}"' + suggestion(name, known))
        try:
            found[name] = known[name](value)
        except ValueError:
            raise SimulcastError(f"{variable}: {name} is not a number") from None
        if known[name] is not str and not 0 < found[name] <= MOST:
            raise SimulcastError(f"{variable}: {name} is above 0 and at most {MOST:,}")
    return found


def here(host: str) -> bool:
    """Whether a host is this machine, as far as its name tells."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
