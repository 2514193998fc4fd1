"""publish: everything leaves the house, in an order that leaves nothing half done."""

from __future__ import annotations

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
    outcome,
)
from pipeline.cli.mailing import told as sums_told
from pipeline.cli.options import Session, everywhere
from pipeline.cli.subscribing import OUTBOX, ledger

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pipeline.check import Finding
    from pipeline.cli.terminal import Terminal
    from pipeline.delivery.ledger import Sums
    from pipeline.deploy import Deployed
    from pipeline.runner import Desk, Report


@click.command()
@click.argument("episode", required=False)
@click.option(
    "--yes", is_flag=True, help="Do not ask; only mail that leaves this machine is asked about."
)
@click.option("--dry-run", is_flag=True, help="Build and check, then say what would go out.")
@everywhere
def publish(session: Session, episode: str | None, yes: bool, dry_run: bool) -> None:
    """Build, check, deploy, mail and announce; a second time does nothing twice.

    EPISODE (06) mails that episode, where it was not mailed yet. Without it, each list gets what was published since
    its last edition; a list that never had one gets the newest episode.
    """
    terminal = session.terminal()
    desk = opened(session, terminal)
    try:
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
    only = slug_of(desk, episode) if episode else None
    report = run(desk)
    found = findings(desk, report)
    refused = bool(report.errors) or any(one.refuses for one in found)
    if found or refused:
        tell_findings(session, report, found)
    if refused:
        _refuse(
            session,
            report,
            found,
            "Nothing was published: mend what is named above, then publish again.",
        )
    if dry_run:
        _tell_dry(session, desk, report, only)
        return
    _confirm(session, desk, only, yes)
    _record(desk)
    deployed = _deploy(terminal, desk)
    sums = _mail(session, terminal, desk, only)
    announced = _announce(desk)
    _tell(session, desk, report, deployed, sums, announced, found)
    if any(one.unknown for one in sums):
        raise SystemExit(UNKNOWN)


def _refuse(session: Session, report: Report, found: list[Finding], words: str) -> NoReturn:
    from pipeline.cli.terminal import complain

    number = code(report) or 1
    if session.json:
        _answer(report, {"published": False, "findings": list(map(told_finding, found))})
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

    enclosures = {
        one.slug: desk.publication.link(heard.path)
        for one in desk.listings
        if (heard := media.enclosure(desk.made["audio", one.slug]))
    }
    known = identity.with_published(desk.remembered, desk.publication, desk.listings, enclosures)
    identity.record(desk.root, known)


def _deploy(terminal: Terminal, desk: Desk) -> Deployed:
    from pipeline.deploy import deploy

    terminal.begin("deploy", 1)
    try:
        return deploy(
            desk.store.build / "site",
            desk.publication.deploy,
            desk.root,
            {
                path.removeprefix("site/"): digest
                for path, digest in _hashes(desk)
                if path.startswith("site/")
            },
            Progress(terminal, "deploy"),
        )
    finally:
        terminal.end("deploy")


def _hashes(desk: Desk) -> Iterator[tuple[str, str]]:
    for artifacts in desk.made.values():
        for made in artifacts:
            yield made.path, made.sha256


def _announce(desk: Desk) -> Sequence[str]:
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
                f"{OUTBOX}/",
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
