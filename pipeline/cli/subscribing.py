"""subscribers: who gets the emailed episode."""

from __future__ import annotations

import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipeline.cli.options import Session, everywhere
from pipeline.errors import AuthorError, SimulcastError, suggestion

if TYPE_CHECKING:
    from pipeline.delivery.database import Database
    from pipeline.delivery.people import Subscription
    from pipeline.delivery.subscribers import Imported

LEDGER = Path(".simulcast") / "ledger.db"
OUTBOX = Path("build") / "outbox"
_list = click.option("--list", "name", default="", help="The list; needed where there are several.")


def ledger(session: Session, patience: float = 30) -> Database:
    """The publication's ledger, made if it is not there: a file of its own, or in the database that is named.

    patience: seconds to wait for one that is in use.
    """
    from pipeline.delivery.database import Database

    where = database(session) or session.root / LEDGER
    return Database.open(where, os.environ.get("SIMULCAST_SECRET_KEY", ""), patience)


def database(session: Session) -> str:
    """The address of the database that is named, by the environment or the settings; "" where none is."""
    from pipeline import config

    named = os.environ.get("SIMULCAST_DATABASE_URL", "")
    return named or config.publication(session.root).database


def list_named(session: Session, name: str) -> str:
    """The list of that name, or the only one there is."""
    from pipeline import config

    lists = config.publication(session.root).lists
    if not lists:
        raise AuthorError(config.NAME, None, "has no list; add one: [lists.readers] with title")
    if name and name not in lists:
        raise SimulcastError(f'there is no list "{name}"' + suggestion(name, lists))
    if not name and len(lists) > 1:
        raise SimulcastError(f"there are several lists; name one: --list {'|'.join(sorted(lists))}")
    return name or next(iter(lists))


@click.group()
def subscribers() -> None:
    """Who gets the emailed episode: add, import, export, list, feed, known, remove, forget."""


@subscribers.command()
@click.argument("addresses", nargs=-1, required=True, metavar="ADDRESS…")
@_list
@click.option(
    "--called", default="", metavar="NAME", help="What the owner of the one address is called."
)
@click.option(
    "--attribute",
    "attributes",
    multiple=True,
    metavar="NAME=VALUE",
    help="What else is known of them, for segments; may be given more than once.",
)
@click.option("--source", default="added by hand", help="By what way they consented.")
@click.option(
    "--consent", "words", default="", metavar="TEXT", help="To what words they consented."
)
@click.option(
    "--again", is_flag=True, help="They left the list, or were forgotten, and asked to come back."
)
@everywhere
def add(
    session: Session,
    addresses: tuple[str, ...],
    name: str,
    called: str,
    attributes: tuple[str, ...],
    source: str,
    words: str,
    again: bool,
) -> None:
    """Put addresses on a list; who has left it stays off, unless --again."""
    from pipeline.cli.terminal import answer, count
    from pipeline.delivery import people

    name = list_named(session, name)
    _check(addresses)
    if called and len(addresses) > 1:
        raise click.UsageError("--called is for one address")
    known = dict(_pair(one) for one in attributes)
    consent = people.Consent(session.now, source, words)
    entries = [people.Entry(address, called, known, consent) for address in addresses]
    with ledger(session) as book:
        added = people.add(book, name, entries, session.now, again=again)
    if session.json:
        answer({"list": name, **asdict(added)})
        return
    click.echo(f"{count(added.added, 'address', 'addresses')} added to {name}.")
    if added.already:
        click.echo(f"{count(added.already, 'address was', 'addresses were')} on it already.")
    if added.left or added.forgotten:
        gone = added.left + added.forgotten
        click.echo(
            f"{count(gone, 'address', 'addresses')} had left the list and stay off it, unless --again."
        )
    if added.suppressed:
        click.echo(
            f"{count(added.suppressed, 'address', 'addresses')} will get no mail: "
            "it came back from there, or was complained of."
        )


def _pair(written: str) -> tuple[str, str]:
    name, found, value = written.partition("=")
    if not found or not name.strip():
        raise click.BadParameter(f'"{written}" is not NAME=VALUE', param_hint="--attribute")
    return name.strip(), value.strip()


def _check(addresses: tuple[str, ...]) -> None:
    """Refuse all if one is wrong; the author typed them, so their own words may be shown."""
    from pipeline.delivery.addresses import AddressError, normalised

    wrong = []
    for written in addresses:
        try:
            normalised(written)
        except AddressError as error:
            wrong.append(f'"{written}": {error}')
    if wrong:
        raise SimulcastError("\n".join([*wrong, "Nobody was added."]))


@subscribers.command("import")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@_list
@click.option(
    "--attribute",
    "attributes",
    multiple=True,
    metavar="HEADING",
    help="A column to keep, for segments; may be given more than once.",
)
@click.option("--source", default="", help="By what way they consented; else the name of the file.")
@click.option(
    "--consent", "words", default="", metavar="TEXT", help="To what words they consented."
)
@click.option(
    "--report",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write every refused row, by line and why, into this CSV file.",
)
@everywhere
def import_(
    session: Session,
    file: Path,
    name: str,
    attributes: tuple[str, ...],
    source: str,
    words: str,
    report: Path | None,
) -> None:
    """Put the addresses of a CSV file on a list; rows that are refused are named by line."""
    from pipeline.cli.terminal import answer
    from pipeline.delivery.people import Consent
    from pipeline.delivery.subscribers import import_csv

    name = list_named(session, name)
    consent = Consent(session.now, source or f"import of {file.name}", words)
    try:
        with ledger(session) as book, file.open(encoding="utf-8-sig", newline="") as rows:
            found = import_csv(
                book, name, rows, session.now, consent=consent, attributes=attributes
            )
    except UnicodeDecodeError as error:
        raise AuthorError(str(file), None, f"is not UTF-8 (byte {error.start})") from None
    if not found.rows:
        raise AuthorError(
            str(file), None, 'holds nobody; write an address a line, below the heading "email"'
        )
    if report is not None:
        _report(report, found.refused)
    if session.json:
        rows_refused = [{"line": line, "reason": reason} for line, reason in found.refused]
        answer({"list": name, **asdict(found.subscribers), "refused": rows_refused})
    else:
        _tell_import(file, name, found)
    if found.refused:
        raise SystemExit(1)


SHOWN = 100
"""Refused rows that are told on the terminal; --report writes all."""


def _tell_import(file: Path, name: str, found: Imported) -> None:
    from pipeline.cli.terminal import complain

    added = found.subscribers
    lines = ", ".join(f"line {line:,}" for line, _ in found.refused[:9])
    said = [
        f"{added.added:,} added",
        f"{added.already:,} on it already" if added.already else "",
        f"{added.left:,} left it and stay off" if added.left else "",
        f"{added.forgotten:,} asked to be forgotten and stay off" if added.forgotten else "",
        f"{added.suppressed:,} get no mail (it came back)" if added.suppressed else "",
        f"{len(found.refused):,} refused: {lines}" if found.refused else "",
    ]
    more = " …" if len(found.refused) > 9 else "."
    click.echo(f"{name}: {', '.join(filter(None, said))}{more}")
    complain(f"{file}:{line}: {reason}" for line, reason in found.refused[:SHOWN])
    if len(found.refused) > SHOWN:
        complain([f"… and {len(found.refused) - SHOWN:,} more; --report FILE.csv writes them all"])


def _report(file: Path, refused: tuple[tuple[int, str], ...]) -> None:
    import csv

    with file.open("w", encoding="utf-8", newline="") as out:
        rows = csv.writer(out, lineterminator="\n")
        rows.writerows([("line", "reason"), *refused])


@subscribers.command()
@_list
@everywhere
def export(session: Session, name: str) -> None:
    """The subscriptions as CSV on standard output."""
    from pipeline.delivery import people
    from pipeline.delivery.subscribers import export_csv

    wanted = list_named(session, name) if name else None
    with ledger(session) as book:
        attributes = people.attribute_names(book)
        export_csv(people.each(book, wanted), attributes, sys.stdout)


@subscribers.command("list")
@_list
@everywhere
def list_(session: Session, name: str) -> None:
    """The subscriptions, a line each."""
    from pipeline.cli.terminal import answer, table
    from pipeline.delivery import people

    with ledger(session) as book:
        found = [*people.each(book, list_named(session, name) if name else None)]
    if session.json:
        answer({"subscriptions": [asdict(one) for one in found]})
    elif found:
        click.echo(table([_line(one) for one in found]))
    else:
        click.echo("Nobody has subscribed yet: simulcast subscribers add ADDRESS")


def _line(one: Subscription) -> tuple[str, ...]:
    state = f"{one.state}, {one.suppressed}" if one.suppressed else one.state
    return (one.address, one.name, one.mailing_list, state, one.since[:10])


@subscribers.command()
@click.argument("address")
@_list
@everywhere
def remove(session: Session, address: str, name: str) -> None:
    """Take an address off a list, and out of what is still going to it."""
    from pipeline.delivery import people

    name = list_named(session, name)
    with ledger(session) as book:
        was_on = people.remove(book, name, address, session.now)
    if not was_on:
        raise SimulcastError(f"that address is not on {name}")
    click.echo(f"Off {name}.")


@subscribers.command()
@click.argument("address")
@click.option("--revoke", is_flag=True, help="Close it: nothing answers at its address any more.")
@everywhere
def feed(session: Session, address: str, revoke: bool) -> None:
    """The addresses of a subscriber's private feeds, which no directory lists; needs [service] url."""
    from pipeline import config
    from pipeline.cli.terminal import answer, table
    from pipeline.delivery import private
    from pipeline.feeds.private import NAMES

    service = config.publication(session.root).service.url
    if not service and not revoke:
        raise AuthorError(config.NAME, None, "private feeds come from the service: [service] url")
    with ledger(session) as book:
        if revoke:
            if not private.revoke(book, address, session.now):
                raise SimulcastError("that address has no private feed")
            click.echo("Revoked: nothing answers there any more.")
            return
        token = private.token(book, address, session.now)
    if not token:
        raise SimulcastError("nobody has that address: simulcast subscribers add ADDRESS")
    found = {name: f"{service}private/{token}/{name}" for name in NAMES}
    if session.json:
        answer({"feeds": found})
    else:
        click.echo(table(list(found.items())))


@subscribers.command()
@click.argument("address")
@everywhere
def forget(session: Session, address: str) -> None:
    """Erase an address and all that is known of its owner, everywhere; no import brings it back."""
    from pipeline.delivery import forgetting
    from pipeline.delivery.addresses import normalised
    from pipeline.delivery.erasing import erase

    with ledger(session) as book:
        was_known = forgetting.forget(book, address, session.now)
    erase(session.root / OUTBOX, normalised(address))
    click.echo(
        "Forgotten, on every list; what was mailed is kept as bare numbers."
        if was_known
        else "It was not known; no import will bring it in."
    )


@subscribers.command()
@click.argument("address")
@everywhere
def known(session: Session, address: str) -> None:
    """All that is known of an address, as JSON: for its owner, who may ask for it."""
    from pipeline.cli.terminal import answer
    from pipeline.delivery.person import about

    with ledger(session) as book:
        answer(about(book, address))
