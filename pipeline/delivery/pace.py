"""How fast mail may leave: a rate and a number a day, for all of it and for each provider's lane."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pipeline.model import Limits

SLACK = 50_000
"""µs that a late sender may catch up; so the worst second has 5 % more than its rate."""

PROVIDERS: Mapping[str, tuple[str, ...]] = {
    "gmail": ("gmail.com", "googlemail.com"),
    "microsoft": ("outlook.com", "hotmail.com", "live.com", "msn.com", "hotmail.co.uk"),
    "yahoo": ("yahoo.com", "ymail.com", "rocketmail.com", "aol.com", "yahoo.co.uk"),
    "apple": ("icloud.com", "me.com", "mac.com"),
}
"""Domains of a lane that names none."""


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
    """The pace of all mail, and of each lane by its name; domains: of each lane."""

    overall: Pace
    lanes: Mapping[str, Pace]
    domains: Mapping[str, tuple[str, ...]]

    @property
    def limit(self) -> bool:
        return self.overall.limits or any(lane.limits for lane in self.lanes.values())


def paces(limits: Limits) -> Paces:
    """What publication.toml says of the pace."""
    return Paces(
        Pace(limits.per_second, limits.per_day, limits.warm_up),
        {name: Pace(one.per_second, one.per_day) for name, one in limits.lanes.items()},
        {
            name: tuple(map(str.casefold, one.domains)) or PROVIDERS.get(name, ())
            for name, one in limits.lanes.items()
        },
    )


UNLIMITED = Paces(Pace(), {}, {})
