"""What was mailed, as one page that needs nothing else."""

from __future__ import annotations

from datetime import timedelta
from html import escape
from typing import TYPE_CHECKING

from pipeline.cli.sums import STATES, largest, named, not_accepted, total

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from pipeline.delivery.ledger.sums import Counts, Sums

BARS = 120
"""Bars of a plot; over a longer time, each stands for several minutes."""

FEWEST = 40
"""Bars there is room for at least, so that one minute is no wall."""

STEPS = (1, 5, 15, 60, 240, 1_440)
"""Minutes of a bar."""

STYLE = """\
:root { color-scheme: light dark; --ground: #f6f3ec; --ink: #14161a; --muted: #545b66; --rule: #c9c3b4;
  --accepted: #2f7d4f; --refused: #ab2f1b; --unknown: #8a4fa3; --deferred: #b7791f; --skipped: #8a8f98;
  --open: #3b6fb6; }
@media (prefers-color-scheme: dark) { :root { --ground: #121418; --ink: #ece8df; --muted: #a3abb5; --rule: #383e47;
  --accepted: #6fcf97; --refused: #ff8a80; --unknown: #d4a3e8; --deferred: #f0c674; --skipped: #8a8f98;
  --open: #82b1ff; } }
body { margin: 0 auto; max-width: 52rem; padding: 2rem 1.25rem 5rem; background: var(--ground); color: var(--ink);
  font: 16px/1.5 "Helvetica Neue", Helvetica, Arial, sans-serif; font-variant-numeric: tabular-nums; }
h1 { margin: 0; padding: .5rem 0; border-top: 4px solid; border-bottom: 1px solid; font-size: .9rem;
  letter-spacing: .04em; }
h2 { margin: 3rem 0 .25rem; font: bold 2rem/1.15 Georgia, "Times New Roman", serif; letter-spacing: -.02em;
  overflow-wrap: anywhere; }
h3 { margin: 2.25rem 0 .75rem; padding-top: .6rem; border-top: 1px solid var(--rule); font-size: .95rem; }
p { margin: 0; color: var(--muted); }
dl { display: flex; flex-wrap: wrap; gap: 1rem 2.5rem; margin: 1.5rem 0; }
dt { color: var(--muted); font-size: .875rem; }
dt::before { content: ""; display: inline-block; width: .65em; height: .65em; margin-right: .45em;
  background: var(--c); }
dd { margin: 0; font: 1.9rem/1.2 Georgia, "Times New Roman", serif; }
svg { display: block; width: 100%; height: 9rem; border-bottom: 1px solid var(--rule); }
figure { margin: 0; }
figcaption { display: flex; justify-content: space-between; margin-top: .35rem; color: var(--muted);
  font-size: .875rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .9375rem; }
td { padding: .4rem 0; border-bottom: 1px solid var(--rule); vertical-align: middle; }
td + td { padding-left: 1rem; }
tr:last-child td { border-bottom: 0; }
.number { width: 1%; text-align: right; white-space: nowrap; }
.bar { width: 45%; min-width: 7rem; }
.bar div { display: flex; height: .75rem; }
.bar span { min-width: 2px; background: var(--c); }
.some { color: var(--muted); white-space: nowrap; }
@media (max-width: 30rem) { .bar { min-width: 4rem; } }
rect { fill: var(--c); }
.accepted { --c: var(--accepted); } .refused { --c: var(--refused); } .unknown { --c: var(--unknown); }
.deferred { --c: var(--deferred); } .skipped { --c: var(--skipped); } .planned, .sending { --c: var(--open); }
.wrong { color: var(--refused); font-weight: bold; }
"""


def page(
    found: Iterable[Sums],
    domains: Mapping[int, Mapping[str, Counts]],
    minutes: Mapping[int, Mapping[datetime, Counts]],
    reasons: Mapping[int, Mapping[str, int]],
) -> str:
    """The report as HTML."""
    sections = "\n".join(
        _section(one, domains[one.edition], minutes[one.edition], reasons[one.edition])
        for one in found
    )
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width">\n<title>What was mailed</title>\n'
        f"<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n<h1>What was mailed</h1>\n"
        f"{sections or '<p>Nothing yet.</p>'}\n</main>\n</body>\n</html>\n"
    )


def _section(
    one: Sums,
    domains: Mapping[str, Counts],
    minutes: Mapping[datetime, Counts],
    reasons: Mapping[str, int],
) -> str:
    holds = "adds up" if one.hold else '<span class="wrong">does not add up</span>'
    there = [state for state in STATES if getattr(one, state)]
    sums = " + ".join(f"{getattr(one, state):,} {state}" for state in there)
    shown = "".join(
        f'<div><dt class="{state}">{state}</dt><dd>{getattr(one, state):,}</dd></div>'
        for state in there
    )
    return (
        f"<section>\n<h2>{escape(named(one))}</h2>\n<p>To {escape(one.mailing_list)}, {one.state}. "
        f"{one.audience:,} = {sums or '0'}: {holds}.</p>\n<dl>{shown}</dl>\n"
        f"{_plot(minutes)}{_by_domain(domains)}{_said(reasons)}</section>"
    )


def _by_domain(domains: Mapping[str, Counts]) -> str:
    shown = largest(domains)
    most = max((total(counts) for _, counts in shown), default=0) or 1
    rows = "".join(
        f'<tr><td>{escape(name)}</td><td class="bar"><div>{_shares(counts, most)}</div></td>'
        f'<td class="number">{total(counts):,}</td><td class="some">{not_accepted(counts)}</td></tr>\n'
        for name, counts in shown
    )
    return f'<h3>By domain</h3>\n<div class="wide"><table>\n{rows}</table></div>\n' if rows else ""


def _shares(counts: Counts, most: int) -> str:
    return "".join(
        f'<span class="{state}" style="width: {100 * number / most:.2f}%"></span>'
        for state in STATES
        if (number := getattr(counts, state))
    )


def _said(reasons: Mapping[str, int]) -> str:
    rows = "".join(
        f'<tr><td class="number">{number:,}</td><td>{escape(why)}</td></tr>\n'
        for why, number in reasons.items()
    )
    return (
        f'<h3>What was said</h3>\n<div class="wide"><table>\n{rows}</table></div>\n' if rows else ""
    )


def _plot(minutes: Mapping[datetime, Counts]) -> str:
    """Messages over time, as bars of their states; where nothing happened there is none."""
    if not minutes:
        return ""
    first, last = min(minutes), max(minutes)
    step = step_of(first, last)
    bars: dict[int, list[Counts]] = {}
    for at, counts in minutes.items():
        bars.setdefault((at - first) // timedelta(minutes=step), []).append(counts)
    heights = {place: sum(map(total, some)) for place, some in bars.items()}
    most = max(heights.values()) or 1
    shown = "".join(_bar(place, some, most) for place, some in sorted(bars.items()))
    each = "minute" if step == 1 else f"{step} minutes"
    width = max(max(bars) + 1, FEWEST)
    return (
        f"<h3>By minute</h3>\n<figure>\n"
        f'<svg viewBox="0 0 {width} 100" preserveAspectRatio="none" role="img" '
        f'aria-label="Messages over time">{shown}</svg>\n'
        f"<figcaption><span>{first:%Y-%m-%d %H:%M}</span><span>a bar is a {each}; the highest, {most:,}"
        f"</span><span>{last:%Y-%m-%d %H:%M} UTC</span></figcaption>\n</figure>\n"
    )


def step_of(first: datetime, last: datetime) -> int:
    """Minutes of a bar, so that there are not too many."""
    span = (last - first) // timedelta(minutes=1)
    return next((step for step in STEPS if span < step * BARS), STEPS[-1])


def _bar(place: int, some: Iterable[Counts], most: int) -> str:
    top, found = 100.0, list[str]()
    some = list(some)
    for state in STATES:
        if number := sum(getattr(counts, state) for counts in some):
            height = 100 * number / most
            top -= height
            found.append(
                f'<rect class="{state}" x="{place + 0.1:.1f}" y="{top:.2f}" width=".8" height="{height:.2f}"/>'
            )
    return "".join(found)
