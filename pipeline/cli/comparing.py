"""diff, verify: what would change, and whether what went out is what its sources make."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipeline.cli.building import code, opened, run, slug_of
from pipeline.cli.options import Session, everywhere

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pipeline.diff import Change, NewGuid
    from pipeline.runner import Desk
    from pipeline.snapshot import Snapshot


# --- diff ------------------------------------------------------------------------------------------


@click.command()
@click.argument("episode", required=False)
@click.option(
    "--html", type=click.Path(path_type=Path, dir_okay=False), help="Write a page, side by side."
)
@everywhere
def diff(session: Session, episode: str | None, html: Path | None) -> None:
    """What each audience will see changed, against what was published last."""
    from pipeline.cli.terminal import answer, complain
    from pipeline.diff import side_by_side
    from pipeline.snapshot import taken

    desk = opened(session, session.terminal())
    try:
        report = run(desk)
        snapshot = taken(desk.root)
        slug = slug_of(desk, episode) if episode else None
        found, guids = compared(desk, snapshot, slug)
    finally:
        desk.close()
    if html:
        html.write_text(side_by_side("What would change", found), "utf-8")
    if session.json:
        answer(
            {
                "errors": [str(error) for error in report.errors],
                "published": snapshot.last.at,
                "changes": [told(one) for one in found],
                "guids": [str(one) for one in guids],
            }
        )
    else:
        complain(map(str, [*report.errors, *guids]))
        click.echo("\n\n".join(map(_shown, found)) or _nothing(snapshot))
    if report.errors or guids:
        raise SystemExit(code(report) or 1)


def compared(
    desk: Desk, snapshot: Snapshot, only: str | None = None
) -> tuple[list[Change], list[NewGuid]]:
    """What differs from what was published, and the GUIDs that would change; nothing before the first time."""
    from pipeline.diff import Side, changes, new_guids

    if not snapshot.files:
        return [], []
    old, new = Side(snapshot.files, desk.store.kept), Side(desk.laid.hashes, partial(_now, desk))
    slugs = [one.slug for one in desk.listings if only in (None, one.slug)]
    return list(changes(old, new, slugs)), new_guids(old, new)


def _now(desk: Desk, digest: str) -> bytes | None:
    """The bytes that hash so and were made, wherever they lie."""
    kept = desk.store.kept(digest)
    return desk.laid.read(digest) if kept is None else kept


def told(change: Change) -> dict[str, Any]:
    """A change as JSON tells it."""
    return {
        "audience": change.audience,
        "subject": change.subject,
        "facts": list(change.facts),
        "diff": list(change.lines),
    }


def _shown(change: Change) -> str:
    head = click.style(f"{change.subject}, to the {change.audience}", bold=True)
    colours = {"+": "green", "-": "red", "@": "cyan"}
    lines = [
        click.style(line, fg=colours.get(line[:1]))
        for line in change.lines
        if not line.startswith(("+++", "---"))
    ]
    return "\n".join([head, *change.facts, *lines])


def _nothing(snapshot: Snapshot) -> str:
    return (
        "Nothing changed for anybody." if snapshot.files else "Nothing was published from here yet."
    )


def summary(found: Sequence[Change]) -> Iterator[str]:
    """What publish says of it, a line an episode."""
    subjects = dict.fromkeys(one.subject for one in found)
    for subject in subjects:
        parts = []
        for one in found:
            if one.subject == subject:
                lines = sum(
                    line[:1] in "+-" and line[:3] not in ("+++", "---") for line in one.lines
                )
                parts += [*one.facts, *([f"{one.audience}: {lines} lines differ"] if lines else [])]
        yield f"{subject}: {'; '.join(parts)}"


# --- verify ----------------------------------------------------------------------------------------


@click.command()
@click.argument("episode")
@click.option("--at", "ref", default="", help="A tag or commit; else the one that was published.")
@everywhere
def verify(session: Session, episode: str, ref: str) -> None:
    """Make an episode again from the commit it was published from, and compare it with what went out, byte for byte."""
    from pipeline.cli.terminal import answer, complain, count

    desk = session.desk(session.terminal())
    try:
        slug = slug_of(desk, episode)
        compared = list(_compared(session, desk, slug, ref))
    finally:
        desk.close()
    differ = [(path, how) for path, how in compared if how]
    if session.json:
        answer({"same": [path for path, how in compared if not how], "differ": dict(differ)})
    else:
        complain(f"{path}: {how}" for path, how in differ)
        if not differ:
            click.echo(
                f"{slug}: {count(len(compared), 'file')} made again, each the same byte for byte."
            )
    if differ:
        raise SystemExit(1)


def _compared(session: Session, desk: Desk, slug: str, ref: str) -> Iterator[tuple[str, str]]:
    """Each thing that went out, and how it differs from what is made now; "" where it does not."""
    from pipeline.cli.subscribing import ledger
    from pipeline.delivery.ledger import editions
    from pipeline.delivery.ledger.sums import all_sums
    from pipeline.deploy import deployed
    from pipeline.snapshot import taken
    from pipeline.verify import difference

    snapshot = taken(desk.root)
    site = deployed(desk.publication.deploy, desk.store.build / "site", desk.root)
    where = desk.publication.deploy.to or "build/site"
    for path, made in sorted(_again(session, desk, slug, ref, snapshot.last).items()):
        if path.startswith("site/"):
            name = path.removeprefix("site/")
            yield f"{where}/{name}", difference(made, site(name))
    with ledger(session) as book:
        for sums in all_sums(book, slug):
            frozen = editions.thawed(book, sums.edition)
            moment = snapshot.mailed.get(f"{slug} {sums.revision}", snapshot.last)
            again = _again(session, desk, slug, ref, moment)
            for ending, content in (("html", frozen.html), ("txt", frozen.text)):
                name = f"edition {sums.edition} to {sums.mailing_list}, {ending}"
                yield name, difference(again[f"edition/{slug}.{ending}"], content.encode())


def _again(session: Session, desk: Desk, slug: str, ref: str, moment: Any) -> dict[str, bytes]:
    """What an episode's stages make of its sources as they were, by path below build/."""
    from datetime import datetime

    from pipeline.verify import commit_of, rebuilt

    commit = commit_of(desk.root, slug, ref, moment.commit)
    now = datetime.fromisoformat(moment.at) if moment.at else session.now
    return rebuilt(desk.root, desk.store.home, commit, slug, now)
