"""status: what became of every message, by edition, list and domain."""

from __future__ import annotations

from datetime import datetime
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipeline.cli.options import Session, everywhere
from pipeline.cli.subscribing import ledger

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pipeline.delivery.ledger import Counts, Publishing, Sums

UNKNOWN = 4
STATES = ("accepted", "refused", "skipped", "planned", "sending", "deferred", "unknown")
COLOURS = {
    "accepted": "green", "refused": "red", "skipped": "bright_black", "planned": "blue", "sending": "cyan",
    "deferred": "yellow", "unknown": "magenta",
}  # fmt: skip
BAR = 40
DOMAINS = 12
"""Domains that are shown of an edition, the largest first; the others stand together."""


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
    from pipeline.cli.mailing import meant, named
    from pipeline.cli.terminal import answer

    with ledger(session) as book:
        waiting = [one for one in book.to_publish() if not episode or meant(one.slug, episode)]
        found = [one for one in book.editions() if not episode or named(one, episode)]
        closer = found if episode or html or session.json else []
        domains = {one.edition: book.by_domain(one.edition) for one in closer}
        minutes = {one.edition: book.by_minute(one.edition) for one in closer}
        reasons = {one.edition: book.reasons(one.edition) for one in closer}
    if html:
        html.write_text(page(found, domains, minutes, reasons), "utf-8")
    if session.json:
        editions = [_told(one, domains, minutes, reasons) for one in found]
        scheduled = [{"episode": one.slug, "at": one.starts} for one in waiting]
        answer({"editions": editions, "to_publish": scheduled})
    else:
        _tell_waiting(waiting)
        if found or not waiting:
            click.echo(_table(found) if found else "Nothing was mailed yet.")
        for one in found if episode else ():
            click.echo(
                _closer(one, domains[one.edition], minutes[one.edition], reasons[one.edition])
            )
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
            _named(one),
            one.mailing_list,
            *(f"{getattr(one, name):,}" for name in names),
            "adds up" if one.hold else "DOES NOT ADD UP",
            f"for {one.starts}" if one.state == "scheduled" else one.state,
        )
        for one in found
    ]
    return table(rows)


def _named(one: Sums) -> str:
    return one.slug + (f", correction {one.revision}" if one.revision else "")


def _closer(
    one: Sums,
    domains: Mapping[str, Counts],
    minutes: Mapping[datetime, Counts],
    reasons: Mapping[str, int],
) -> str:
    shown = _largest(domains)
    width = max((len(name) for name, _ in shown), default=0)
    lines = ["", click.style(f"{_named(one)} to {one.mailing_list}", bold=True)]
    lines += [
        f"  {name:<{width}}  {_bar(counts)}  {_total(counts):,}"
        + (f"  ({_not_accepted(counts)})" if _not_accepted(counts) else "")
        for name, counts in shown
    ]
    if minutes:
        each = [_total(counts) for _, counts in sorted(minutes.items())]
        lines.append(f"  by minute  {spark(each)}  at most {max(each):,}")
    lines += [f"  {number:,} × {reason}" for reason, number in sorted(reasons.items())]
    return "\n".join(lines)


def _largest(domains: Mapping[str, Counts]) -> list[tuple[str, Counts]]:
    from pipeline.delivery.ledger import Counts

    ranked = sorted(domains.items(), key=lambda one: (-_total(one[1]), one[0]))
    rest = ranked[DOMAINS:]
    if not rest:
        return ranked
    sums = {state: sum(getattr(counts, state) for _, counts in rest) for state in STATES}
    return [*ranked[:DOMAINS], (f"{len(rest)} others", Counts(**sums))]


def _total(counts: Counts) -> int:
    return sum(getattr(counts, state) for state in STATES)


def _not_accepted(counts: Counts) -> str:
    others = ((state, getattr(counts, state)) for state in STATES[1:])
    return ", ".join(f"{number:,} {state}" for state, number in others if number)


def _bar(counts: Counts) -> str:
    """A line of blocks, each state with its colour and its share; what there is any of has a block."""
    total = _total(counts) or 1
    parts = []
    for state in STATES:
        number = getattr(counts, state)
        blocks = max(1, round(BAR * number / total)) if number else 0
        parts.append(click.style("█" * blocks, fg=COLOURS[state]))
    return "".join(parts)


def spark(numbers: Sequence[int]) -> str:
    """A small plot: a block as high as its number is large."""
    blocks = "▁▂▃▄▅▆▇█"
    most = max(numbers, default=0) or 1
    return "".join(blocks[(number * (len(blocks) - 1)) // most] for number in numbers[-BAR:])


# --- as a page -------------------------------------------------------------------------------------

_STYLE = """\
:root { color-scheme: light dark; --good: #2f7d4f; --bad: #b3261e; --open: #3b6fb6; --rest: #8a8f98; }
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem; }
h2 { margin: 2.5rem 0 .5rem; font-size: 1.25rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; width: 100%; }
th, td { padding: .3rem .6rem; text-align: right; border-bottom: 1px solid #8a8f9866; }
th:first-child, td:first-child { text-align: left; }
svg { width: 100%; height: 4rem; display: block; }
.accepted { fill: var(--good); } .refused, .unknown { fill: var(--bad); } .skipped { fill: var(--rest); }
.planned, .sending, .deferred { fill: var(--open); }
.wrong { color: var(--bad); font-weight: 600; }
@media (prefers-color-scheme: dark) { :root { --good: #6fcf97; --bad: #ff8a80; --open: #82b1ff; } }
"""


def page(
    found: Iterable[Sums],
    domains: Mapping[int, Mapping[str, Counts]],
    minutes: Mapping[int, Mapping[datetime, Counts]],
    reasons: Mapping[int, Mapping[str, int]],
) -> str:
    """The report as one HTML file that needs nothing else."""
    sections = "\n".join(
        _section(one, domains[one.edition], minutes[one.edition], reasons[one.edition])
        for one in found
    )
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width">\n<title>What was mailed</title>\n'
        f"<style>\n{_STYLE}</style>\n</head>\n<body>\n<main>\n<h1>What was mailed</h1>\n"
        f"{sections or '<p>Nothing yet.</p>'}\n</main>\n</body>\n</html>\n"
    )


def _section(
    one: Sums,
    domains: Mapping[str, Counts],
    minutes: Mapping[datetime, Counts],
    reasons: Mapping[str, int],
) -> str:
    holds = "adds up" if one.hold else '<span class="wrong">does not add up</span>'
    sums = " + ".join(f"{getattr(one, s):,} {s}" for s in STATES if getattr(one, s))
    rows = [_row(name, counts) for name, counts in _largest(domains)]
    head = "".join(f'<th scope="col">{state}</th>' for state in ("domain", *STATES))
    why = "".join(f"<li>{number:,} × {escape(why)}</li>" for why, number in sorted(reasons.items()))
    return (
        f"<section>\n<h2>{escape(_named(one))} to {escape(one.mailing_list)}</h2>\n"
        f"<p>{one.audience:,} = {sums or '0'}: {holds}.</p>\n{_plot(minutes)}"
        f'<div class="wide"><table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{"".join(rows)}</tbody>\n</table></div>\n'
        f"{f'<ul>{why}</ul>' if why else ''}</section>"
    )


def _row(name: str, counts: Counts) -> str:
    cells = "".join(f"<td>{getattr(counts, state):,}</td>" for state in STATES)
    return f"<tr><td>{escape(name)}</td>{cells}</tr>\n"


def _plot(minutes: Mapping[datetime, Counts]) -> str:
    """Messages by minute, as bars of their states."""
    if not minutes:
        return ""
    most = max(map(_total, minutes.values())) or 1
    bars = []
    for place, (_, counts) in enumerate(sorted(minutes.items())):
        top = 100.0
        for state in STATES:
            height = 100 * getattr(counts, state) / most
            top -= height
            if height:
                bars.append(
                    f'<rect class="{state}" x="{place}" y="{top:.2f}" width=".8" height="{height:.2f}"/>'
                )
    label = f"{len(minutes)} minutes, at most {most:,} messages in one"
    return (
        f'<svg viewBox="0 0 {len(minutes)} 100" preserveAspectRatio="none" role="img" '
        f'aria-label="{label}">{"".join(bars)}</svg>\n'
    )
