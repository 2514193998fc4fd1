"""subscribers: who gets the emailed episode."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipeline.cli.options import Session, everywhere
from pipeline.errors import AuthorError, SimulcastError, suggestion

if TYPE_CHECKING:
    from pipeline.delivery.ledger import Ledger

LEDGER = Path(".simulcast") / "ledger.db"
_list = click.option("--list", "name", default="", help="The list; needed where there are several.")


def ledger(session: Session) -> Ledger:
    """The publication's ledger, made if it is not there."""
    from pipeline.delivery.ledger import Ledger

    return Ledger.open(session.root / LEDGER)


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
    """Who gets the emailed episode: add, import, export, list, remove."""


@subscribers.command()
@click.argument("addresses", nargs=-1, required=True, metavar="ADDRESS…")
@_list
@click.option("--again", is_flag=True, help="They left the list and asked to come back.")
@everywhere
def add(session: Session, addresses: tuple[str, ...], name: str, again: bool) -> None:
    """Put addresses on a list; who has left it stays off, unless --again."""
    from pipeline.cli.terminal import answer, count

    name = list_named(session, name)
    _check(addresses)
    with ledger(session) as book:
        added = book.add(name, addresses, session.now, again=again)
    if session.json:
        answer({"list": name, "added": added.added, "already": added.already, "left": added.left})
        return
    click.echo(f"{count(added.added, 'address', 'addresses')} added to {name}.")
    if added.already:
        click.echo(f"{count(added.already, 'address was', 'addresses were')} on it already.")
    if added.left:
        click.echo(
            f"{count(added.left, 'address', 'addresses')} had left the list and stay off it, unless --again."
        )


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
@everywhere
def import_(session: Session, file: Path, name: str) -> None:
    """Put the addresses of a CSV file on a list; rows that are refused are named by line."""
    from pipeline.cli.terminal import answer, complain
    from pipeline.delivery.subscribers import import_csv

    name = list_named(session, name)
    try:
        text = file.read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        raise AuthorError(str(file), None, f"is not UTF-8 (byte {error.start})") from None
    with ledger(session) as book:
        found = import_csv(book, name, text, session.now)
    added = found.subscribers
    if session.json:
        answer(
            {
                "list": name,
                "added": added.added,
                "already": added.already,
                "left": added.left,
                "refused": [{"line": line, "reason": reason} for line, reason in found.refused],
            }
        )
    else:
        lines = ", ".join(f"line {line:,}" for line, _ in found.refused[:9])
        said = [
            f"{added.added:,} added",
            f"{added.already:,} on it already" if added.already else "",
            f"{added.left:,} left it and stay off" if added.left else "",
            f"{len(found.refused):,} refused: {lines}" if found.refused else "",
        ]
        more = " …" if len(found.refused) > 9 else "."
        click.echo(f"{name}: {', '.join(filter(None, said))}{more}")
        complain(f"{file}:{line}: {reason}" for line, reason in found.refused)
    if found.refused:
        raise SystemExit(1)


@subscribers.command()
@_list
@everywhere
def export(session: Session, name: str) -> None:
    """The subscriptions as CSV on standard output."""
    from pipeline.delivery.subscribers import export_csv

    with ledger(session) as book:
        found = book.subscribers(list_named(session, name) if name else None)
    click.echo(export_csv(found), nl=False)


@subscribers.command("list")
@_list
@everywhere
def list_(session: Session, name: str) -> None:
    """The subscriptions, a line each."""
    from dataclasses import asdict

    from pipeline.cli.terminal import answer, table

    with ledger(session) as book:
        found = book.subscribers(list_named(session, name) if name else None)
    if session.json:
        answer({"subscriptions": [asdict(one) for one in found]})
    elif found:
        click.echo(
            table([(one.address, one.mailing_list, one.state, one.since[:10]) for one in found])
        )
    else:
        click.echo("Nobody has subscribed yet: simulcast subscribers add ADDRESS")


@subscribers.command()
@click.argument("address")
@_list
@everywhere
def remove(session: Session, address: str, name: str) -> None:
    """Take an address off a list, and out of what is still going to it."""
    name = list_named(session, name)
    with ledger(session) as book:
        was_on = book.remove(name, address, session.now)
    if not was_on:
        raise SimulcastError(f"that address is not on {name}")
    click.echo(f"Off {name}.")
