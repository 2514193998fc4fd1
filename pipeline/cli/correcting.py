"""correct: an edit travels to those who got the wrong text."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import click

from pipeline.cli.building import opened, slug_of
from pipeline.cli.options import Session, everywhere
from pipeline.cli.publishing import announce, checked, put_out, remember
from pipeline.errors import SimulcastError

if TYPE_CHECKING:
    from pipeline.cli.terminal import Terminal
    from pipeline.delivery.database import Database
    from pipeline.delivery.edition import Edition
    from pipeline.delivery.ledger.sums import Sums
    from pipeline.runner import Desk


@click.command()
@click.argument("episode")
@click.option(
    "--note", default="", help="Write this correction into the episode, with today's date, first."
)
@click.option(
    "--yes", is_flag=True, help="Do not ask; only mail that leaves this machine is asked about."
)
@click.option("--dry-run", is_flag=True, help="Say who would be mailed.")
@everywhere
def correct(session: Session, episode: str, note: str, yes: bool, dry_run: bool) -> None:
    """Publish an edit, and mail it to exactly those who got the wrong text, once.

    The episode holds what was wrong as ::: {.correction date="…"}, or --note writes it there.
    """
    from pipeline.cli.subscribing import ledger
    from pipeline.delivery.ledger import audience
    from pipeline.snapshot import taken

    if note:
        _write(session, episode, note)
    terminal = session.terminal()
    desk = opened(session, terminal)
    try:
        slug = slug_of(desk, episode)
        _refuse_with_unpublished(desk, slug)
        _refuse_without_note(desk, slug)
        before = taken(desk.root)
        checked(session, desk, before, slug)
        with ledger(session) as book:
            wrong = _wrong(desk, book, slug)
            counts = {
                one.mailing_list: audience.received(book, one.mailing_list, numbers)
                for one, numbers in wrong
            }
            if dry_run:
                _tell(session, slug, counts, [])
                return
            _ask(session, desk, book, slug, counts, yes)
        put_out(terminal, desk)
        sums = _mail(session, terminal, desk, wrong)
        announce(desk)
        remember(session, desk, before, sums)
    finally:
        desk.close()
    _tell(session, slug, counts, sums)


def _write(session: Session, episode: str, note: str) -> None:
    """Write the note into the episode, unless its correction would bring out more than itself."""
    from pipeline.source import corrected
    from pipeline.store import write_whole

    desk = session.desk()
    try:
        slug = slug_of(desk, episode)
        _refuse_with_unpublished(desk, slug)
    finally:
        desk.close()
    file = session.root / "content" / slug / "episode.md"
    text = corrected(file.read_bytes().decode("utf-8-sig"), note, session.now)
    write_whole(file, text.encode())


def _refuse_with_unpublished(desk: Desk, slug: str) -> None:
    """The site goes out whole, and an episode must not come out unseen with the correction of another."""
    known = desk.remembered.episodes
    for one in desk.listings:
        if one.slug not in known and one.slug != slug:
            raise SimulcastError(
                f"content/{one.slug}/episode.md was never published, and would go out with this correction; publish it "
                "first, or let its published date lie ahead"
            )


def _refuse_without_note(desk: Desk, slug: str) -> None:
    if not any(block.kind == "correction" for block in desk.episode(slug).blocks):
        raise SimulcastError(
            f"content/{slug}/episode.md does not say what was wrong; write ::: {{.correction}} with its "
            "date and set updated, or use --note"
        )


def _wrong(desk: Desk, book: Database, slug: str) -> list[tuple[Edition, list[int]]]:
    """For each list that was mailed another text: its next edition, and the numbers of those that were wrong.

    A list whose latest edition is the text as it is now was corrected already.
    """
    from pipeline.cli.mailing import parts
    from pipeline.delivery.edition import edition
    from pipeline.delivery.ledger import editions
    from pipeline.delivery.ledger.sums import all_sums

    listing = next(one for one in desk.listings if one.slug == slug)
    by_list: dict[str, list[Sums]] = {}
    for sums in all_sums(book, slug):
        by_list.setdefault(sums.mailing_list, []).append(sums)
    found = []
    for name, sent in sorted(by_list.items()):
        if name not in desk.publication.lists:
            continue
        fresh = edition(desk.publication, name, listing, *parts(desk)(listing))
        texts = {one.edition: editions.thawed(book, one.edition).text for one in sent}
        latest = max(sent, key=lambda one: one.revision)
        if texts[latest.edition] != fresh.text:
            subject = desk.templates.theme["words"]["corrected_subject"].format(title=fresh.subject)
            fresh = replace(fresh, revision=latest.revision + 1, subject=subject)
            found.append((fresh, [number for number, text in texts.items() if text != fresh.text]))
    return found


def _ask(
    session: Session, desk: Desk, book: Database, slug: str, counts: dict[str, int], yes: bool
) -> None:
    from pipeline.cli.mailing import confirm, dispatch

    listing = next(one for one in desk.listings if one.slug == slug)
    how = dispatch(session, desk.publication, book)
    wanted = [(name, listing) for name in counts]
    confirm(desk.publication, how, wanted, list(counts.values()), yes)


def _mail(
    session: Session, terminal: Terminal, desk: Desk, wrong: list[tuple[Edition, list[int]]]
) -> list[Sums]:
    from pipeline.cli.mailing import deliver
    from pipeline.cli.subscribing import ledger
    from pipeline.delivery.ledger import editions

    with ledger(session) as book:
        for fresh, received in wrong:
            editions.freeze(book, fresh, (), session.now, received=received)
        return deliver(session, terminal, desk.publication, book)


def _tell(session: Session, slug: str, counts: dict[str, int], sums: list[Sums]) -> None:
    from pipeline.cli.mailing import outcome
    from pipeline.cli.mailing import told as sums_told
    from pipeline.cli.terminal import answer, count

    if session.json:
        answer({"episode": slug, "recipients": counts, "mailed": [sums_told(one) for one in sums]})
    elif not counts:
        click.echo(f"{slug}: nobody was mailed another text than it has now.")
    elif not sums:
        for name, number in counts.items():
            click.echo(f"{slug}: a correction goes to {count(number, 'reader')} of {name}.")
    else:
        for one in sums:
            click.echo(f"{slug} to {one.mailing_list}, correction {one.revision}: {outcome(one)}.")
