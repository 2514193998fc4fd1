"""Links that lead out of the site are tried, on demand: each once a week, one at a time at each host."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from pipeline.check.finding import Finding, finding
from pipeline.check.links import leading_out

KEPT = timedelta(days=7)
"""How long a link that led somewhere is taken to do so still; one that did not is tried again."""

PAUSE = 1.0
"""Seconds between two requests to one host."""

SHY = frozenset({401, 403, 405, 406, 429, 451, 999})
"""Answers of servers that turn machines away: they say nothing about what a reader would find."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of trying an address; status is 0 where there was no answer. moved: where it said it is for good."""

    status: int
    moved: str = ""
    certificate: str = ""
    fault: str = ""


Try = Callable[[str, str], Answer]
"""Asks for an address by a method, "HEAD" or "GET"."""

Wait = Callable[[float], None]


def of_links(
    database: sqlite3.Connection, now: datetime, ask: Try, wait: Wait, only: str | None = None
) -> Iterator[Finding]:
    """What trying the links of all sources, or of one, tells; those that were good lately are not tried."""
    found = leading_out(database)
    wanted = [one for one in found if only in (None, one[0].split("/")[1])]
    verdicts = tried(database, [href for _, _, href in wanted], now, ask, wait)
    for path, line, href in wanted:
        kind, said = verdicts[href.partition("#")[0]]
        if kind:
            yield finding(kind, path, line, f'"{href}" {said}', _MENDS[kind], path.split("/")[1])


_MENDS = {
    "E210": "link to where it is now, or to a copy at web.archive.org",
    "E211": "link to the new address",
    "E212": "try it in a browser",
    "E213": "tell whoever runs it, or take the link out",
}


def tried(
    database: sqlite3.Connection, addresses: Iterable[str], now: datetime, ask: Try, wait: Wait
) -> Mapping[str, tuple[str, str]]:
    """A code and words for each address, less its fragment; "" for one that is well."""
    known = dict(database.execute("SELECT href, at FROM tried WHERE verdict = ''").fetchall())
    verdicts: dict[str, tuple[str, str]] = {}
    visited: set[str] = set()
    for address in dict.fromkeys(one.partition("#")[0] for one in addresses):
        at = known.get(address)
        if at and now - datetime.fromisoformat(at) < KEPT:
            verdicts[address] = ("", "")
            continue
        host = urlsplit(address).netloc.lower()
        if host in visited:
            wait(PAUSE)
        visited.add(host)
        verdicts[address] = _verdict(address, ask, wait)
        row = (address, now.isoformat(), *verdicts[address])
        database.execute("INSERT OR REPLACE INTO tried VALUES (?, ?, ?, ?)", row)
    return verdicts


def _verdict(address: str, ask: Try, wait: Wait) -> tuple[str, str]:
    answer = ask(address, "HEAD")
    if answer.status >= 400 and answer.status not in (404, 410, 429):  # some servers know GET alone
        wait(PAUSE)
        answer = ask(address, "GET")
    if answer.certificate:
        return "E213", f"has a certificate that browsers refuse: {answer.certificate}"
    if answer.status in (404, 410):
        return "E210", f"is gone: {answer.status}"
    if answer.status == 0 or answer.status >= 500:
        return "E212", f"gave no page: {answer.fault or answer.status}"
    if answer.status in SHY or answer.status < 400:
        return ("E211", f"has moved to {answer.moved}") if answer.moved else ("", "")
    return "E212", f"was answered with {answer.status}"
