"""Editions go out: what is due is frozen, and each row of the ledger is taken to its end."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime

from pipeline.delivery.edition import due, edition, seeds
from pipeline.delivery.ledger import Claim, Ledger, Sums
from pipeline.delivery.message import example, message
from pipeline.delivery.transport import Outcome, Transport
from pipeline.model import Listing, Publication
from pipeline.stage import Progress

Parts = Callable[[Listing], tuple[str, str]]
"""Gives an episode's email as it was built: HTML and plain text."""


def waiting(
    publication: Publication, episodes: Iterable[Listing], ledger: Ledger
) -> list[tuple[str, Listing]]:
    """What each list has yet to be sent: its name and an episode, oldest first."""
    listings = tuple(episodes)
    return [
        (name, listing)
        for name in sorted(publication.lists)
        for listing in due(listings, ledger.mailed(name))
    ]


def mail(
    publication: Publication,
    wanted: Iterable[tuple[str, Listing]],
    parts: Parts,
    ledger: Ledger,
    transport: Transport,
    at: datetime,
    progress: Progress | None = None,
) -> list[Sums]:
    """Freeze what is wanted, by list and episode, then finish every edition that has not reached everyone; their sums.

    A second call sends nothing. Raises OutsideError where the transport fails: call again to go on.
    """
    for name, listing in wanted:
        freeze(publication, name, listing, parts, ledger, at)
    return [send(ledger, number, transport, progress) for number in ledger.unfinished()]


def freeze(
    publication: Publication,
    name: str,
    listing: Listing,
    parts: Parts,
    ledger: Ledger,
    at: datetime,
) -> int | None:
    """The number of an episode's edition, frozen now if it was not yet; None if nobody gets it."""
    frozen = edition(publication, name, listing, *parts(listing))
    example(frozen)  # a message that cannot be made is refused before anyone is planned
    return ledger.plan(frozen, seeds(publication, name), at)


def send(
    ledger: Ledger, number: int, transport: Transport, progress: Progress | None = None
) -> Sums:
    """Try each row of an edition that has no final answer, once.

    A row is `sending` on the disk before its message is handed over. What a crash left so becomes
    `unknown`, and is tried again where no second copy can come of it.
    """
    frozen = ledger.edition(number)
    ledger.recover(number)
    before = ledger.sums(number)
    done, total = 0, before.open if transport.repeatable else before.planned + before.deferred
    settled: list[tuple[Claim, Outcome]] = []
    last = 0
    while claims := ledger.advance(
        number, settled, after=last, batch=transport.batch, repeat=transport.repeatable
    ):
        last, settled = claims[-1].subscriber, []
        for place, claim in enumerate(claims):
            try:
                outcome = transport.deliver(message(frozen, claim.address))
            except BaseException:
                # The row being handed over stays `sending`: the next run names it unknown.
                ledger.release(number, settled, claims[place + 1 :])
                raise
            settled.append((claim, outcome))
            done += 1
        if progress is not None:
            progress(done, total, "messages")
    ledger.finish(number)
    return ledger.sums(number)
