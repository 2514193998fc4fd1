"""status: what became of every message, by edition, list and domain."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipeline.cli.options import Session, everywhere
from pipeline.cli.subscribing import ledger
from pipeline.cli.sums import STATES, largest, named, not_accepted, total

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pipeline.delivery.ledger.publishings import Publishing
    from pipeline.delivery.ledger.sums import Counts, Sums

UNKNOWN = 4
COLOURS = {
    "accepted": "green", "refused": "red", "skipped": "bright_black", "planned": "blue", "sending": "cyan",
    "deferred": "yellow", "unknown": "magenta",
}  # fmt: skip
BAR = 40


@click.command()
@click.argument("episode", required=False)
@click.option(
    "--html", type=click.Path(path_type=Path, dir_okay=False), help="Write the report as a page."
)
@everywhere
def status(session: Session, episode: str | None, html: Path | None) -> None:
    """The ledger's sums: of each edition, how many were accepted, refused, or are still to go.

    With EPISODE (06), by domain and minute too.
    """
    from pipeline.cli.mailing import meant
    from pipeline.cli.terminal import answer
    from pipeline.delivery.ledger import publishings
    from pipeline.delivery.ledger.sums import all_sums, by_domain, by_minute, reasons

    with ledger(session) as book:
        waiting = [
            one for one in publishings.to_publish(book) if not episode or meant(one.slug, episode)
        ]
        found = [one for one in all_sums(book) if not episode or meant(one.slug, episode)]
        closer = found if episode or html or session.json else []
        domains = {one.edition: by_domain(book, one.edition) for one in closer}
        minutes = {one.edition: by_minute(book, one.edition) for one in closer}
        said = {one.edition: reasons(book, one.edition) for one in closer}
    if html:
        from pipeline.cli.report import page

        html.write_text(page(found, domains, minutes, said), "utf-8")
    if session.json:
        editions = [_told(one, domains, minutes, said) for one in found]
        scheduled = [{"episode": one.slug, "at": one.starts} for one in waiting]
        answer({"editions": editions, "to_publish": scheduled})
    else:
        _tell_waiting(waiting)
        if found or not waiting:
            click.echo(_table(found) if found else "Nothing was mailed yet.")
        for one in found if episode else ():
            click.echo(_closer(one, domains[one.edition], minutes[one.edition], said[one.edition]))
        for one in found:
            if one.uncertain:
                click.echo(
                    f"{one.slug}: {one.uncertain:,} may have arrived twice, with one Message-ID."
                )
    if any(one.unknown or one.sending for one in found):
        raise SystemExit(UNKNOWN)


def _tell_waiting(waiting: Sequence[Publishing]) -> None:
    for one in waiting:
        at = datetime.fromisoformat(one.starts)
        click.echo(f"{one.slug} is to be published at {at:%Y-%m-%d %H:%M %Z}.")


def _told(
    one: Sums,
    domains: Mapping[int, Mapping[str, Counts]],
    minutes: Mapping[int, Mapping[datetime, Counts]],
    reasons: Mapping[int, Mapping[str, int]],
) -> dict[str, Any]:
    from dataclasses import asdict

    from pipeline.cli.mailing import told

    return {
        **told(one),
        "domains": {name: asdict(counts) for name, counts in domains[one.edition].items()},
        "minutes": {at.isoformat(): asdict(counts) for at, counts in minutes[one.edition].items()},
        "reasons": dict(reasons[one.edition]),
    }


def _table(found: Sequence[Sums]) -> str:
    from pipeline.cli.terminal import table

    names = ("audience", *STATES)
    rows: list[tuple[str, ...]] = [("edition", "list", *names, "", "")]
    rows += [
        (
            named(one),
            one.mailing_list,
            *(f"{getattr(one, name):,}" for name in names),
            "adds up" if one.hold else "DOES NOT ADD UP",
            f"for {one.starts}" if one.state == "scheduled" else one.state,
        )
        for one in found
    ]
    return table(rows)


def _closer(
    one: Sums,
    domains: Mapping[str, Counts],
    minutes: Mapping[datetime, Counts],
    reasons: Mapping[str, int],
) -> str:
    shown = largest(domains)
    width = max((len(name) for name, _ in shown), default=0)
    lines = ["", click.style(f"{named(one)} to {one.mailing_list}", bold=True)]
    lines += [
        f"  {name:<{width}}  {_bar(counts)}  {total(counts):,}"
        + (f"  ({not_accepted(counts)})" if not_accepted(counts) else "")
        for name, counts in shown
    ]
    if minutes:
        each = [total(counts) for _, counts in sorted(minutes.items())]
        lines.append(f"  by minute  {spark(each)}  at most {max(each):,}")
    lines += [f"  {number:,} × {reason}" for reason, number in reasons.items()]
    return "\n".join(lines)


def _bar(counts: Counts) -> str:
    """A line of blocks, each state with its colour and its share; what there is any of has a block."""
    there = {state: number for state in STATES if (number := getattr(counts, state))}
    whole = total(counts) or 1
    blocks = {state: max(1, round(BAR * number / whole)) for state, number in there.items()}
    if blocks:  # rounding is made good where it is seen least
        widest = max(blocks, key=lambda state: blocks[state])
        blocks[widest] += BAR - sum(blocks.values())
    return "".join(click.style("█" * many, fg=COLOURS[state]) for state, many in blocks.items())


def spark(numbers: Sequence[int]) -> str:
    """A small plot: a block as high as its number is large."""
    blocks = "▁▂▃▄▅▆▇█"
    most = max(numbers, default=0) or 1
    return "".join(blocks[(number * (len(blocks) - 1)) // most] for number in numbers[-BAR:])
