"""How the commands speak: progress while they work, a short table at the end."""

from __future__ import annotations

import json
import shutil
import sys
import time
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

DOING = {
    "page": "Writing pages",
    "email": "Composing emails",
    "entry": "Writing feed entries",
    "script": "Writing scripts for the voice",
    "alignment": "Finding sentences",
    "narration": "Narrating",
    "audio": "Mastering audio",
    "chapters": "Marking chapters",
    "transcript": "Writing transcripts",
    "soundbites": "Cutting soundbites",
    "waveform": "Drawing waveforms",
    "art": "Drawing cards",
    "feed": "Writing feeds",
    "podcast": "Writing the podcast feed",
    "backlist": "Writing full pages of the archive",
    "site": "Writing the site",
    "mail": "Mailing",
    "deploy": "Deploying",
}
BAR = 24
LINE_EVERY = 15.0
"""Seconds between two lines of progress where there is no terminal to redraw."""


class Terminal:
    """Tells on standard error what a build does; redraws one line on a terminal, prints few lines elsewhere."""

    def __init__(self, *, quiet: bool) -> None:
        self.quiet = quiet
        self._live = sys.stderr.isatty()
        self._began = self._last = 0.0
        self._label = ""
        self._announced = False
        self._first: float | None = None
        self._noted: set[str] = set()

    def begin(self, stage: str, subjects: int) -> None:
        self._label = DOING.get(stage, f"Making {stage}")
        self._began = self._last = time.monotonic()
        self._announced, self._first = False, None
        if self._live and not self.quiet:
            self._redraw(f"{self._label} …")

    def progress(self, stage: str, subject: str, done: float, total: float, unit: str) -> None:
        if self.quiet or total <= 0:
            return
        now = time.monotonic()
        if self._first is None:
            self._first = done
            self._since = now
        line = self._line(subject, done, total, unit, now)
        if self._live:
            if now - self._last > 0.1 or done >= total:
                self._redraw(line)
                self._last = now
        elif now - self._last > LINE_EVERY or (not self._announced and now - self._began > 1):
            click.echo(line, err=True)
            self._announced, self._last = True, now

    def _line(self, subject: str, done: float, total: float, unit: str, now: float) -> str:
        share = min(done / total, 1.0)
        filled = round(share * BAR)
        shown = f"{done:,.0f} of {total:,.0f} {unit}"
        of = f" {subject}" if subject else ""
        return f"{self._label}{of}  {'█' * filled}{'░' * (BAR - filled)}  {shown}{self._left(done, total, now)}"

    def _left(self, done: float, total: float, now: float) -> str:
        fresh = done - (self._first or 0)
        if fresh <= 0 or now - self._since < 2 or done >= total:
            return ""
        return f", about {duration((total - done) * (now - self._since) / fresh)} left"

    def _redraw(self, line: str) -> None:
        width = shutil.get_terminal_size().columns
        click.echo("\r\x1b[2K" + line[: width - 1], err=True, nl=False)

    def note(self, text: str) -> None:
        if text not in self._noted:
            self._noted.add(text)
            self._clear()
            click.secho(f"Note: {text}", err=True, fg="yellow")

    def end(self, stage: str) -> None:
        took = time.monotonic() - self._began
        self._clear()
        if not self.quiet and took > 1:
            click.echo(f"{self._label}: {duration(took)}", err=True)

    def _clear(self) -> None:
        if self._live and not self.quiet:
            click.echo("\r\x1b[2K", err=True, nl=False)


def duration(seconds: float) -> str:
    """Seconds as a person says them: 8 s, 2 min 5 s, 1 h 4 min."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def clock(seconds: float) -> str:
    """A length of audio: 13:05."""
    whole = round(seconds)
    return (
        f"{whole // 3600}:{whole % 3600 // 60:02}:{whole % 60:02}"
        if whole >= 3600
        else f"{whole // 60}:{whole % 60:02}"
    )


def count(number: int, one: str, many: str = "") -> str:
    """1 message, 3 messages."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def table(rows: Sequence[Sequence[str]]) -> str:
    """Columns side by side, two spaces between them."""
    widths = (
        [max(len(row[i]) for row in rows if i < len(row)) for i in range(max(map(len, rows)))]
        if rows
        else []
    )
    return "\n".join(
        "  ".join(cell.ljust(widths[i]) for i, cell in enumerate(row)).rstrip() for row in rows
    )


def answer(value: Mapping[str, Any]) -> None:
    """One JSON document on standard output."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))


def complain(lines: Iterable[str]) -> None:
    """What went wrong, a line each, on standard error."""
    for line in lines:
        click.secho(line, err=True, fg="red")
