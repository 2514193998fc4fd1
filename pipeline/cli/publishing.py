"""publish, send, status: what leaves the house."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from pipeline.cli.building import code, findings, run, shown, slug_of, tell_findings, told
from pipeline.cli.options import Session, everywhere
from pipeline.cli.subscribing import LEDGER, ledger, list_named

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from pipeline.check import Finding
    from pipeline.cli.terminal import Terminal
    from pipeline.delivery.ledger import Ledger, Sums
    from pipeline.deploy import Deployed
    from pipeline.model import Listing
    from pipeline.runner import Desk, Report

OUTBOX = Path("build") / "outbox"
UNKNOWN = 4


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
    desk = session.desk(terminal)
    try:
        _publish(session, terminal, desk, episode, dry_run)
    finally:
        desk.close()


def _publish(
    session: Session, terminal: Terminal, desk: Desk, episode: str | None, dry_run: bool
) -> None:
    only = slug_of(desk, episode) if episode else None
    report = run(desk)
    found = findings(desk, report)
    refused = bool(report.errors) or any(one.severity == "error" for one in found)
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
    _record(desk)
    deployed = _deploy(terminal, desk)
    sums = _mail(session, terminal, desk, only)
    announced = _announce(desk)
    _tell(session, desk, report, deployed, sums, announced)
    if any(one.unknown for one in sums):
        raise SystemExit(UNKNOWN)


def _refuse(session: Session, report: Report, found: list[Finding], words: str) -> NoReturn:
    from pipeline.cli.terminal import complain

    number = code(report) or 1
    if session.json:
        _answer(report, {"published": False, "findings": [str(one) for one in found]})
    else:
        complain([words])
    raise SystemExit(number)


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
            _Progress(terminal, "deploy"),
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


# --- mail ------------------------------------------------------------------------------------------


def _due(desk: Desk, book: Ledger, only: str | None) -> list[tuple[str, Listing]]:
    """What each list has yet to be sent: by itself, or the one episode that was named."""
    from pipeline.delivery.sender import waiting

    if only is None:
        return waiting(desk.publication, desk.listings, book)
    listing = next(one for one in desk.listings if one.slug == only)
    return [
        (name, listing)
        for name in sorted(desk.publication.lists)
        if listing.guid not in {mailed.episode for mailed in book.mailed(name)}
    ]


def _mail(session: Session, terminal: Terminal, desk: Desk, only: str | None) -> list[Sums]:
    if not desk.publication.lists:
        return []
    with ledger(session) as book:
        return _sent(session, terminal, desk, book, _due(desk, book, only))


def _sent(
    session: Session, terminal: Terminal, desk: Desk, book: Ledger, due: list[tuple[str, Listing]]
) -> list[Sums]:
    """Freeze what is due, then finish every edition that has not reached everyone; the sums of each."""
    from pipeline.delivery.maildir import Maildir
    from pipeline.delivery.sender import mail

    if not due and not book.unfinished():
        return []
    transport, progress = Maildir(session.root / OUTBOX), _Progress(terminal, "mail")
    terminal.begin("mail", len(due))
    try:
        return mail(desk.publication, due, _parts(desk), book, transport, session.now, progress)
    finally:
        terminal.end("mail")


class _Progress:
    def __init__(self, terminal: Terminal, name: str) -> None:
        self.terminal, self.name = terminal, name

    def __call__(self, done: float, total: float, unit: str) -> None:
        self.terminal.progress(self.name, "", done, total, unit)

    def note(self, text: str) -> None:
        self.terminal.note(text)


def _parts(desk: Desk) -> Callable[[Listing], tuple[str, str]]:
    def parts(listing: Listing) -> tuple[str, str]:
        made = desk.made["email", listing.slug]
        html, text = (made[f"edition/{listing.slug}.{ending}"].text() for ending in ("html", "txt"))
        return html, text

    return parts


# --- what is said ----------------------------------------------------------------------------------


def _answer(report: Report, more: dict[str, Any]) -> None:
    from pipeline.cli.terminal import answer

    answer({**told(report), **more})


def _sums(one: Sums) -> dict[str, Any]:
    from dataclasses import asdict

    return {**asdict(one), "hold": one.hold}


def _tell_dry(session: Session, desk: Desk, report: Report, only: str | None) -> None:
    from pipeline.cli.terminal import count
    from pipeline.delivery.edition import seeds

    rows = []
    if desk.publication.lists:
        with ledger(session) as book:
            for name, listing in _due(desk, book, only):
                rows.append((name, listing, book.audience(name, seeds(desk.publication, name))))
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
) -> None:
    if session.json:
        _answer(
            report,
            {
                "published": True,
                "uploaded": list(deployed.uploaded),
                "mailed": [_sums(one) for one in sums],
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
    from pipeline.cli.terminal import count, table

    rows = [
        ("Site", "build/site/index.html", "open it in a browser"),
        ("Feeds", "build/site/", "rss.xml, atom.xml, feed.json, podcast.xml"),
        *_audio(desk),
        *(
            (
                "Email",
                f"{OUTBOX}/",
                f"{count(one.accepted, 'message')} of {one.slug} for {one.mailing_list}",
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


# --- send, status ----------------------------------------------------------------------------------


@click.command()
@click.argument("episode")
@click.option("--list", "name", default="", help="The list; needed where there are several.")
@everywhere
def send(session: Session, episode: str, name: str) -> None:
    """Mail an episode to a list, to those who have not had it."""
    from pipeline.cli.terminal import answer, count

    terminal = session.terminal()
    name = list_named(session, name)
    desk = session.desk(terminal)
    try:
        slug = slug_of(desk, episode)
        report = run(desk)
        found = findings(desk, report, slug)
        if report.errors or any(one.severity == "error" for one in found):
            tell_findings(session, report, found)
            _refuse(session, report, found, "Nothing was mailed: mend what is named above first.")
        with ledger(session) as book:
            due = [(to, listing) for to, listing in _due(desk, book, slug) if to == name]
            sums = _sent(session, terminal, desk, book, due)
    finally:
        desk.close()
    if session.json:
        answer({"mailed": [_sums(one) for one in sums]})
    elif not sums:
        click.echo(f"Nothing to send: everyone on {name} has {slug}, or nobody is on it.")
    else:
        for one in sums:
            click.echo(
                f"{one.slug} to {one.mailing_list}: {count(one.accepted, 'message')} in {OUTBOX}/"
            )


@click.command()
@click.argument("episode", required=False)
@everywhere
def status(session: Session, episode: str | None) -> None:
    """The ledger's sums: of each edition, how many were accepted, refused, or are still to go."""
    from pipeline.cli.terminal import answer, table

    if not (session.root / LEDGER).exists():
        found: list[Sums] = []
    else:
        with ledger(session) as book:
            found = book.editions()
    if episode:
        wanted = episode.lstrip("0")
        found = [
            one
            for one in found
            if episode == one.slug or one.slug.partition("-")[0].lstrip("0") == wanted
        ]
    if session.json:
        answer({"editions": [_sums(one) for one in found]})
    elif not found:
        click.echo("Nothing was mailed yet.")
    else:
        states = ("accepted", "refused", "skipped", "planned", "sending", "deferred", "unknown")
        names = ("audience", *states)
        rows: list[tuple[str, ...]] = [("edition", "list", *names, "")]
        rows += [
            (
                one.slug,
                one.mailing_list,
                *(f"{getattr(one, n):,}" for n in names),
                "adds up" if one.hold else "DOES NOT ADD UP",
            )
            for one in found
        ]
        click.echo(table(rows))
    if any(one.unknown or one.sending for one in found):
        raise SystemExit(UNKNOWN)
