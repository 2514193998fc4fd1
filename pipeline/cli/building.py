"""build, check, why, stages, and one command for every stage."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from pipeline.cli.options import Session, everywhere
from pipeline.errors import AuthorError, MediaError, OutsideError, SimulcastError, suggestion
from pipeline.stage import Stage, chosen, installed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from pipeline.check import Built, Finding, Settled
    from pipeline.check.memory import Memory
    from pipeline.cli.terminal import Terminal
    from pipeline.runner import Desk, Report
    from pipeline.store import SettledPage


def slug_of(desk: Desk, name: str) -> str:
    """The slug of the episode that is meant by "06", "6", its slug or its folder.

    Raises AuthorError: what is wrong with that episode, or that there is none of the name.
    """
    name = name.rstrip("/").removesuffix("/episode.md").rpartition("/")[2] or name
    listings = {listing.slug: listing.number for listing in desk.contents.listings}
    found = [
        slug
        for slug, number in listings.items()
        if name == slug or (name.isdecimal() and int(name) == number)
    ]
    if found:
        if found[0] not in {listing.slug for listing in desk.listings}:
            when = next(one.published for one in desk.scheduled if one.slug == found[0])
            raise AuthorError(
                f"content/{found[0]}/episode.md",
                None,
                f"is not out before {when}; --now {when.isoformat()} shows it",
            )
        return found[0]
    for slug, error in desk.contents.errors.items():
        if name == slug or (
            name.isdecimal() and slug.partition("-")[0].lstrip("0") == name.lstrip("0")
        ):
            raise error
    raise SimulcastError(f'there is no episode "{name}"' + suggestion(name, listings))


def run(desk: Desk, episode: str | None = None, stages: Iterable[Stage] | None = None) -> Report:
    """One build, as asked for; what a stage prints goes where progress goes, so that answers stay whole."""
    from contextlib import redirect_stdout

    from pipeline.runner import build as make

    with redirect_stdout(sys.stderr):
        return make(desk, stages, slug_of(desk, episode) if episode else None)


def code(report: Report) -> int:
    """The exit code of a build: 3 where only the outside world failed, 1 where anything else did."""
    if not report.errors:
        return 0
    return 3 if all(isinstance(error, OutsideError) for error in report.errors) else 1


def told(report: Report) -> dict[str, Any]:
    """A build as JSON tells it."""
    return {
        "made": report.made,
        "reused": report.reused,
        "stages": {
            name: {
                "made": outcome.made,
                "reused": outcome.reused,
                "failed": {subject: str(error) for subject, error in outcome.failed.items()},
                "skipped": outcome.skipped,
            }
            for name, outcome in report.outcomes.items()
        },
        "changed": list(report.changed),
        "removed": list(report.removed),
        "scheduled": {one.slug: one.published.isoformat() for one in report.scheduled},
        "errors": [str(error) for error in report.errors],
        "notes": list(report.notes),
    }


def shown(report: Report) -> str:
    """A build as a person reads it: a line a stage, where something was made, failed or was skipped."""
    from pipeline.cli.terminal import count, table

    if report.made == 0 and not report.errors:
        return f"Nothing to make: all {count(report.reused, 'result')} are as they were."
    rows = [(f"  {name}", _what(outcome)) for name, outcome in report.outcomes.items()]
    return table([row for row in rows if row[1]])


def _what(outcome: Any) -> str:
    parts = [
        f"{len(found)} {word}"
        for word, found in (
            ("made", outcome.made),
            ("reused", outcome.reused),
            ("failed", outcome.failed),
            ("skipped", outcome.skipped),
        )
        if found
    ]
    return ", ".join(parts)


def tell(session: Session, report: Report) -> None:
    """The report of a build, and exit code 1 where something failed."""
    from pipeline.cli.terminal import answer, complain, count

    if session.json:
        answer(told(report))
    else:
        if not session.quiet:
            click.echo(shown(report))
            for one in report.scheduled:
                click.echo(f"Scheduled: {one.slug}, for {one.published:%Y-%m-%d %H:%M %Z}")
            if report.changed or report.removed:
                removed = (
                    f", {count(len(report.removed), 'file')} removed" if report.removed else ""
                )
                click.echo(f"{count(len(report.changed), 'file')} written below build/{removed}.")
        complain(str(error) for error in report.errors)
    if report.errors:
        raise SystemExit(code(report))


@click.command()
@click.argument("episode", required=False)
@everywhere
def build(session: Session, episode: str | None) -> None:
    """Make what is stale, reuse the rest; EPISODE (06) makes that one's own parts only."""
    terminal = session.terminal()
    desk = session.desk(terminal)
    try:
        report = run(desk, episode)
    finally:
        desk.close()
    tell(session, report)


def stage_command(stage: Stage) -> click.Command:
    """The command that makes one stage's artifacts, and what they need."""
    arguments = [click.argument("episode", required=False)] if stage.per == "episode" else []

    @everywhere
    def command(session: Session, episode: str | None = None) -> None:
        terminal = session.terminal()
        desk = session.desk(terminal)
        try:
            report = run(desk, episode, chosen(desk.stages, stage.name))
            texts = list(texts_of(desk, stage))
        finally:
            desk.close()
        if texts and not session.json:
            for text in texts:
                click.echo(text)
            session = replace(session, quiet=True)  # the text is the answer
        tell(session, report)

    for argument in arguments:
        command = argument(command)
    return click.command(stage.name, help=stage.help)(command)


def texts_of(desk: Desk, stage: Stage) -> Iterator[str]:
    """What a stage made for people to read, of each of its subjects."""
    from pipeline.runner import subjects

    if not stage.shown:
        return
    for subject in subjects(desk, stage):
        artifacts = desk.made.get((stage.name, subject))
        made = artifacts.ending(stage.shown) if artifacts else None
        if made is not None:
            yield made.text()


@click.command()
@everywhere
def stages(session: Session) -> None:
    """The installed stages, in the order they run."""
    from pipeline.cli.terminal import answer, table

    found = installed()
    if session.json:
        answer(
            {
                name: {"per": one.per, "needs": list(one.parameters), "help": one.help}
                for name, one in found.items()
            }
        )
        return
    rows = [(name, f"per {one.per}", one.help.splitlines()[0]) for name, one in found.items()]
    click.echo(table([("stage", "made", "what it makes"), *rows]))


@click.command()
@click.argument("episode")
@everywhere
def why(session: Session, episode: str) -> None:
    """What made an episode's parts stale."""
    from pipeline.cli.terminal import answer, table
    from pipeline.why import why as reasons

    desk = session.desk()
    try:
        slug = slug_of(desk, episode)
        of_episode = [stage for stage in desk.stages.values() if stage.per == "episode"]
        found = dict(reasons(desk, of_episode, slug))
    finally:
        desk.close()
    if session.json:
        answer(found)
        return
    stale = {name: because for name, because in found.items() if because}
    if not stale:
        click.echo(f"{slug} is fresh: nothing it is made from changed.")
        return
    click.echo(table([(name, "; ".join(because)) for name, because in stale.items()]))
    fresh = [name for name in found if name not in stale]
    if fresh:
        click.echo(f"Fresh: {', '.join(fresh)}.")


def opened(session: Session, terminal: Terminal) -> Desk:
    """The publication opened for a run that is checked: what cannot be read is told as findings are."""
    from pipeline.check import refused
    from pipeline.cli.terminal import answer

    try:
        return session.desk(terminal)
    except AuthorError as error:
        found = refused([("", error)])
        if session.json:
            answer({"errors": [str(error)], "findings": [told_finding(one) for one in found]})
        else:
            show_findings(found)
        raise SystemExit(1) from None


@click.command()
@click.argument("episode", required=False)
@click.option("--external", is_flag=True, help="Try links that lead out of the site, too.")
@click.option("--strict", is_flag=True, help="Take warnings for errors.")
@click.option("--codes", is_flag=True, help="List the codes, and end.")
@click.option("--into", default="build", metavar="DIR", help="Build there, and leave build/ alone.")
@everywhere
def check(
    session: Session, episode: str | None, external: bool, strict: bool, codes: bool, into: str
) -> None:
    """Build, then look for what must not go out: exit code 1 where there is an error."""
    from pipeline.cli.terminal import answer

    if codes:
        _tell_codes(session)
        return

    terminal = session.terminal()
    desk = opened(replace(session, build=into), terminal)
    try:
        report = run(desk)
        slug = slug_of(desk, episode) if episode else None
        found = findings(desk, report, slug, external=external)
    finally:
        desk.close()
    if session.json:
        answer(
            {
                "errors": [str(error) for error in report.errors],
                "findings": [told_finding(one) for one in found],
            }
        )
    else:
        tell_findings(session, report, found)
    warned = strict and any(one.severity == "warning" and not one.waived for one in found)
    if report.errors or warned or any(one.refuses for one in found):
        raise SystemExit(code(report) or 1)


def _tell_codes(session: Session) -> None:
    from pipeline.check.rules import RULES, medium
    from pipeline.cli.terminal import answer, table

    if session.json:
        answer(
            {
                name: {"severity": rule.severity, "title": rule.title, "waivable": rule.waivable}
                for name, rule in RULES.items()
            }
        )
        return
    rows = [
        (
            name,
            medium(name),
            rule.severity,
            rule.title + ("" if rule.waivable else "; cannot be waived"),
        )
        for name, rule in RULES.items()
    ]
    click.echo(table(rows))


def findings(
    desk: Desk, report: Report, only: str | None = None, *, external: bool = False
) -> list[Finding]:
    """What `check` finds in the episodes that could be read, and in what was made of them.

    external: links that lead out of the site are tried.
    """
    from pipeline.check import findings as found
    from pipeline.check import refused
    from pipeline.check.memory import NAME, Memory

    failed: list[tuple[str, SimulcastError]] = [*report.broken.items()]
    for outcome in report.outcomes.values():
        failed += outcome.failed.items()
    told = refused((slug, error) for slug, error in failed if only in (None, "", slug))
    with Memory(desk.store.home / NAME) as memory:
        seen = found(_built(desk, report), memory, only)
        seen += _tried(desk, memory, only) if external else []
    known = {(one.where, one.message) for one in seen}
    return [*(one for one in told if (one.where, one.message) not in known), *seen]


def _tried(desk: Desk, memory: Memory, only: str | None) -> list[Finding]:
    import time

    from pipeline.check.external import of_links
    from pipeline.check.finding import waived
    from pipeline.cli.asking import Robots, ask

    waivers = {one.slug: one.waive for one in desk.listings if one.waive}
    found = of_links(memory.database, desk.now, ask, time.sleep, only, Robots().allowed)
    return [waived(one, waivers) for one in found]


def _built(desk: Desk, report: Report) -> Built:
    from pipeline import identity
    from pipeline.check import Built

    laid = desk.laid
    return Built(
        desk.root,
        desk.publication,
        desk.listings,
        laid,
        {slug: one.sha256 for slug, one in desk.contents.sources.items()},
        desk.episode,
        identity.recorded(desk.root),
        desk.now,
        whole=not report.errors,
        settled=[_settled(desk, page) for page in desk.made.pages.values()],
        loose=laid.own,
    )


def _settled(desk: Desk, page: SettledPage) -> Settled:
    from pipeline.check import Settled
    from pipeline.fingerprint import digest

    key = digest(*(f"{name} {found}" for name, found in sorted(page.told.items())))
    return Settled(page.name, key, desk.pages[page.name].listings, lambda: page.hashes)


def tell_findings(session: Session, report: Report, found: list[Finding]) -> None:
    from pipeline.cli.terminal import complain, count

    if session.json:
        return
    complain(
        str(error) for error in report.errors if not isinstance(error, (AuthorError, MediaError))
    )
    show_findings(found)
    if not session.quiet and not report.errors:
        episodes = count(len(report.listings), "episode")
        click.echo(f"Checked {episodes}: {_counted(found)}.")


def _counted(found: Iterable[Finding]) -> str:
    from collections import Counter

    from pipeline.cli.terminal import count

    numbers = Counter("let pass" if one.waived else one.severity for one in found)
    passed = numbers.pop("let pass", 0)
    told = [count(numbers[kind], kind) for kind in ("error", "warning", "note") if numbers[kind]]
    told = told or ["nothing to mend"]
    return ", ".join([*told, f"{passed} let pass"] if passed else told)


def show_findings(found: Iterable[Finding]) -> None:
    """A line a finding, on standard error; those let pass are not shown."""
    colours = {"error": "red", "warning": "yellow", "note": "cyan"}
    for one in found:
        if not one.waived:
            click.secho(str(one), err=True, fg=colours[one.severity])


def told_finding(one: Finding) -> Mapping[str, Any]:
    from dataclasses import asdict

    return asdict(one)
