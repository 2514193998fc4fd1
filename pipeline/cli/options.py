"""What every command knows: where the publication lies, what time it is, how to speak."""

from __future__ import annotations

import functools
import gc
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from pipeline.cli.terminal import Terminal
    from pipeline.runner import Desk

Command = TypeVar("Command", bound=Callable[..., Any])


SELDOM = 100_000
"""Values made before the next look for circles among them: nearly all that an archive is read into stays, and the usual
700 would have a build of 10,000 episodes spend a sixth of its time looking."""


@dataclass(frozen=True, slots=True)
class Session:
    """The options given everywhere, resolved. build: the folder below root that a build is laid into."""

    root: Path
    now: datetime
    json: bool
    quiet: bool
    jobs: int
    build: str = "build"

    def clock(self) -> Callable[[], float]:
        """The time in seconds since 1970, which goes on from `now`."""
        began = time.monotonic()
        return lambda: self.now.timestamp() + time.monotonic() - began

    def terminal(self) -> Terminal:
        from pipeline.cli.terminal import Terminal

        return Terminal(quiet=self.quiet or self.json)

    def desk(self, terminal: Terminal | None = None) -> Desk:
        """The publication opened for this run."""
        from pipeline.runner import Desk

        gc.set_threshold(SELDOM, 20, 20)
        return Desk(self.root, self.now, jobs=self.jobs, reporter=terminal, build=self.build)


def _now(context: click.Context, parameter: click.Parameter, value: str | None) -> datetime:
    epoch = os.environ.get("SOURCE_DATE_EPOCH", "")
    if value is None and not epoch:
        return datetime.now(UTC)
    if value is None:
        try:
            return datetime.fromtimestamp(int(epoch), UTC)
        except (ValueError, OverflowError, OSError):
            raise _no_time(epoch) from None
    found = moment(context, parameter, value)
    assert found is not None
    return found


def moment(
    context: click.Context, parameter: click.Parameter, value: str | None
) -> datetime | None:
    """The time that an option's value names, in UTC where it names no zone."""
    if value is None:
        return None
    try:
        when = datetime.fromisoformat(value)
    except ValueError:
        raise _no_time(value) from None
    return when if when.tzinfo else when.replace(tzinfo=UTC)


def _no_time(value: str) -> click.BadParameter:
    return click.BadParameter(f'"{value}" is not a time; write 2026-06-03T08:00:00Z')


_OPTIONS = (
    click.option(
        "--root",
        type=click.Path(path_type=Path, file_okay=False),
        default=Path(),
        help="Where the publication lies.",
    ),
    click.option(
        "--now", callback=_now, metavar="TIME", help="Work as if it were this time (ISO 8601)."
    ),
    click.option(
        "--jobs",
        type=click.IntRange(1),
        default=lambda: os.cpu_count() or 1,
        help="Processes at a time.",
    ),
    click.option("--json", "as_json", is_flag=True, help="Answer in JSON."),
    click.option("--quiet", "-q", is_flag=True, help="Say only what went wrong."),
)


def everywhere(function: Command) -> Command:
    """Give a command the options that all have; it receives them as `session`."""

    @functools.wraps(function)
    def wrapped(
        *, root: Path, now: datetime, jobs: int, as_json: bool, quiet: bool, **values: Any
    ) -> Any:
        return function(Session(root.absolute(), now, as_json, quiet, jobs), **values)

    for option in reversed(_OPTIONS):
        wrapped = option(wrapped)
    return wrapped  # type: ignore[return-value]
