"""send, status, pause, resume, cancel: mail leaves, and is watched as it does."""

from __future__ import annotations

import os
import shutil
import signal
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipeline.cli.building import code, findings, run, slug_of, tell_findings, told_finding
from pipeline.cli.options import Session, everywhere, moment
from pipeline.cli.subscribing import OUTBOX, database, ledger, list_named
from pipeline.errors import OutsideError, SimulcastError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

    from pipeline.cli.terminal import Terminal
    from pipeline.delivery.database import Database
    from pipeline.delivery.engine import Durable
    from pipeline.delivery.ledger.sums import Sums
    from pipeline.delivery.sender import Dispatch
    from pipeline.delivery.transport import Transport
    from pipeline.model import Listing, Publication
    from pipeline.runner import Desk

ENGINE = Path(".simulcast") / "engine.db"
LOCK = Path(".simulcast") / "worker.lock"
UNKNOWN = 4

Due = tuple[str, "Listing"]
"""The name of a list, and an episode that it is to be sent."""


class Progress:
    """Tells the terminal how far some work is."""

    def __init__(self, terminal: Terminal, name: str) -> None:
        self.terminal, self.name = terminal, name

    def __call__(self, done: float, total: float, unit: str) -> None:
        self.terminal.progress(self.name, "", done, total, unit)

    def note(self, text: str) -> None:
        self.terminal.note(text)


# --- what is to be mailed --------------------------------------------------------------------------

ONCE = "Who subscribed after an episode was mailed gets the next one."


def leaves(desk: Desk) -> bool:
    """Whether mail leaves this machine."""
    return _transport(desk.root, desk.publication).leaves


def _transport(root: Path, publication: Publication) -> Transport:
    """What carries this publication's mail away."""
    from pipeline.delivery.transport import Place, chosen

    named = publication.email.transport if publication.email else ""
    return chosen(named, Place(root / OUTBOX, os.environ))


def due(desk: Desk, book: Database, only: str | None) -> list[Due]:
    """What each list has yet to be sent: by itself, or the one episode that was named."""
    from pipeline.delivery.edition import known_by
    from pipeline.delivery.ledger import editions
    from pipeline.delivery.sender import waiting

    if only is None:
        return waiting(desk.publication, desk.listings, book)
    listing = next(one for one in desk.listings if one.slug == only)
    return [
        (name, listing)
        for name in sorted(desk.publication.lists)
        if known_by(listing) not in {mailed.episode for mailed in editions.mailed(book, name)}
    ]


def counted(publication: Publication, book: Database, wanted: Sequence[Due]) -> list[int]:
    """How many each would go to now."""
    from pipeline.delivery import people
    from pipeline.delivery.edition import seeds

    return [people.count(book, name, seeds(publication, name)) for name, _ in wanted]


def parts(desk: Desk) -> Callable[[Listing], tuple[str, str]]:
    """Gives an episode's email as it was built."""

    def of(listing: Listing) -> tuple[str, str]:
        made = desk.made["email", listing.slug]
        html, text = (made[f"edition/{listing.slug}.{ending}"].text() for ending in ("html", "txt"))
        return html, text

    return of


def dispatch(session: Session, publication: Publication, book: Database) -> Dispatch:
    """How this publication's mail leaves."""
    import socket

    from pipeline.delivery.addresses import mailbox
    from pipeline.delivery.dkim import signers
    from pipeline.delivery.exchanges import dns
    from pipeline.delivery.pace import paces
    from pipeline.delivery.sender import Clock, Dispatch
    from pipeline.delivery.tokens import Tokens
    from pipeline.model import Email

    email = publication.email or Email("")
    root = os.fsencode(session.root).decode(errors="backslashreplace")
    transport = _transport(session.root, publication)
    stop = threading.Event()
    domain = mailbox(email.sender).domain if email.sender else ""
    pace = paces(email.limits)
    return Dispatch(
        transport,
        Tokens(book.secret, publication.service.url),
        Clock(session.clock(), stop.wait),
        pace,
        hold=email.ambiguous == "hold" and not transport.repeatable,
        per_connection=email.limits.per_connection,
        worker=f"{socket.gethostname()}:{root}",
        signers=signers(os.environ, domain, email.dkim),
        bounces=email.bounces,
        exchanger=dns() if pace.servers else None,
        stop=stop,
    )


def confirm(
    publication: Publication, how: Dispatch, wanted: Sequence[Due], counts: Sequence[int], yes: bool
) -> None:
    """Have the number of messages typed before mail leaves this machine; raises SimulcastError where it is not."""
    total = sum(counts)
    if yes or not total or not how.transport.leaves or not publication.confirm:
        return
    from pipeline.cli.terminal import count

    for (name, listing), number in zip(wanted, counts, strict=True):
        click.echo(f"{listing.title} goes to {name}: {count(number, 'message')}.", err=True)
    try:
        typed = click.prompt(
            f"Mail cannot be called back. To send, type the number of messages, {total}",
            err=True,
            type=str,
        )
    except click.Abort:
        typed = ""
    if typed.strip().replace(",", "") != str(total):
        raise SimulcastError(
            "Nothing was mailed: the number was not typed. For machines: --yes, or confirm = false "
            "in content/publication.toml."
        )


# --- delivery --------------------------------------------------------------------------------------


def deliver(
    session: Session, terminal: Terminal, publication: Publication, book: Database
) -> list[Sums]:
    """Have all that can be sent now sent, and tell how it goes; the sums of each edition.

    Raises OutsideError where the transport fails, and TemplateError where a message cannot be made.
    """
    from pipeline.delivery.ledger import claims, editions
    from pipeline.delivery.ledger.sums import all_sums

    if not editions.unfinished(book) and not editions.to_send(book, session.now):
        return []
    how = dispatch(session, publication, book)
    with alone(session.root) as mine:
        if mine:  # what a run that was killed has in hand falls due only when it is taken from it
            claims.reap(book, how.clock.now(), worker=how.worker, hold=how.hold)
        for number in editions.unfinished(book):  # whoever types the command does not want to wait
            claims.retry(book, number, session.now.timestamp())
        numbers = editions.to_send(book, session.now) if mine else editions.unfinished(book)
        if not numbers:
            return []
        terminal.begin("mail", len(numbers))
        try:
            if mine:
                _work(session, terminal, book, how, numbers)
            else:
                _watch(terminal, book, numbers, lambda: not _moving(session, book, numbers))
        finally:
            terminal.end("mail")
    return [one for one in all_sums(book) if one.edition in numbers]


def _work(
    session: Session, terminal: Terminal, book: Database, how: Dispatch, numbers: list[int]
) -> None:
    from pipeline.delivery.ledger import editions, workers
    from pipeline.delivery.mailing import launch, take_up

    engine = engine_for(session, book, how)
    failures: dict[str, SimulcastError] = {}
    with _heeded(how) as tell:
        try:
            launch(book, how, engine)
            keys = take_up(book, how, engine, session.now)

            def ended() -> bool:
                tell()
                _refuse_full_disk(session)
                return all(_ended(engine, key, failures) for key in keys)

            _watch(terminal, book, numbers, ended, how.stop.is_set)
        finally:
            engine.close()
            workers.gone(book, how.worker)
    if how.stop.is_set() and editions.unfinished(book):
        raise SimulcastError(STOPPED)
    if failures:
        raise next(iter(failures.values()))


@contextmanager
def _heeded(how: Dispatch) -> Iterator[Callable[[], None]]:
    """While this lasts, Ctrl-C has senders end when what they have in hand is settled.

    Yields what tells that it was heard. No exception is raised for it: that could come anywhere, where the engine
    begins its work, too, and be lost. Whoever cannot wait presses it again and kills us, which is safe.
    """
    heard: list[str] = []

    def heed(*_: object) -> None:
        how.stop.set()
        heard.append("\nStopping after what is being handed over …")
        signal.signal(signal.SIGINT, signal.SIG_DFL)

    def tell() -> None:
        if heard:
            click.echo(heard.pop(), err=True)

    if threading.current_thread() is not threading.main_thread():
        yield tell
        return
    before = signal.signal(signal.SIGINT, heed)
    try:
        yield tell
    finally:
        signal.signal(signal.SIGINT, before)


def _refuse_full_disk(session: Session) -> None:
    """The engine waits for a full disk to get room again, and would not say so. Raises OutsideError."""
    if shutil.disk_usage(session.root).free < FULL:
        raise OutsideError(
            f"the disk that holds {session.root} is full; make room, and run it again: it goes on where it was"
        )


def _ended(engine: Durable, key: str, failures: dict[str, SimulcastError]) -> bool:
    if key in failures:
        return True
    try:
        return engine.ended(key)
    except SimulcastError as error:
        failures[key] = error
        return True


def engine_for(
    session: Session, book: Database, how: Dispatch, publish: Callable[[str], None] | None = None
) -> Durable:
    """The engine that does this publication's work, beside the ledger."""
    from pipeline.delivery.engine import Durable
    from pipeline.delivery.mailing import works

    where = database(session) or session.root / ENGINE
    return Durable(where, how.worker, works(book, how, publish))


@contextmanager
def alone(root: Path) -> Iterator[bool]:
    """Whether no other process on this machine does the publication's work; it is ours while this lasts."""
    try:
        import fcntl
    except ImportError:  # a system without it runs one process at a time, as its author types them
        yield True
        return
    (root / LOCK).parent.mkdir(exist_ok=True)
    with (root / LOCK).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True


def _moving(session: Session, book: Database, numbers: list[int]) -> bool:
    """Whether another worker has yet something to do for these editions."""
    from pipeline.delivery.ledger import editions
    from pipeline.delivery.ledger.sums import all_sums

    here = [one for one in all_sums(book) if one.edition in numbers]
    waiting = set(editions.to_send(book, session.now))
    return any(one.sending or one.edition in waiting for one in here)


FULL = 1 << 18
"""Bytes free on a disk that count as none: a database needs as much for what it does in one go."""

STOPPED = "stopped: what was handed over is settled, nobody else was mailed; publish or send again to go on"

LOOK = 0.1
"""Seconds between two looks at how far it is; longer where looking takes long."""


def _watch(
    terminal: Terminal,
    book: Database,
    numbers: list[int],
    ended: Callable[[], bool],
    hurried: Callable[[], bool] = lambda: False,
) -> None:
    """Tell how far it is until it has ended; no pause between two looks is long once it is `hurried`."""
    from pipeline.delivery.ledger.sums import all_sums

    told = Progress(terminal, "mail")
    began, first = time.monotonic(), -1
    looked = 0.0
    while not ended():
        again = time.monotonic() + 20 * looked
        time.sleep(LOOK)
        while time.monotonic() < again and not hurried():
            time.sleep(LOOK)
        before = time.monotonic()
        here = [one for one in all_sums(book) if one.edition in numbers]
        looked = time.monotonic() - before
        total = sum(one.audience for one in here)
        done = total - sum(one.open for one in here)
        first = done if first < 0 else first
        rate = (done - first) / max(time.monotonic() - began, LOOK)
        told(done, total, _unit(here, rate))


def _unit(here: Sequence[Sums], rate: float) -> str:
    words = [f"messages, {rate:,.0f}/s"]
    for state in ("accepted", "refused", "deferred", "unknown"):
        number = sum(getattr(one, state) for one in here)
        words += [f"{number:,} {state}"] if number else []
    return ", ".join(words)


# --- send -------------------------------------------------------------------------------------------


@click.command()
@click.argument("episode")
@click.option("--list", "name", default="", help="The list; needed where there are several.")
@click.option(
    "--test", "test", default="", metavar="ADDRESS", help="Mail it to this address alone."
)
@click.option(
    "--dry-run", is_flag=True, help="Show three of the messages, and how many there would be."
)
@click.option("--at", "at", callback=moment, metavar="TIME", help="Not before then (ISO 8601).")
@click.option(
    "--yes", is_flag=True, help="Do not ask; only mail that leaves this machine is asked about."
)
@everywhere
def send(
    session: Session,
    episode: str,
    name: str,
    test: str,
    dry_run: bool,
    at: datetime | None,
    yes: bool,
) -> None:
    """Mail an episode to a list, once: to everyone who is on it now.

    With --at it is frozen now and goes out then, if "simulcast worker" runs, or at the next send or publish.
    """
    terminal = session.terminal()
    desk = session.desk(terminal)
    try:
        name = list_named(session, name)
        slug = _built(session, desk, episode)
        with ledger(session) as book:
            if test:
                _test(session, desk, book, name, slug, test)
                return
            wanted = [one for one in due(desk, book, slug) if one[0] == name]
            if dry_run:
                _tell_dry(session, desk, book, wanted)
                return
            sums = _send(session, terminal, desk, book, wanted, at, yes)
    finally:
        desk.close()
    if at is None:
        _tell_sent(session, name, slug, sums)


def _built(session: Session, desk: Desk, episode: str) -> str:
    """The slug of an episode that was built and found good; else says what is wrong, and ends."""
    from pipeline.cli.terminal import answer, complain

    slug = slug_of(desk, episode)
    report = run(desk)
    found = findings(desk, report, slug)
    if not report.errors and not any(one.refuses for one in found):
        return slug
    if session.json:
        answer({"mailed": [], "findings": list(map(told_finding, found))})
    else:
        tell_findings(session, report, found)
        complain(["Nothing was mailed: mend what is named above first."])
    raise SystemExit(code(report) or 1)


def _send(
    session: Session,
    terminal: Terminal,
    desk: Desk,
    book: Database,
    wanted: list[Due],
    at: datetime | None,
    yes: bool,
) -> list[Sums]:
    counts = counted(desk.publication, book, wanted)
    confirm(desk.publication, dispatch(session, desk.publication, book), wanted, counts, yes)
    freeze(session, desk, book, wanted, at)
    if at is None:
        return deliver(session, terminal, desk.publication, book)
    _tell_scheduled(session, wanted, at)
    return []


def freeze(
    session: Session, desk: Desk, book: Database, wanted: Sequence[Due], at: datetime | None = None
) -> None:
    """Keep the bytes of what is to be mailed, before the first message."""
    from pipeline.delivery import sender

    for name, listing in wanted:
        sender.freeze(desk.publication, name, listing, parts(desk), book, session.now, at)


def _test(session: Session, desk: Desk, book: Database, name: str, slug: str, address: str) -> None:
    """One message to one address, which need not be on a list; the ledger does not know of it."""
    from dataclasses import replace

    from pipeline.delivery.addresses import normalised
    from pipeline.delivery.edition import edition
    from pipeline.delivery.ledger import audience
    from pipeline.delivery.message import Recipient

    listing = next(one for one in desk.listings if one.slug == slug)
    frozen = edition(desk.publication, name, listing, *parts(desk)(listing))
    frozen = replace(frozen, subject=f"[Test] {frozen.subject}")
    how = dispatch(session, desk.publication, book)
    known = audience.one(book, normalised(address)) or Recipient(0, normalised(address))
    connection = how.transport.connect()
    try:
        (outcome,) = connection.deliver([how.written(frozen).message(known)])
    finally:
        connection.close()
    if session.json:
        from pipeline.cli.terminal import answer

        answer({"test": {"state": outcome.state, "reason": outcome.reason}})
    else:
        why = f": {outcome.reason}" if outcome.reason else ""
        click.echo(f"One message, {outcome.state}{why}. Nobody else was mailed.")
    if outcome.state != "accepted":
        raise SystemExit(1)


def _tell_dry(session: Session, desk: Desk, book: Database, wanted: Sequence[Due]) -> None:
    from pipeline.cli.terminal import answer, count
    from pipeline.delivery.edition import edition, seeds
    from pipeline.delivery.ledger import audience

    rows, how = list[dict[str, Any]](), dispatch(session, desk.publication, book)
    for (name, listing), number in zip(
        wanted, counted(desk.publication, book, wanted), strict=True
    ):
        frozen = edition(desk.publication, name, listing, *parts(desk)(listing))
        letters = how.written(frozen)
        some = audience.first(book, name, seeds(desk.publication, name))
        shown = [_shown(letters.message(one).content) for one in some]
        rows.append({"list": name, "episode": listing.slug, "recipients": number, "shown": shown})
        if not session.json:
            for text in shown:
                click.echo(f"{text}\n")
            click.echo(f"Would mail {listing.title} to {name}: {count(number, 'message')}.")
    if session.json:
        answer({"would_mail": rows})
    elif not wanted:
        click.echo(f"Would mail nothing. {ONCE}")


def _shown(content: bytes) -> str:
    """A message as a reader of the terminal sees it: its headers, and the ends of its text."""
    from email import message_from_bytes, policy

    made = message_from_bytes(content, policy=policy.default)
    headers = [f"{name}: {value}" for name, value in made.items() if name != "Content-Type"]
    body = made.get_body(("plain",))
    lines = str(body.get_content()).splitlines() if body else []
    short = lines if len(lines) <= 20 else [*lines[:9], f"… {len(lines) - 18} lines …", *lines[-9:]]
    return "\n".join([*headers, "", *(f"  {line}".rstrip() for line in short)])


def _tell_scheduled(session: Session, wanted: Sequence[Due], at: datetime) -> None:
    from pipeline.cli.terminal import answer

    if session.json:
        rows = [{"list": name, "episode": one.slug} for name, one in wanted]
        answer({"scheduled": rows, "at": at.isoformat()})
    elif not wanted:
        click.echo("Nothing to schedule: everyone has it, or it was scheduled before.")
    else:
        for name, one in wanted:
            click.echo(
                f"{one.slug} is frozen and goes to {name} at {at:%Y-%m-%d %H:%M %Z}: leave "
                '"simulcast worker" running, or publish again after then.'
            )


def _tell_sent(session: Session, name: str, slug: str, sums: Sequence[Sums]) -> None:
    from pipeline.cli.terminal import answer

    if session.json:
        answer({"mailed": [told(one) for one in sums]})
    elif not sums:
        click.echo(f"Nothing to send: {slug} was mailed to {name}, or nobody is on it. {ONCE}")
    else:
        for one in sums:
            click.echo(f"{one.slug} to {one.mailing_list}: {outcome(one)}.")
    if any(one.unknown for one in sums):
        raise SystemExit(UNKNOWN)


def outcome(one: Sums) -> str:
    """What became of an edition, in a line."""
    from pipeline.cli.terminal import count

    words = [f"{count(one.accepted, 'message')} accepted"]
    for state in ("refused", "deferred", "unknown", "skipped"):
        number = getattr(one, state)
        words += [f"{number:,} {state}"] if number else []
    left = one.planned + one.sending
    words += [f"{left:,} to go"] if left else []
    again = "; simulcast worker, or the next publish, tries the deferred again"
    return ", ".join(words) + (again if one.deferred else "")


def told(one: Sums) -> dict[str, Any]:
    """The sums of an edition as JSON tells them."""
    from dataclasses import asdict

    return {**asdict(one), "hold": one.hold}


# --- status, pause, resume, cancel --------------------------------------------------------------------


def named(one: Sums, episode: str) -> bool:
    """Whether an edition is of the episode that is meant."""
    return meant(one.slug, episode)


def meant(slug: str, episode: str) -> bool:
    """Whether a slug is of the episode that is meant, by slug or number."""
    return episode == slug or slug.partition("-")[0].lstrip("0") == episode.lstrip("0")


def _each(
    session: Session, episode: str, name: str, change: Callable[[Database, int], object]
) -> list[Sums]:
    """Change the editions of an episode; those that were changed, as they are now."""
    from pipeline.delivery.ledger.sums import all_sums

    with ledger(session) as book:
        found = [
            one for one in all_sums(book) if named(one, episode) and name in ("", one.mailing_list)
        ]
        if not found:
            raise SimulcastError(f'no edition of "{episode}" was frozen; see "simulcast status"')
        changed = [one.edition for one in found if change(book, one.edition)]
        return [one for one in all_sums(book) if one.edition in changed]


def _tell_changed(session: Session, changed: Sequence[Sums], words: str, none: str) -> None:
    from pipeline.cli.terminal import answer

    if session.json:
        answer({"editions": [told(one) for one in changed]})
        return
    for one in changed:
        click.echo(f"{one.slug} to {one.mailing_list}: {words}. {outcome(one)}.")
    if not changed:
        click.echo(none)


_list = click.option("--list", "name", default="", help="Of this list alone.")


@click.command()
@click.argument("episode")
@_list
@everywhere
def pause(session: Session, episode: str, name: str) -> None:
    """Stop mailing an episode, after what is being handed over."""
    from pipeline.delivery.ledger import editions

    changed = _each(session, episode, name, editions.pause)
    _tell_changed(session, changed, "paused", "It is not under way.")


@click.command()
@click.argument("episode")
@_list
@click.option(
    "--held",
    type=click.Choice(["resend", "accept"]),
    help="What becomes of messages whose outcome is unknown: sent again, or taken as accepted.",
)
@everywhere
def resume(session: Session, episode: str, name: str, held: str | None) -> None:
    """Let a paused episode go on, or decide about messages that are held."""

    from pipeline.delivery.ledger import claims, editions

    def change(book: Database, number: int) -> object:
        decided = claims.decide(book, number, resend=held == "resend") if held else 0
        return editions.resume(book, number) or decided

    changed = _each(session, episode, name, change)
    _tell_changed(session, changed, "goes on", "Nothing of it was paused or held.")
    if changed and not session.json:
        click.echo('It goes out by "simulcast worker", or at the next send or publish.')


@click.command()
@click.argument("episode")
@_list
@everywhere
def cancel(session: Session, episode: str, name: str) -> None:
    """Mail an episode to nobody who has not had it, and publish it at no time; this cannot be taken back."""
    from pipeline.delivery.ledger import editions, publishings
    from pipeline.delivery.ledger.sums import all_sums

    with ledger(session) as book:
        waiting = [one for one in publishings.to_publish(book) if meant(one.slug, episode)]
        for one in waiting:
            publishings.published(book, one.id, cancelled=True)
        if waiting and not any(named(one, episode) for one in all_sums(book)):
            click.echo(f"{waiting[0].slug} is not published at {waiting[0].starts}.")
            return
    changed = _each(session, episode, name, editions.cancel)
    _tell_changed(session, changed, "cancelled", "It had ended.")
