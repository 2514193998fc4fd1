"""The sums of an edition as every report of them has them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pipeline.delivery.ledger.sums import Counts, Sums

STATES = ("accepted", "refused", "skipped", "planned", "sending", "deferred", "unknown")

DOMAINS = 12
"""Domains that are shown of an edition, the largest first; the others stand together."""


def named(one: Sums) -> str:
    """An edition by the episode's name, and which correction of it it is."""
    return one.slug + (f", correction {one.revision}" if one.revision else "")


def total(counts: Counts) -> int:
    return sum(getattr(counts, state) for state in STATES)


def not_accepted(counts: Counts) -> str:
    others = ((state, getattr(counts, state)) for state in STATES[1:])
    return ", ".join(f"{number:,} {state}" for state, number in others if number)


def largest(domains: Mapping[str, Counts]) -> list[tuple[str, Counts]]:
    """The sums of the largest domains, then those of all others together."""
    from pipeline.delivery.ledger.sums import Counts

    ranked = sorted(domains.items(), key=lambda one: (-total(one[1]), one[0]))
    rest = ranked[DOMAINS:]
    if not rest:
        return ranked
    sums = {state: sum(getattr(counts, state) for _, counts in rest) for state in STATES}
    return [*ranked[:DOMAINS], (f"{len(rest)} others", Counts(**sums))]
