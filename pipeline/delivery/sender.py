"""Editions go out: what is due is frozen, and each row of the ledger is taken to its end."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import Event

from pipeline.delivery.database import Database
from pipeline.delivery.dkim import Signer
from pipeline.delivery.edition import Edition, due, edition, seeds
from pipeline.delivery.exchanges import Exchanger, asked
from pipeline.delivery.ledger import audience, claims, editions, lanes
from pipeline.delivery.ledger.claims import LEASE, Claim, Slot
from pipeline.delivery.ledger.sums import Sums, sums_of
from pipeline.delivery.letters import Segmented
from pipeline.delivery.message import Letters, example, example_links
from pipeline.delivery.pace import UNLIMITED, Paces
from pipeline.delivery.segments import checked, for_nobody_known
from pipeline.delivery.tokens import Tokens
from pipeline.delivery.transport import Connection, Outcome, Transport
from pipeline.errors import OutsideError, TemplateError
from pipeline.model import Listing, Publication
from pipeline.stage import Progress

Parts = Callable[[Listing], tuple[str, str]]
"""Gives an episode's email as it was built: HTML and plain text."""

PATIENCE = 60.0
"""Seconds a sender waits for its turn; for longer it ends, and is begun again in time."""


@dataclass(frozen=True, slots=True)
class Clock:
    """Tells the time in seconds since 1970, and waits so many seconds."""

    now: Callable[[], float]
    wait: Callable[[float], object]

    def moment(self) -> datetime:
        return datetime.fromtimestamp(self.now(), UTC)


@dataclass(frozen=True, slots=True)
class Dispatch:
    """How mail leaves: what carries it, in whose name, how fast.

    hold: an uncertain message waits for a person. per_connection: messages before a connection is made anew; 0 is
    without limit. worker: the name of this process. signers: of all messages. bounces: the mailbox for what comes back.
    exchanger: says who takes a domain's mail; None where no lane asks for that. stop: once it is set, senders end when
    what they have in hand is settled.
    """

    transport: Transport
    tokens: Tokens
    clock: Clock
    paces: Paces = field(default=UNLIMITED)
    hold: bool = False
    per_connection: int = 0
    worker: str = "here"
    signers: tuple[Signer, ...] = ()
    bounces: str = ""
    exchanger: Exchanger | None = None
    stop: Event = field(default_factory=Event, compare=False, repr=False)

    def letters(self, ledger: Database, number: int) -> Segmented:
        """The letters of a frozen edition."""
        return self.written(editions.thawed(ledger, number), number)

    def written(self, frozen: Edition, number: int = 0) -> Segmented:
        """The same of an edition that the ledger does not know."""
        links = self.tokens.links(frozen.mailing_list, self.clock.moment())

        def letters(resolved: Edition) -> Letters:
            secret, bounces = self.tokens.secret, self.bounces
            return Letters(resolved, number, secret, links, self.signers, bounces)

        return Segmented(frozen, letters)


def waiting(
    publication: Publication, episodes: Iterable[Listing], ledger: Database
) -> list[tuple[str, Listing]]:
    """What each list has yet to be sent: its name and an episode, oldest first."""
    listings = tuple(episodes)
    return [
        (name, listing)
        for name in sorted(publication.lists)
        for listing in due(listings, editions.mailed(ledger, name))
    ]


def freeze(
    publication: Publication,
    name: str,
    listing: Listing,
    parts: Parts,
    ledger: Database,
    at: datetime,
    starts: datetime | None = None,
) -> int:
    """The number of an episode's edition for a list, frozen now if it was not yet; before `starts` nobody gets it."""
    frozen = checked(edition(publication, name, listing, *parts(listing)), publication.lists)
    links = example_links(publication.service.url)
    # A message that cannot be made is refused before anyone is planned.
    example(for_nobody_known(frozen), links)
    return editions.freeze(ledger, frozen, seeds(publication, name), at, starts=starts)


def begin(ledger: Database, number: int, dispatch: Dispatch) -> bool:
    """Plan an edition and let it out, once every message of it can be made; whether it is for anybody.

    Raises TemplateError where one recipient's cannot: nobody is mailed, and the edition is taken back.
    """
    _learn(ledger, number, dispatch)
    if not editions.start(ledger, number, dispatch.paces):
        return False
    if sums_of(ledger, number).state != "planned":
        return True
    letters = dispatch.letters(ledger, number)
    faults = (letters.fault(one) for one in audience.distinct(ledger, number))
    if fault := next(filter(None, faults), ""):
        editions.withdraw(ledger, number)
        raise TemplateError(f"nobody was mailed, because one message cannot be made: {fault}")
    editions.run(ledger, number)
    return True


def _learn(ledger: Database, number: int, dispatch: Dispatch) -> None:
    """Ask who takes the mail of an edition's audience, where lanes go by that."""
    if dispatch.exchanger is not None:
        now = dispatch.clock.now()
        unknown = lanes.unknown_domains(ledger, number, now, dispatch.paces)
        lanes.learned(ledger, asked(unknown, dispatch.exchanger), now)


def fill(
    ledger: Database,
    number: int,
    dispatch: Dispatch,
    told: Callable[[int], None] | None = None,
) -> float | None:
    """One sender of an edition, with one connection, until nothing can be claimed; in how many seconds something can.

    A row is `sending` on the disk before its message is handed over. Raises OutsideError where the transport fails:
    what was not handed over is put back.
    """
    letters, clock = dispatch.letters(ledger, number), dispatch.clock
    slot = claims.enter(ledger, number, dispatch.worker, clock.now())
    way = _Way(dispatch)
    settled: list[tuple[Claim, Outcome]] = []
    claimed: tuple[Claim, ...] = ()
    try:
        while not dispatch.stop.is_set():
            turn = claims.advance(
                ledger,
                slot,
                settled,
                clock.now(),
                batch=dispatch.transport.window,
                paces=dispatch.paces,
                hold=dispatch.hold,
            )
            claimed, settled = turn.claims, []
            if claimed:
                _hand_over(ledger, slot, letters, way, claimed, settled)
                if told is not None:
                    told(len(claimed))
            elif turn.wait is None or turn.wait > PATIENCE:
                return turn.wait
            else:
                clock.wait(turn.wait)
        return None
    except OutsideError:
        claims.leave(
            ledger, slot, settled, claimed[len(settled) :], clock.now(), hold=dispatch.hold
        )
        raise
    finally:
        # A second leaving finds nothing in hand; whatever else broke off here may have handed over a message.
        claims.leave(ledger, slot, settled, (), clock.now(), hold=dispatch.hold)
        way.close()


def _hand_over(
    ledger: Database,
    slot: Slot,
    letters: Segmented,
    way: _Way,
    claimed: tuple[Claim, ...],
    settled: list[tuple[Claim, Outcome]],
) -> None:
    """Hand over what was claimed, and note each outcome in `settled` as soon as it is known."""
    renewed = way.clock.now()
    messages = (letters.message(claim.recipient) for claim in claimed)
    for claim, outcome in zip(claimed, way.open(len(claimed)).deliver(messages), strict=True):
        settled.append((claim, outcome))
        if way.clock.now() - renewed > LEASE / 3:
            renewed = way.clock.now()
            _renew(ledger, slot, renewed)


def _renew(ledger: Database, slot: Slot, now: float) -> None:
    # What is under way must not be taken for untried because the ledger failed: its next commit says so again.
    with suppress(OutsideError):
        claims.renew(ledger, slot, now)


class _Way:
    """A connection that is made anew after so many messages."""

    def __init__(self, dispatch: Dispatch) -> None:
        self.clock = dispatch.clock
        self._transport, self._most = dispatch.transport, dispatch.per_connection
        self._connection: Connection | None = None
        self._carried = 0

    def open(self, messages: int) -> Connection:
        if self._most and self._carried and self._carried + messages > self._most:
            self.close()
        if self._connection is None:
            self._connection, self._carried = self._transport.connect(), 0
        self._carried += messages
        return self._connection

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def send(
    ledger: Database, number: int, dispatch: Dispatch, progress: Progress | None = None
) -> Sums | None:
    """Send what can be sent now of an edition, over as many connections as the transport bears; its sums, or None if it
    is for nobody."""
    if not begin(ledger, number, dispatch):
        return None
    total, done = sums_of(ledger, number).open, 0

    def told(some: int) -> None:
        nonlocal done
        done += some
        if progress is not None:
            progress(done, total, "messages")

    with ThreadPoolExecutor(dispatch.transport.connections) as slots:
        filled = [
            slots.submit(fill, ledger, number, dispatch, told)
            for _ in range(dispatch.transport.connections)
        ]
    failures = [failure for one in filled if (failure := one.exception())]
    editions.finish(ledger, number)
    if failures:
        raise failures[0]
    return sums_of(ledger, number)


def mail(
    publication: Publication,
    wanted: Iterable[tuple[str, Listing]],
    parts: Parts,
    ledger: Database,
    dispatch: Dispatch,
    progress: Progress | None = None,
) -> list[Sums]:
    """Freeze what is wanted, by list and episode, then send all that can be sent now; the sums of each edition.

    A second call sends nothing twice. Raises OutsideError where the transport fails: call again to go on.
    """
    at = dispatch.clock.moment()
    for name, listing in wanted:
        freeze(publication, name, listing, parts, ledger, at)
    sums = [send(ledger, number, dispatch, progress) for number in editions.to_send(ledger, at)]
    return [one for one in sums if one is not None]
