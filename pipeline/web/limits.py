"""How often one client, or one address, may ask: so many at once, then so many in a while."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from ipaddress import IPv6Address, ip_address, ip_network

MOST = 100_000
"""How many are remembered at a time; those who asked longest ago are forgotten first."""


class Limit:
    """Counts for each key; `clock` gives seconds that never go back. Nothing is kept on a disk."""

    def __init__(self, at_once: int, per_hour: float, clock: Callable[[], float]) -> None:
        self._step = 3600 / per_hour
        self._room = at_once * self._step
        self._clock = clock
        self._until: OrderedDict[str, float] = OrderedDict()

    def wait(self, key: str) -> float:
        """Count one more for the key: 0.0 if it may, else the seconds until it may, and then it is not counted."""
        now = self._clock()
        until = max(self._until.get(key, now), now) + self._step
        if until - now > self._room:
            return until - now - self._room
        self._until[key] = until
        self._until.move_to_end(key)
        while len(self._until) > MOST:
            self._until.popitem(last=False)
        return 0.0


def client(host: str) -> str:
    """Who counts as one client: an address, or with IPv6 the /64 that a household has."""
    try:
        found = ip_address(host)
    except ValueError:
        return host
    if isinstance(found, IPv6Address):
        mapped = found.ipv4_mapped
        return str(mapped or ip_network((found, 64), strict=False))
    return str(found)
