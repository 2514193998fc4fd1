"""How fast mail may leave: a rate and a number a day, for all of it and for each provider's lane."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pipeline.model import Lane, Limits

SLACK = 50_000
"""µs that a late sender may catch up; so the worst second has 5 % more than its rate."""


@dataclass(frozen=True, slots=True)
class Provider:
    """Domains of its addresses, and of the servers that take mail for it and for its customers."""

    domains: tuple[str, ...]
    servers: tuple[str, ...]


PROVIDERS: Mapping[str, Provider] = {
    "gmail": Provider(("gmail.com", "googlemail.com"), ("google.com", "googlemail.com")),
    "microsoft": Provider(
        ("outlook.com", "hotmail.com", "live.com", "msn.com", "hotmail.co.uk"), ("outlook.com",)
    ),
    "yahoo": Provider(
        ("yahoo.com", "ymail.com", "rocketmail.com", "aol.com", "yahoo.co.uk"), ("yahoodns.net",)
    ),
    "apple": Provider(("icloud.com", "me.com", "mac.com"), ("mail.icloud.com",)),
}
"""What a lane is that says nothing but a name."""


@dataclass(frozen=True, slots=True)
class Pace:
    """Messages a second and a day; 0 is without limit. warm_up: the number a day of the first days of mailing."""

    per_second: float = 0.0
    per_day: int = 0
    warm_up: tuple[int, ...] = ()

    @property
    def daily(self) -> bool:
        return bool(self.per_day or self.warm_up)

    @property
    def limits(self) -> bool:
        return bool(self.per_second or self.daily)

    def today(self, days: int) -> int:
        """The number of a day before which mail went out on so many."""
        return self.warm_up[days] if days < len(self.warm_up) else self.per_day

    def granted(self, due: int, now: int, most: int) -> tuple[int, int]:
        """How many may leave now, and when the next is due after them.

        The generic cell rate algorithm (ITU-T I.371); times in µs. due: as the last grant left it.
        """
        if not self.per_second:
            return most, due
        step = 1_000_000 / self.per_second
        due = max(due, now - SLACK)
        ready = int((now - due) // step) + 1 if now >= due else 0
        number = min(most, ready)
        return number, due + round(number * step)


@dataclass(frozen=True, slots=True)
class Paces:
    """The pace of all mail, and of each lane by its name; domains, servers: of each lane."""

    overall: Pace
    lanes: Mapping[str, Pace]
    domains: Mapping[str, tuple[str, ...]]
    servers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def limit(self) -> bool:
        return self.overall.limits or any(lane.limits for lane in self.lanes.values())


def paces(limits: Limits) -> Paces:
    """What publication.toml says of the pace."""
    found = {name: provider(name, one) for name, one in limits.lanes.items()}
    return Paces(
        Pace(limits.per_second, limits.per_day, limits.warm_up),
        {name: Pace(one.per_second, one.per_day) for name, one in limits.lanes.items()},
        {name: one.domains for name, one in found.items()},
        {name: one.servers for name, one in found.items() if one.servers},
    )


def provider(name: str, lane: Lane) -> Provider:
    """Whom a lane is for: whom it names, else a provider that is known by its name, else one by its domain."""
    if lane.domains or lane.servers:
        return Provider(
            tuple(map(str.casefold, lane.domains)), tuple(map(str.casefold, lane.servers))
        )
    if "." in name:
        return Provider((name.casefold(),), (name.casefold(),))
    return PROVIDERS.get(name, Provider((), ()))


UNLIMITED = Paces(Pace(), {}, {})
