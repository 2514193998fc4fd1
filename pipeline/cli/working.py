"""worker: what is scheduled, deferred or left behind is done when its time comes."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from functools import partial
from typing import TYPE_CHECKING

import click

from pipeline.cli.options import Session, everywhere
from pipeline.errors import SimulcastError

if TYPE_CHECKING:
    from pipeline.delivery.database import Database
    from pipeline.delivery.engine import Durable
    from pipeline.delivery.sender import Dispatch

LOOK = 5.0
"""Seconds between two looks for something to do."""


@click.command()
@click.option("--once", is_flag=True, help="Do what can be done now, then end: for cron.")
@everywhere
def worker(session: Session, once: bool) -> None:
    """Send what is scheduled, deferred or left behind, as long as this runs.

    Several may run, on machines of their own, where the ledger is in PostgreSQL.
    """
    from pipeline import config
    from pipeline.cli.mailing import alone, dispatch, engine_for
    from pipeline.cli.subscribing import ledger
    from pipeline.delivery.ledger import workers

    publication = config.publication(session.root)
    with alone(session.root) as mine, ledger(session) as book:
        if not mine:
            raise SimulcastError("another worker, or a command that sends, is at work here already")
        how = dispatch(session, publication, book)
        engine = engine_for(session, book, how, partial(_publish, session, how))
        try:
            _work(session, book, how, engine, once)
        finally:
            engine.close()
            workers.gone(book, how.worker)


def _publish(session: Session, how: Dispatch, slug: str) -> None:
    """Publish an episode in a process of its own, as if somebody typed it now."""
    command = [sys.executable, "-c", "from pipeline.cli import main; main()", "publish", slug]
    now = how.clock.moment().isoformat()
    ran = subprocess.run(
        [*command, "--yes", "--quiet", "--root", str(session.root), "--now", now],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    if ran.returncode:
        raise SimulcastError(f"{slug} was not published (exit code {ran.returncode}): {ran.stderr}")


def _work(session: Session, book: Database, how: Dispatch, engine: Durable, once: bool) -> None:
    from pipeline.delivery.mailing import launch, look_after, take_up, take_up_publishings

    stop = how.stop  # senders end, too, when what they have in hand is settled
    for one in (signal.SIGTERM, signal.SIGINT):
        if threading.current_thread() is threading.main_thread():
            signal.signal(one, lambda *_: stop.set())
    launch(book, how, engine)
    under_way: set[str] = set()
    while not stop.is_set():
        look_after(book, how, engine)
        now = how.clock.moment()
        under_way.update(take_up_publishings(book, engine, now))
        under_way.update(take_up(book, how, engine, now))
        under_way = {key for key in under_way if not _ended(session, engine, key)}
        if once and not under_way:
            return
        stop.wait(0.1 if once else LOOK)


def _ended(session: Session, engine: Durable, key: str) -> bool:
    """Whether a round has ended; tells so, and what went wrong."""
    try:
        if not engine.ended(key):
            return False
    except SimulcastError as error:
        click.secho(f"{key}: {error}", err=True, fg="red")
        return True
    if not session.quiet:
        click.echo(f"{key}: done", err=True)
    return True
