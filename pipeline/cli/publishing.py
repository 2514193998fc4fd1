"""publish: everything leaves the house, in an order that leaves nothing half done."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, NoReturn

import click

from pipeline.cli.building import (
    code,
    findings,
    opened,
    run,
    shown,
    slug_of,
    tell_findings,
    told,
    told_finding,
)
from pipeline.cli.mailing import (
    UNKNOWN,
    Progress,
    confirm,
    counted,
    deliver,
    dispatch,
    due,
    freeze,
    leaves,
    outcome,
)
from pipeline.cli.mailing import told as sums_told
from pipeline.cli.options import Session, everywhere, moment
from pipeline.cli.subscribing import OUTBOX, ledger

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from pipeline.check import Finding
    from pipeline.cli.terminal import Terminal
    from pipeline.delivery.ledger.sums import Sums
    from pipeline.deploy import Deployed
    from pipeline.diff import Change
    from pipeline.runner import Desk, Report
    from pipeline.snapshot import Snapshot


@click.command()
@click.argument("episode", required=False)
@click.option(
    "--yes", is_flag=True, help="Do not ask; only mail that leaves this machine is asked about."
)
@click.option("--dry-run", is_flag=True, help="Build and check, then say what would go out.")
@click.option("--at", "at", callback=moment, metavar="TIME", help="Not before then (ISO 8601).")
@everywhere
def publish(
    session: Session, episode: str | None, yes: bool, dry_run: bool, at: datetime | None
) -> None:
    """Build, check, deploy, mail and announce; a second time does nothing twice.

    EPISODE (06) mails that episode, where it was not mailed yet. Without it, each list gets what was published since
    its last edition; a list that never had one gets the newest episode.

    With --at, EPISODE is checked as of then, and "simulcast worker" publishes it when its time comes.
    """
    if at is not None and not episode:
        raise click.UsageError("name the EPISODE that is to be published then")
    session = session if at is None else replace(session, now=at)
    terminal = session.terminal()
    desk = opened(session, terminal)
    try:
        if at is not None and episode and not dry_run:
            _schedule(session, desk, episode, yes)
        else:
            _publish(session, terminal, desk, episode, yes, dry_run)
    finally:
        desk.close()


def _publish(
    session: Session,
    terminal: Terminal,
    desk: Desk,
    episode: str | None,
    yes: bool,
    dry_run: bool,
) -> None:
    from pipeline.snapshot import taken

    only = slug_of(desk, episode) if episode else None
    before = taken(desk.root)
    report, found = checked(session, desk, before)
    if dry_run:
        _tell_dry(session, desk, report, only)
        return
    _confirm(session, desk, only, yes)
    deployed = put_out(terminal, desk)
    sums = _mail(session, terminal, desk, only)
    announced = announce(desk)
    remember(session, desk, before, sums)
    _tell(session, desk, report, deployed, sums, announced, found)
    if any(one.unknown for one in sums):
        raise SystemExit(UNKNOWN)


def _schedule(session: Session, desk: Desk, episode: str, yes: bool) -> None:
    """Have a worker publish an episode at the time that this session lives in."""
    from pipeline.cli.terminal import answer
    from pipeline.delivery.ledger import publishings
    from pipeline.snapshot import taken

    slug = slug_of(desk, episode)
    checked(session, desk, taken(desk.root))
    _confirm(session, desk, slug, yes)
    with ledger(session) as book:
        publishings.schedule(book, slug, session.now)
    if session.json:
        answer({"published": False, "scheduled": {slug: session.now.isoformat()}})
    else:
        click.echo(
            f'{slug} is published at {session.now:%Y-%m-%d %H:%M %Z}, where "simulcast worker" runs; '
            f'"simulcast cancel {episode}" takes that back.'
        )


def checked(
    session: Session, desk: Desk, before: Snapshot, only: str = ""
) -> tuple[Report, list[Finding]]:
    """Build, check and compare with what was published before; where something is refused, say so, and end.

    only: the one episode that is mailed; others that go out with it are told by name alone.
    """
    from pipeline.cli.comparing import compared
    from pipeline.cli.terminal import complain

    report = run(desk)
    found = findings(desk, report)
    refused = bool(report.errors) or any(one.refuses for one in found)
    if found or refused:
        tell_findings(session, report, found)
    words = "Nothing was published: mend what is named above, then publish again."
    if refused:
        _refuse(session, report, found, words)
    changes, guids = compared(desk, before)
    if guids:
        if not session.json:
            complain(map(str, guids))
        _refuse(session, report, found, words, list(map(str, guids)))
    if not session.quiet and not session.json:
        _tell_changes(desk, changes, only)
    return report, found


def put_out(terminal: Terminal, desk: Desk) -> Deployed:
    """The site goes where readers fetch it, once what it is known by is remembered."""
    _record(desk)
    return _deploy(terminal, desk)


def remember(session: Session, desk: Desk, before: Snapshot, sums: Sequence[Sums]) -> None:
    """Keep what was published now, and from which commit, for diff and verify."""
    from pipeline.history import commit
    from pipeline.snapshot import Moment, Snapshot, take

    files = desk.laid.hashes
    if files == before.files and not sums:
        return
    now = Moment(session.now.isoformat(), commit(desk.root))
    mailed = {f"{one.slug} {one.revision}": now for one in sums}
    take(desk.root, Snapshot(now, files, {**mailed, **before.mailed}))


def _refuse(
    session: Session,
    report: Report,
    found: list[Finding],
    words: str,
    guids: Sequence[str] = (),
) -> NoReturn:
    from pipeline.cli.terminal import complain

    number = code(report) or 1
    if session.json:
        refused = {"findings": list(map(told_finding, found)), "guids": list(guids)}
        _answer(report, {"published": False, **refused})
    else:
        complain([words])
    raise SystemExit(number)


def _confirm(session: Session, desk: Desk, only: str | None, yes: bool) -> None:
    """Ask before anything leaves, since mail cannot be called back."""
    if not desk.publication.lists:
        return
    with ledger(session) as book:
        how, wanted = dispatch(session, desk.publication, book), due(desk, book, only)
        confirm(desk.publication, how, wanted, counted(desk.publication, book, wanted), yes)


def _mail(session: Session, terminal: Terminal, desk: Desk, only: str | None) -> list[Sums]:
    if not desk.publication.lists:
        return []
    with ledger(session) as book:
        freeze(session, desk, book, due(desk, book, only))
        return deliver(session, terminal, desk.publication, book)


def _record(desk: Desk) -> None:
    """Remember what the world is about to know these episodes by."""
    from pipeline import identity, media

    known = desk.remembered.episodes
    enclosures = {
        one.slug: desk.publication.link(heard.path)
        for one in desk.listings
        if not (one.slug in known and known[one.slug].enclosure)
        and (heard := media.enclosure(desk.made["audio", one.slug]))
    }
    now = identity.with_published(desk.remembered, desk.publication, desk.listings, enclosures)
    if now != desk.remembered:
        identity.record(desk.root, now)


def _deploy(terminal: Terminal, desk: Desk) -> Deployed:
    from pipeline.deploy import deploy

    terminal.begin("deploy", 1)
    try:
        return deploy(
            desk.store.build / "site",
            desk.publication.deploy,
            desk.root,
            _hashes_of_the_site(desk) if desk.publication.deploy.to else None,
            Progress(terminal, "deploy"),
        )
    finally:
        terminal.end("deploy")


def _hashes_of_the_site(desk: Desk) -> dict[str, str]:
    found = desk.laid.hashes.items()
    return {
        path.removeprefix("site/"): digest for path, digest in found if path.startswith("site/")
    }


def announce(desk: Desk) -> Sequence[str]:
    """Tell the hub which feeds changed, once they can be fetched from where they were deployed."""
    publication = desk.publication
    if not publication.feeds.hub or not publication.deploy.to:
        return ()
    from pipeline.announce import announce_changed

    feeds = {
        publication.link(path.removeprefix("site/")): one.sha256
        for stage in ("feed", "podcast")
        for one in desk.made.get((stage, ""), ())
        if (path := one.path).startswith("site/")
    }
    return announce_changed(
        publication.feeds.hub, feeds, desk.root / ".simulcast" / "announced.json"
    )


# --- what is said ----------------------------------------------------------------------------------


def _answer(report: Report, more: dict[str, Any]) -> None:
    from pipeline.cli.terminal import answer

    answer({**told(report), **more})


def _tell_changes(desk: Desk, changes: Sequence[Change], only: str) -> None:
    from pipeline.cli.comparing import summary

    if lines := list(summary([one for one in changes if only in ("", one.subject)])):
        click.echo("Since it was published last:")
        for line in lines:
            click.echo(f"  {line}")
    subjects = {one.subject for one in changes}
    others = [one.slug for one in desk.listings if one.slug in subjects - {only}]
    if only and others:
        click.echo(
            f"The site goes out whole, with what else changed, unmailed: {', '.join(others)}"
        )


def _tell_dry(session: Session, desk: Desk, report: Report, only: str | None) -> None:
    from pipeline.cli.terminal import count

    rows = []
    if desk.publication.lists:
        with ledger(session) as book:
            wanted = due(desk, book, only)
            counts = counted(desk.publication, book, wanted)
            rows = [(name, one, count) for (name, one), count in zip(wanted, counts, strict=True)]
    if session.json:
        mail = [
            {"list": name, "episode": one.slug, "recipients": number} for name, one, number in rows
        ]
        _answer(report, {"published": False, "would_mail": mail})
        return
    click.echo(shown(report))
    target = desk.publication.deploy.to or "nowhere: build/site is the site"
    click.echo(f"Would deploy to {target}.")
    for name, listing, number in rows:
        click.echo(f"Would mail {listing.title} to {name}: {count(number, 'message')}.")
    if not rows:
        click.echo("Would mail nothing.")


def _tell(
    session: Session,
    desk: Desk,
    report: Report,
    deployed: Deployed,
    sums: list[Sums],
    announced: Sequence[str],
    found: Sequence[Finding],
) -> None:
    if session.json:
        _answer(
            report,
            {
                "published": True,
                "findings": list(map(told_finding, found)),
                "uploaded": list(deployed.uploaded),
                "mailed": [sums_told(one) for one in sums],
                "announced": list(announced),
            },
        )
        return
    if session.quiet:
        return
    click.echo(shown(report))
    if not sums:
        click.echo("Nothing to send: everyone has what was published.")
    click.echo()
    click.echo(_where(desk, report, deployed, sums, announced))


def _where(
    desk: Desk, report: Report, deployed: Deployed, sums: list[Sums], announced: Sequence[str]
) -> str:
    """What was made, where it lies, what to do next."""
    from pipeline.cli.terminal import table

    rows = [
        ("Site", "build/site/index.html", "open it in a browser"),
        ("Feeds", "build/site/", "rss.xml, atom.xml, feed.json, podcast.xml"),
        *_audio(desk),
        *(
            (
                "Email",
                "sent" if leaves(desk) else f"{OUTBOX}/",
                f"{one.slug} for {one.mailing_list}: {outcome(one)}",
            )
            for one in sums
        ),
    ]
    if deployed.target:
        what = f"{len(deployed.uploaded)} files sent" if deployed.uploaded else "as it was"
        rows.append(("Deployed", deployed.target, what))
    rows += [("Announced", feed, "the hub was told") for feed in announced]
    rows += [
        ("Scheduled", one.slug, f"for {one.published:%Y-%m-%d %H:%M %Z}")
        for one in report.scheduled
    ]
    if not deployed.target:
        rows.append(
            (
                "Deploy",
                "nowhere yet",
                "to publish: name a place in content/publication.toml, [deploy] to",
            )
        )
    command = "make preview" if (desk.root / "Makefile").exists() else "simulcast preview"
    rows.append(("Next", command, "see and hear it as your readers do"))
    return table(rows)


def _audio(desk: Desk) -> list[tuple[str, str, str]]:
    import json

    from pipeline.cli.terminal import clock

    rows = []
    for listing in reversed(desk.listings[-3:]):
        made = desk.made.get(("audio", listing.slug))
        facts = made.ending(f"{listing.slug}.json") if made else None
        if facts:
            known = json.loads(facts.text())
            how = f"narrated by {known['voice']}" if known["source"] == "narration" else "recorded"
            rows.append(
                (
                    "Audio",
                    f"build/site/audio/{listing.slug}.mp3",
                    f"{clock(known['duration'])}, {how}",
                )
            )
    return rows
